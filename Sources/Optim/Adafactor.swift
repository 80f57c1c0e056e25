/// Adafactor: second moments as an outer product of row and column means, so that a matrix needs r + c
/// numbers of state.
///
/// rho = min(lr, 1 / sqrt t);  alpha = max(eps2, RMS(w)) rho;  b2 = 1 - t^beta2_decay
/// R = b2 R + (1 - b2) mean over columns of (g^2 + eps1);  C likewise over rows;  V = R C / mean(R)
/// u = g / sqrt V;  w = w (1 - lr decay) - alpha u / max(1, RMS(u) / clip)
///
/// Shazeer and Stern 2018, arXiv:1804.04235, algorithms 4 and 5 with the proposed hyperparameters (algorithm
/// 7: lr 0.01, which is the limit of the relative step size). A parameter of more than two dimensions is a
/// batch of matrices; one of fewer keeps V itself.
import Base
import Tensors

public struct Adafactor: UpdateRule {
  public static let name = "adafactor"
  public var lr = 1e-2
  public var beta2Decay = -0.8
  public var eps1 = 1e-30
  public var eps2 = 1e-3
  /// The root mean square to which an update is scaled down: d in the paper.
  public var clip = 1.0
  public var weightDecay = 0.0

  public init() {}

  public func validate() throws {
    try Options.check(lr: lr)
    if !(beta2Decay <= 0 && beta2Decay.isFinite) {
      throw Failure(.value, "beta2_decay must be at most 0, got \(beta2Decay)")
    }
    if !(eps1 > 0 && eps1.isFinite) { throw Failure(.value, "eps1 must be above 0, got \(eps1)") }
    try Options.check("eps2", least0: eps2)
    if !(clip > 0) { throw Failure(.value, "clip must be above 0, got \(clip)") }
    try Options.check("weight_decay", least0: weightDecay)
  }

  public func slots(_ shape: Shape) -> [(name: String, shape: Shape)] {
    guard shape.count >= 2 else { return [("variance", shape)] }
    let batch = Array(shape.dropLast(2))
    return [
      ("row_var", Shape(known: batch + [shape[shape.count - 2]])),
      ("col_var", Shape(known: batch + [shape[shape.count - 1]])),
    ]
  }

  public func update(_ weight: Tensor, _ gradient: Tensor, _ state: [Tensor], rate: Double, step: Int) -> Bool
  {
    if weight.elementCount == 0 { return true }
    switch weight.dtype {
    case .f64: return run(Double.self, weight, gradient, state, rate, Double(step))
    default: return run(Float.self, weight, gradient, state, rate, Double(step))
    }
  }

  private func run<T: TensorScalar & BinaryFloatingPoint>(
    _ type: T.Type, _ weight: Tensor, _ gradient: Tensor, _ state: [Tensor], _ rate: Double, _ t: Double
  ) -> Bool {
    let (w, g) = (weight.pointer(T.self), gradient.pointer(T.self))
    let count = weight.elementCount
    let fresh = Libm.pow(t, beta2Decay)
    let isMatrix = state.count == 2
    let columns = isMatrix ? weight.shape[weight.shape.count - 1] : count
    let rows = isMatrix ? weight.shape[weight.shape.count - 2] : 1
    // The inverse root of V is an outer product too: one factor a row, one a column.
    var rowFactors = [Double](repeating: 1, count: isMatrix ? count / columns : 1)
    var columnFactors = [Double](repeating: 0, count: isMatrix ? count / rows : count)
    if isMatrix {
      for matrix in 0..<count / (rows * columns) {
        factors(
          g + matrix * rows * columns, state[0].pointer(T.self) + matrix * rows,
          state[1].pointer(T.self) + matrix * columns, rows, columns, fresh,
          &rowFactors, matrix * rows, &columnFactors, matrix * columns)
      }
    } else {
      let v = state[0].pointer(T.self)
      for k in 0..<count {
        v[k] = mix(v[k], square(g[k]), fresh)
        columnFactors[k] = 1 / Double(v[k]).squareRoot()
      }
    }
    func update(_ k: Int) -> Double {
      let row = k / columns
      let column = isMatrix ? row / rows * columns + k % columns : k
      return Double(g[k]) * rowFactors[row] * columnFactors[column]
    }
    var (weights, updates) = (0.0, 0.0)
    for k in 0..<count {
      let u = update(k)
      updates += u * u
      weights += Double(w[k]) * Double(w[k])
    }
    let rms = (updates / Double(count)).squareRoot()
    let alpha = max(eps2, (weights / Double(count)).squareRoot()) * min(rate, 1 / t.squareRoot())
    let scale = alpha / max(1, rms / clip)
    var zeros: T = 0
    for k in 0..<count {
      w[k] = T(Double(w[k]) * (1 - rate * weightDecay) - scale * update(k))
      zeros += w[k] * 0
    }
    return zeros == 0
  }

  /// Updates the moments of one matrix and writes the factors of the inverse root of V.
  private func factors<T: TensorScalar & BinaryFloatingPoint>(
    _ g: UnsafeMutablePointer<T>, _ rowMoments: UnsafeMutablePointer<T>,
    _ columnMoments: UnsafeMutablePointer<T>,
    _ rows: Int, _ columns: Int, _ fresh: Double,
    _ rowFactors: inout [Double], _ firstRow: Int, _ columnFactors: inout [Double], _ firstColumn: Int
  ) {
    var sums = [Double](repeating: 0, count: columns)
    var total = 0.0
    for i in 0..<rows {
      var sum = 0.0
      for j in 0..<columns {
        let s = square(g[i * columns + j])
        sum += s
        sums[j] += s
      }
      rowMoments[i] = mix(rowMoments[i], sum / Double(columns), fresh)
      total += Double(rowMoments[i])
    }
    let mean = total / Double(rows)
    for i in 0..<rows { rowFactors[firstRow + i] = 1 / (Double(rowMoments[i]) / mean).squareRoot() }
    for j in 0..<columns {
      columnMoments[j] = mix(columnMoments[j], sums[j] / Double(rows), fresh)
      columnFactors[firstColumn + j] = 1 / Double(columnMoments[j]).squareRoot()
    }
  }

  private func square<T: BinaryFloatingPoint>(_ g: T) -> Double { Double(g) * Double(g) + eps1 }

  private func mix<T: BinaryFloatingPoint>(_ old: T, _ new: Double, _ fresh: Double) -> T {
    T((1 - fresh) * Double(old) + fresh * new)
  }
}
