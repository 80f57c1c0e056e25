/// Adam with decoupled weight decay.
///
/// m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;
/// w = w (1 - lr decay) - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
///
/// Loshchilov and Hutter, "Decoupled weight decay regularization", arXiv:1711.05101, algorithm 2, as
/// PyTorch's AdamW computes it.
import Base
import Synchronization
import Tensors

public struct AdamW: UpdateRule {
  public static let name = "adamw"
  public var lr = 1e-3
  public var beta1 = 0.9
  public var beta2 = 0.999
  public var eps = 1e-8
  public var weightDecay = 0.0
  public var moments = Moments.f32

  public init() {}

  public func validate() throws {
    try Options.check(lr: lr)
    try Options.check("beta1", below1: beta1)
    try Options.check("beta2", below1: beta2)
    try Options.check("eps", least0: eps)
    try Options.check("weight_decay", least0: weightDecay)
  }

  public func slots(_ shape: Shape) -> [(name: String, shape: Shape)] {
    [("exp_avg", shape), ("exp_avg_sq", shape)]
  }

  public func update(_ weight: Tensor, _ gradient: Tensor, _ state: [Tensor], rate: Double, step: Int) -> Bool
  {
    let correction1 = 1 - power(beta1, step)
    let correction2 = 1 - power(beta2, step)
    if weight.dtype == .f32 {
      return vectors(weight, gradient, state, Float(rate), Float(correction1), Float(correction2))
    } else {
      return Elementwise.update(weight, gradient, state) { x, g, mean, square in
        let m = beta1 * mean + (1 - beta1) * g
        let v = beta2 * square + (1 - beta2) * g * g
        let direction = (m / correction1) / ((v / correction2).squareRoot() + eps)
        return (x * (1 - rate * weightDecay) - rate * direction, m, v)
      }
    }
  }

  /// The same formula in single precision, eight elements at a time.
  private func vectors(
    _ weight: Tensor, _ gradient: Tensor, _ state: [Tensor], _ rate: Float, _ c1: Float, _ c2: Float
  ) -> Bool {
    let (w, g) = (weight.pointer(Float.self), gradient.pointer(Float.self))
    let (m, v) = (state[0].pointer(Float.self), state[1].pointer(Float.self))
    let (b1, b2) = (Vector(repeating: Float(beta1)), Vector(repeating: Float(beta2)))
    let (r1, r2) = (Vector(repeating: Float(1 - beta1)), Vector(repeating: Float(1 - beta2)))
    let decayed = Vector(repeating: 1 - rate * Float(weightDecay))
    let stepSize = Vector(repeating: -rate / c1)
    let scale2 = Vector(repeating: 1 / c2)
    let eps = Vector(repeating: Float(eps))
    let unsound = Atomic<Bool>(false)
    Parallel.ranges(weight.elementCount, grain: ActivationKernels.grain) { range in
      // x * 0 is 0 for a finite x and NaN for any other, and a sum with NaN is NaN.
      var zeros = Vector()
      func part(_ x: Vector, _ gradient: Vector, _ mean: Vector, _ square: Vector) -> (Vector, Vector, Vector)
      {
        let m = (mean * b1).addingProduct(gradient, r1)
        let v = (square * b2).addingProduct(gradient * gradient, r2)
        let direction = m / ((v * scale2).squareRoot() + eps)
        return ((x * decayed).addingProduct(direction, stepSize), m, v)
      }
      var k = range.lowerBound
      while k + 8 <= range.upperBound {
        let (x, a, b) = part(load(w + k), load(g + k), load(m + k), load(v + k))
        store(x, w + k)
        store(a, m + k)
        store(b, v + k)
        zeros = zeros.addingProduct(x, Vector())
        k += 8
      }
      while k < range.upperBound {
        let (x, a, b) = part(
          Vector(repeating: w[k]), Vector(repeating: g[k]), Vector(repeating: m[k]), Vector(repeating: v[k]))
        (w[k], m[k], v[k]) = (x[0], a[0], b[0])
        zeros[0] += x[0] * 0
        k += 1
      }
      if sum(zeros) != 0 { unsound.store(true, ordering: .relaxed) }
    }
    return !unsound.load(ordering: .relaxed)
  }

  private func power(_ base: Double, _ exponent: Int) -> Double {
    var result = 1.0
    var (b, e) = (base, exponent)
    while e > 0 {
      if e & 1 == 1 { result *= b }
      b *= b
      e >>= 1
    }
    return result
  }
}
