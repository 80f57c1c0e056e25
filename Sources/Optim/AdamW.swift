/// Adam with decoupled weight decay, all parameters in one pass.
///
/// m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;
/// w = w (1 - lr decay) - lr (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
///
/// Loshchilov and Hutter, "Decoupled weight decay regularization", arXiv:1711.05101, algorithm 2, as PyTorch's AdamW
/// computes it.
import Autograd
import Base
import Tensors

public final class AdamW {
  public struct Options: Sendable {
    public var lr = 1e-3
    public var beta1 = 0.9
    public var beta2 = 0.999
    public var eps = 1e-8
    public var weightDecay = 0.0

    public init() {}

    func validate() throws {
      if !(lr >= 0 && lr.isFinite) { throw Failure(.value, "lr must be at least 0, got \(lr)") }
      if !(beta1 >= 0 && beta1 < 1) { throw Failure(.value, "beta1 must be in [0, 1), got \(beta1)") }
      if !(beta2 >= 0 && beta2 < 1) { throw Failure(.value, "beta2 must be in [0, 1), got \(beta2)") }
      if !(eps >= 0) { throw Failure(.value, "eps must be at least 0, got \(eps)") }
      if !(weightDecay >= 0) { throw Failure(.value, "weight_decay must be at least 0, got \(weightDecay)") }
    }
  }

  public let parameters: [Variable]
  public private(set) var options: Options
  /// Steps taken.
  public private(set) var step = 0
  private let first: [Tensor]
  private let second: [Tensor]

  public init(_ parameters: [Variable], _ options: Options = Options()) throws {
    try options.validate()
    if parameters.isEmpty { throw Failure(.value, "no parameters to train") }
    for (i, parameter) in parameters.enumerated() where !parameter.value.dtype.isFloating {
      throw Failure(.dtype, "parameter \(i + 1) is \(parameter.value.dtype.rawValue), expected f32 or f64")
    }
    self.parameters = parameters
    self.options = options
    first = try parameters.map { try Tensor(zeros: $0.value.shape, $0.value.dtype) }
    second = try parameters.map { try Tensor(zeros: $0.value.shape, $0.value.dtype) }
  }

  /// The state beside the weights, for a checkpoint: first and second moments in the order of the parameters.
  public var moments: [(first: Tensor, second: Tensor)] { Array(zip(first, second)) }

  /// Goes back to a saved state.
  public func restore(step: Int, moments: [(first: Tensor, second: Tensor)]) throws {
    if moments.count != parameters.count || step < 0 {
      throw Failure(.state, "a state of \(moments.count) moments for \(parameters.count) parameters")
    }
    for (i, saved) in moments.enumerated() {
      for (from, to) in [(saved.first, first[i]), (saved.second, second[i])] {
        if from.shape != to.shape || from.dtype != to.dtype {
          throw Failure(
            .state,
            "moment \(i + 1) is \(from.dtype.rawValue) \(from.shape), expected \(to.dtype.rawValue) \(to.shape)"
          )
        }
        Strided.copy(from: from, to: to)
      }
    }
    self.step = step
  }

  /// One step with the gradients that the parameters hold; a parameter without one stays as it is.
  public func update(lr: Double? = nil) throws {
    let rate = lr ?? options.lr
    if !(rate >= 0 && rate.isFinite) { throw Failure(.value, "lr must be at least 0, got \(rate)") }
    try checkGradients()
    step += 1
    let correction1 = 1 - power(options.beta1, step)
    let correction2 = 1 - power(options.beta2, step)
    for (i, parameter) in parameters.enumerated() {
      guard let gradient = try parameter.grad?.contiguous() else { continue }
      let weight = parameter.value
      if weight.dtype == .f32 && weight.isContiguous {
        fused(weight, gradient, i, Float(rate), Float(correction1), Float(correction2))
      } else {
        plain(weight, gradient, i, rate, correction1, correction2)
      }
      weight.storage.markWritten()
    }
  }

