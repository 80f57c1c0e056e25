/// The norm of all gradients together, and clipping by it.
import Autograd
import Base
import Tensors

public enum GradientNorm {
  /// sqrt(sum of squares of all gradients), in a fixed order. NaN or infinite if a gradient is; finite
  /// gradients neither overflow nor vanish in their squares.
  public static func of(_ parameters: [Variable]) throws -> Double {
    let gradients = try parameters.compactMap { try $0.grad?.contiguous() }
    let total = gradients.reduce(0.0) { $0 + squares($1, scale: 1) }
    if total.isFinite && total > 1e-280 || total.isNaN { return total.squareRoot() }
    // Squares left the range of f64, or every gradient is 0: scale by the largest first.
    let largest = gradients.reduce(0.0) { max($0, magnitude($1)) }
    if largest == 0 || !largest.isFinite { return largest }
    return largest * gradients.reduce(0.0) { $0 + squares($1, scale: 1 / largest) }.squareRoot()
  }

  /// Scales all gradients so that their norm is at most `limit`; returns the norm before. A norm that is not
  /// finite scales nothing. Pascanu et al. 2013, arXiv:1211.5063, algorithm 1.
  @discardableResult
  public static func clip(_ parameters: [Variable], to limit: Double) throws -> Double {
    if !(limit > 0) { throw Failure(.value, "max_norm must be positive, got \(limit)") }
    let norm = try of(parameters)
    if norm.isFinite && norm > limit {
      let factor = limit / (norm + 1e-6)
      for parameter in parameters {
        guard var gradient = parameter.grad.take() else { continue }
        // In place, unless something else refers to the gradient.
        let isOwn = gradient.isContiguous && gradient.isSoleOwner()
        defer { parameter.grad = gradient }
        let result = isOwn ? gradient : try Tensor(uninitialized: gradient.shape, gradient.dtype)
        try scale(gradient, factor, into: result)
        gradient = result
      }
    }
    return norm
  }

  private static func scale(_ gradient: Tensor, _ factor: Double, into result: Tensor) throws {
    if gradient.dtype == .f64 {
      try Strided.map(gradient, result) { (x: Double) in x * factor }
    } else if Float(factor).isNormal {
      try Strided.map(gradient, result) { (x: Float) in x * Float(factor) }
    } else {
      try Strided.map(gradient, result) { (x: Float) in Float(Double(x) * factor) }
    }
  }

  /// The sum of (scale g)^2: blocks of fixed size, added in order. A block of f32 whose sum overflows f32 or
  /// comes near its smallest number is summed again in f64.
  private static func squares(_ gradient: Tensor, scale: Double) -> Double {
    let count = gradient.elementCount
    if gradient.dtype == .f64 {
      let p = gradient.pointer(Double.self)
      return withExtendedLifetime(gradient) {
        (0..<count).reduce(0.0) { $0 + p[$1] * scale * (p[$1] * scale) }
      }
    }
    let p = gradient.pointer(Float.self)
    let block = 4096
    var total = 0.0
    var at = 0
    while at < count {
      let length = min(block, count - at)
      let sum = Double(dot(p + at, p + at, length))
      if scale == 1 && sum.isFinite && (sum > 1e-25 || sum == 0) {
        total += sum
      } else {
        total += (at..<at + length).reduce(0.0) { $0 + Double(p[$1]) * scale * (Double(p[$1]) * scale) }
      }
      at += length
    }
    return withExtendedLifetime(gradient) { total }
  }

  /// The largest absolute value; infinite if one is.
  private static func magnitude(_ gradient: Tensor) -> Double {
    let count = gradient.elementCount
    return withExtendedLifetime(gradient) {
      if gradient.dtype == .f64 {
        let p = gradient.pointer(Double.self)
        return (0..<count).reduce(0.0) { max($0, abs(p[$1])) }
      }
      let p = gradient.pointer(Float.self)
      return (0..<count).reduce(0.0) { max($0, Double(abs(p[$1]))) }
    }
  }
}
