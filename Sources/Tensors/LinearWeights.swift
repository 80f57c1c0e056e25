/// The weights of a linear map in a product: f32 in memory, or stored blocks that are decoded a part at a time.
///
/// Stored weights are decoded into a workspace of a few megabytes and multiplied by `Gemm`. An element of the product is the
/// same chain of multiply-adds, so its bits are those of the product with the whole matrix decoded.
import Base

public struct LinearWeights {
  public enum Source {
    /// A row-major matrix.
    case floats(UnsafePointer<Float>, outputs: Int, inputs: Int)
    case stored(StoredMatrix)
  }

  public let source: Source
  /// Of the products.
  public let precision: Precision

  public init(_ source: Source, _ precision: Precision = .f32) {
    (self.source, self.precision) = (source, precision)
  }

  /// Floats that are decoded at once: 2 MB.
  private static let decodedMax = 1 << 19

  public var outputs: Int {
    switch source {
    case .floats(_, let outputs, _): return outputs
    case .stored(let matrix): return matrix.outputs
    }
  }

  public var inputs: Int {
    switch source {
    case .floats(_, _, let inputs): return inputs
    case .stored(let matrix): return matrix.inputs
    }
  }

  /// Rows of weights decoded at once, and in `multiplyBack`, where they are the elements of one chain.
  private var rowsAtOnce: Int { min(outputs, max(32, Self.decodedMax / max(1, inputs) / 32 * 32)) }
  private var rowsAtOnceBack: Int { min(outputs, precision.chain(outputs)) }

  /// Floats of the workspace of the products; none for floats.
  public var workspaceFloats: Int {
    guard case .stored(let matrix) = source else { return 0 }
    return max(rowsAtOnce, rowsAtOnceBack) * matrix.inputs
  }

  /// A workspace of the products; nil for floats.
  public func workspace() throws -> Tensor? {
    let count = workspaceFloats
    return count == 0 ? nil : try Tensor(uninitialized: [count], .f32)
  }

  /// y = alpha x W^T + beta add + bias for x [rows, inputs] and y [rows, outputs]; see `Gemm.run`. Where beta is not 0 and
  /// `add` is nil, y itself is added. `then` is called with each block (rows, columns) that is done, `after` with rows of which
  /// all columns are.
  public func multiply(
    _ x: UnsafePointer<Float>, rows: Int, into y: UnsafeMutablePointer<Float>,
    workspace: UnsafeMutablePointer<Float>?, alpha: Float = 1, beta: Float = 0,
    add: UnsafePointer<Float>? = nil,
    bias: UnsafePointer<Float>? = nil, before: Gemm.RowCallback? = nil, after: Gemm.RowCallback? = nil,
    then: ((Range<Int>, Range<Int>) -> Void)? = nil
  ) {
    let a = MatrixView(x, rows: rows, columns: inputs)
    func product(_ weights: UnsafePointer<Float>, _ columns: Range<Int>) {
      let isLast = columns.upperBound == outputs
      var done: Gemm.RowCallback?
      if then != nil || (isLast && after != nil) {
        done = { rows in
          then?(rows, columns)
          if isLast { after?(rows) }
        }
      }
      Gemm.run(
        a, MatrixView(weights, rows: columns.count, columns: inputs).transposed,
        into: MutableMatrixView(y + columns.lowerBound, rows: rows, columns: columns.count, lead: outputs),
        alpha: alpha, beta: beta,
        add: add.map {
          MatrixView($0 + columns.lowerBound, rows: rows, columns: columns.count, lead: outputs)
        },
        bias: bias.map { $0 + columns.lowerBound }, precision: precision,
        before: columns.lowerBound == 0 ? before : nil,
        after: done)
    }
    switch source {
    case .floats(let weights, _, _): product(weights, 0..<outputs)
    case .stored(let matrix):
      guard let workspace, outputs > 0 else { return }
      for start in stride(from: 0, to: outputs, by: rowsAtOnce) {
        let columns = start..<min(start + rowsAtOnce, outputs)
        matrix.decodeTogether(columns, into: workspace)
        product(workspace, columns)
      }
    }
  }

  /// dx = dy W for dy [rows, outputs] and dx [rows, inputs].
  public func multiplyBack(
    _ dy: UnsafePointer<Float>, rows: Int, into dx: UnsafeMutablePointer<Float>,
    workspace: UnsafeMutablePointer<Float>?, before: Gemm.RowCallback? = nil, after: Gemm.RowCallback? = nil
  ) {
    let a = MatrixView(dy, rows: rows, columns: outputs)
    let c = MutableMatrixView(dx, rows: rows, columns: inputs)
    switch source {
    case .floats(let weights, _, _):
      Gemm.run(
        a, MatrixView(weights, rows: outputs, columns: inputs), into: c, precision: precision, before: before,
        after: after)
    case .stored(let matrix):
      guard let workspace, outputs > 0 else { return }
      for start in stride(from: 0, to: outputs, by: rowsAtOnceBack) {
        let own = start..<min(start + rowsAtOnceBack, outputs)
        matrix.decodeTogether(own, into: workspace)
        Gemm.run(
          a.columns(from: start, count: own.count), MatrixView(workspace, rows: own.count, columns: inputs),
          into: c,
          beta: start == 0 ? 0 : 1, precision: precision, before: start == 0 ? before : nil,
          after: own.upperBound == outputs ? after : nil)
      }
    }
  }
}
