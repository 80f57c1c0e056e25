/// A weight matrix packed once for many products with few rows each.
///
/// `Gemm` packs its second operand in every call, which takes as long as the product itself for a dozen rows.
/// Here each panel holds all of k and panels are consecutive, so that a product with few rows reads memory in
/// one stream. The results have the bits of `Gemm`.
///
///     let packed = PackedMatrix(weight, outputs: 512, inputs: 128, at: buffer)   // PackedMatrix.floats(...) floats
///     packed.multiply(x, y, rows: 16, adding: false, bias: nil, panels: 0..<packed.panelCount)
import CKernels

public struct PackedMatrix: @unchecked Sendable {
  public let outputs: Int
  public let inputs: Int
  private let level: GemmLevel
  /// The steps of a tile over all inputs, and of a chain.
  private let steps, unit: Int
  private let floats: UnsafeMutablePointer<Float>

  /// Floats that a packed matrix needs.
  public static func floats(outputs: Int, inputs: Int, _ precision: Precision = .f32) -> Int {
    let level = GemmLevel.of(precision)
    return PackedBlock.floats(level, depth: level.steps(inputs), columns: outputs)
  }

  /// Packs W [outputs, inputs], row-major, into `floats`, which the caller owns and must outlive the matrix.
  public init(
    _ weight: UnsafePointer<Float>, outputs: Int, inputs: Int, at floats: UnsafeMutablePointer<Float>
  ) {
    self.init(LinearWeights(.floats(weight, outputs: outputs, inputs: inputs)), at: floats)
  }

  /// The same for weights that may be stored, and for products of their precision.
  public init(_ weights: LinearWeights, at floats: UnsafeMutablePointer<Float>) {
    (outputs, inputs, self.floats) = (weights.outputs, weights.inputs, floats)
    level = GemmLevel.of(weights.precision)
    (steps, unit) = (level.steps(inputs), level.unit(inputs))
    Parallel.ranges(panelCount, grain: PackedBlock.packingGrain(level, panels: panelCount, depth: steps)) {
      range in
      switch weights.source {
      case .floats(let weight, _, _):
        for panel in range { pack(panel, weight + panel * level.width * inputs) }
      case .stored(let matrix):
        withUnsafeTemporaryAllocation(of: Float.self, capacity: level.width * inputs) { decoded in
          guard let decoded = decoded.baseAddress else { return }
          for panel in range {
            matrix.decode(columns(panel..<panel + 1), into: decoded)
            pack(panel, decoded)
          }
        }
      }
    }
  }

  /// Packs the rows of W that are a panel, which begin at `weight`.
  private func pack(_ panel: Int, _ weight: UnsafePointer<Float>) {
    level.kernels.pack_panel(
      inputs, Int32(min(level.width, outputs - panel * level.width)), weight, 1, inputs,
      floats + panel * steps * level.width)
  }

  /// Floats of a row of x as `multiply` reads it: `inputs`, or fewer or more where x is rounded.
  public var rowFloats: Int { steps }

  /// Rows of x as `multiply` reads them: x itself, or rounded to bf16 in `buffer`, of rows times `rowFloats`.
  public func operand(
    _ x: UnsafePointer<Float>, rows: Range<Int>, _ buffer: UnsafeMutablePointer<Float>
  ) -> UnsafePointer<Float> {
    guard let round = level.kernels.pack_row else { return x }
    for row in rows { round(inputs, x + row * inputs, buffer + row * steps) }
    return UnsafePointer(buffer)
  }

  public var panelCount: Int { level.panels(outputs) }

  /// The outputs in a range of panels.
  public func columns(_ panels: Range<Int>) -> Range<Int> { level.columns(panels, of: outputs) }

  /// Number of pieces (even). Pieces are large because each one stalls on loading its first panel.
  public func pieces(rows: Int) -> Int {
    min(panelCount, Gemm.evenPieces(panelCount * level.width * steps * rows / (4 * Gemm.pieceWork)))
  }

  /// y = x W^T + bias, or y += x W^T + bias if `adding`, for the outputs of some panels, on the calling
  /// thread. x is the `operand` of [rows, inputs], and y [rows, outputs].
  public func multiply(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, rows: Int, adding: Bool,
    bias: UnsafePointer<Float>?,
    panels: Range<Int>
  ) {
    let tiles = (rows + level.height - 1) / level.height
    level.computing {
      multiply(x, y, rows: rows, tiles: tiles, adding: adding, bias: bias, panels: panels)
    }
  }

  @inline(__always)
  private func multiply(
    _ x: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>, rows: Int, tiles: Int, adding: Bool,
    bias: UnsafePointer<Float>?, panels: Range<Int>
  ) {
    for panel in panels {
      let column = panel * level.width
      let width = Int32(min(level.width, outputs - column))
      for start in stride(from: 0, to: steps, by: unit) {
        let isFirst = start == 0
        let part = floats + (panel * steps + start) * level.width
        let depth = min(unit, steps - start)
        let next = part + depth * level.width
        for tile in 0..<tiles {
          let own = Parallel.range(tile, of: tiles, rows)
          let to = y + own.lowerBound * outputs + column
          var sink = ck_sink(
            c: to, lead: outputs, add: adding || !isFirst ? UnsafePointer(to) : nil, add_lead: outputs,
            bias: isFirst ? bias.map { $0 + column } : nil, alpha: 1, beta: 1)
          // Each tile prefetches its share of the next part: if the first did all of it, memory would idle in
          // the others.
          level.kernels.tile(
            Int32(own.count), depth, x + own.lowerBound * steps + start, steps, 1, part,
            next + tile * depth * level.width / tiles, level.width / tiles, width, &sink)
        }
      }
    }
  }
}
