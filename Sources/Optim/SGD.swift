/// Stochastic gradient descent with momentum, Nesterov's momentum and weight decay.
///
/// g = g + decay w;  b = momentum b + g;  w = w - lr (g + momentum b if nesterov, else b)
///
/// Sutskever et al. 2013, "On the importance of initialization and momentum in deep learning", as PyTorch's
/// SGD computes it: the learning rate multiplies the buffer, not the gradient that enters it.
import Base
import Tensors

public struct SGD: UpdateRule {
  public static let name = "sgd"
  public var lr = 1e-3
  public var momentum = 0.0
  public var nesterov = false
  public var weightDecay = 0.0

  public init() {}

  public func validate() throws {
    try Options.check(lr: lr)
    try Options.check("momentum", least0: momentum)
    try Options.check("weight_decay", least0: weightDecay)
    if nesterov && momentum == 0 { throw Failure(.value, "nesterov needs a momentum above 0") }
  }

  public func slots(_ shape: Shape) -> [(name: String, shape: Shape)] {
    momentum == 0 ? [] : [("momentum_buffer", shape)]
  }

  public func update(_ weight: Tensor, _ gradient: Tensor, _ state: [Tensor], rate: Double, step: Int) -> Bool
  {
    Elementwise.update(weight, gradient, state) { x, g, buffer, _ in
      let slope = g + weightDecay * x
      let b = momentum * buffer + slope
      return (x - rate * (nesterov ? slope + momentum * b : b), b, 0)
    }
  }
}
