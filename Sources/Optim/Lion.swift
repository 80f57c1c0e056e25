/// Lion: the sign of an interpolated momentum, with decoupled weight decay.
///
/// c = b1 m + (1 - b1) g;  w = w (1 - lr decay) - lr sign(c);  m = b2 m + (1 - b2) g
///
/// Chen et al. 2023, "Symbolic discovery of optimization algorithms", arXiv:2302.06675, algorithm 2. Every
/// weight with c other than 0 moves by lr, so lr is 3 to 10 times smaller than for AdamW (sec. 5).
import Base
import Tensors

public struct Lion: UpdateRule {
  public static let name = "lion"
  public var lr = 1e-4
  public var beta1 = 0.9
  public var beta2 = 0.99
  public var weightDecay = 0.0

  public init() {}

  public func validate() throws {
    try Options.check(lr: lr)
    try Options.check("beta1", below1: beta1)
    try Options.check("beta2", below1: beta2)
    try Options.check("weight_decay", least0: weightDecay)
  }

  public func slots(_ shape: Shape) -> [(name: String, shape: Shape)] { [("exp_avg", shape)] }

  public func update(_ weight: Tensor, _ gradient: Tensor, _ state: [Tensor], rate: Double, step: Int) -> Bool
  {
    Elementwise.update(weight, gradient, state) { x, g, m, _ in
      let c = beta1 * m + (1 - beta1) * g
      let sign = c > 0 ? 1.0 : c < 0 ? -1.0 : 0.0
      return (x * (1 - rate * weightDecay) - rate * sign, beta2 * m + (1 - beta2) * g, 0)
    }
  }
}
