/// The norm of all gradients together, and clipping by it.
import Autograd
import Base
import Synchronization
import Tensors

public enum GradientNorm {
  /// sqrt(sum of squares of all gradients), summed in double precision in a fixed order. NaN or infinite if any is.
  public static func of(_ parameters: [Variable]) throws -> Double {
    var total = 0.0
    for parameter in parameters {
      guard let gradient = try parameter.grad?.contiguous() else { continue }
      total += squares(gradient)
    }
    return total.squareRoot()
  }

  /// Scales all gradients so that their norm is at most `limit`; returns the norm before. Pascanu et al.,
  /// arXiv:1211.5063, algorithm 1.
  @discardableResult
  public static func clip(_ parameters: [Variable], to limit: Double) throws -> Double {
    if !(limit > 0) { throw Failure(.value, "max_norm must be positive, got \(limit)") }
    let norm = try of(parameters)
    if norm.isFinite && norm > limit {
      let factor = limit / (norm + 1e-6)
      for parameter in parameters {
        guard let gradient = parameter.grad else { continue }
        let scaled = try Tensor(uninitialized: gradient.shape, gradient.dtype)
        switch gradient.dtype {
        case .f64: Strided.map(gradient, scaled) { (x: Double) in x * factor }
        default: Strided.map(gradient, scaled) { (x: Float) in x * Float(factor) }
        }
        parameter.grad = scaled
      }
    }
    return norm
  }

  /// Whether every element is a finite number.
  static func isFinite(_ gradient: Tensor) throws -> Bool {
    let packed = try gradient.contiguous()
    let count = packed.elementCount
    if packed.dtype == .f64 {
      let p = packed.pointer(Double.self)
      return withExtendedLifetime(packed) { (0..<count).allSatisfy { p[$0].isFinite } }
    }
    let p = packed.pointer(Float.self)
    let grain = ActivationKernels.grain
    let unsound = Atomic<Bool>(false)
    Parallel.ranges(count, grain: grain) { range in
      // x * 0 is 0 for finite x and nan for others, and nan stays in a sum.
      var (a, b, c, d) = (Vector(), Vector(), Vector(), Vector())
      var i = range.lowerBound
      while i + 32 <= range.upperBound {
        a = a.addingProduct(load(p + i), Vector())
        b = b.addingProduct(load(p + i + 8), Vector())
        c = c.addingProduct(load(p + i + 16), Vector())
        d = d.addingProduct(load(p + i + 24), Vector())
        i += 32
      }
      var rest = sum((a + b) + (c + d))
      while i < range.upperBound {
        rest += p[i] * 0
        i += 1
      }
      if rest != 0 || rest.isNaN { unsound.store(true, ordering: .relaxed) }
    }
    return withExtendedLifetime(packed) { !unsound.load(ordering: .relaxed) }
  }

  /// Blocks of fixed size, each by vector, added in order.
  private static func squares(_ gradient: Tensor) -> Double {
    let count = gradient.elementCount
    if gradient.dtype == .f64 {
      let p = gradient.pointer(Double.self)
      return (0..<count).reduce(0.0) { $0 + p[$1] * p[$1] }
    }
    let p = gradient.pointer(Float.self)
    let block = 4096
    var total = 0.0
    var at = 0
    while at < count {
      let length = min(block, count - at)
      total += Double(dot(p + at, p + at, length))
      at += length
    }
    return withExtendedLifetime(gradient) { total }
  }
}