  /// Refuses gradients that hold nan or inf before anything is changed: one step with them would spoil the weights for
  /// good, and unnoticed.
  private func checkGradients() throws {
    for (i, parameter) in parameters.enumerated() {
      guard let gradient = parameter.grad, try !GradientNorm.isFinite(gradient) else { continue }
      throw Failure(
        .numeric,
        "the gradient of parameter \(i + 1) (\(parameter.value.shape)) holds nan or inf: the step is not taken"
      )
    }
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

  private func fused(_ weight: Tensor, _ gradient: Tensor, _ i: Int, _ rate: Float, _ c1: Float, _ c2: Float)
  {
    let (w, g) = (weight.pointer(Float.self), gradient.pointer(Float.self))
    let (m, v) = (first[i].pointer(Float.self), second[i].pointer(Float.self))
    let (b1, b2) = (Vector(repeating: Float(options.beta1)), Vector(repeating: Float(options.beta2)))
    let (r1, r2) = (Vector(repeating: Float(1 - options.beta1)), Vector(repeating: Float(1 - options.beta2)))
    let keep = Vector(repeating: 1 - rate * Float(options.weightDecay))
    let stepSize = Vector(repeating: -rate / c1)
    let scale2 = Vector(repeating: 1 / c2)
    let eps = Vector(repeating: Float(options.eps))
    Parallel.ranges(weight.elementCount, grain: ActivationKernels.grain) { range in
      let at = range.lowerBound
      func part(_ x: Vector, _ gradient: Vector, _ mean: Vector, _ square: Vector) -> (Vector, Vector, Vector)
      {
        let m = (mean * b1).addingProduct(gradient, r1)
        let v = (square * b2).addingProduct(gradient * gradient, r2)
        let direction = m / ((v * scale2).squareRoot() + eps)
        return ((x * keep).addingProduct(direction, stepSize), m, v)
      }
      var k = at
      while k + 8 <= range.upperBound {
        let (x, a, b) = part(load(w + k), load(g + k), load(m + k), load(v + k))
        store(x, w + k)
        store(a, m + k)
        store(b, v + k)
        k += 8
      }
      while k < range.upperBound {
        let (x, a, b) = part(
          Vector(repeating: w[k]), Vector(repeating: g[k]), Vector(repeating: m[k]), Vector(repeating: v[k]))
        (w[k], m[k], v[k]) = (x[0], a[0], b[0])
        k += 1
      }
    }
  }

  /// The formula element by element, for f64 and strided parameters; the reference of `fused`.
  private func plain(
    _ weight: Tensor, _ gradient: Tensor, _ i: Int, _ rate: Double, _ c1: Double, _ c2: Double
  ) {
    let o = options
    func part(_ x: Double, _ g: Double, _ mean: Double, _ square: Double) -> (Double, Double, Double) {
      let m = o.beta1 * mean + (1 - o.beta1) * g
      let v = o.beta2 * square + (1 - o.beta2) * g * g
      return (x * (1 - rate * o.weightDecay) - rate * (m / c1) / ((v / c2).squareRoot() + o.eps), m, v)
    }
    if weight.dtype == .f64 {
      let (g, m, v) = (
        gradient.pointer(Double.self), first[i].pointer(Double.self), second[i].pointer(Double.self)
      )
      var k = 0
      Strided.map(weight, weight) { (x: Double) -> Double in
        defer { k += 1 }
        let (y, a, b) = part(x, g[k], m[k], v[k])
        (m[k], v[k]) = (a, b)
        return y
      }
    } else {
      let (g, m, v) = (
        gradient.pointer(Float.self), first[i].pointer(Float.self), second[i].pointer(Float.self)
      )
      var k = 0
      Strided.map(weight, weight) { (x: Float) -> Float in
        defer { k += 1 }
        let (y, a, b) = part(Double(x), Double(g[k]), Double(m[k]), Double(v[k]))
        (m[k], v[k]) = (Float(a), Float(b))
        return Float(y)
      }
    }
  }
}
