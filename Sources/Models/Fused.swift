/// The fused operations that models add to the catalogue.
import Autograd

extension Op {
  public static let fused: [Op] = [linear, layerNorm, rmsNorm, attention, swiglu, tokenLogps, crossEntropy, segmentSum]

  /// Every operation: what the bindings show and the tests check.
  public static let everything: [Op] = catalogue + fused
}
