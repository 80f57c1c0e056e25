/// The exact divergence of two models along given sequences.
import Autograd
import Base
import Tensors

extension Transformer {
  /// For each response token: KL(self || reference) between the two distributions over the whole vocabulary
  /// at that position, and self's entropy, both in nats, packed.
  ///
  /// Summed over a response drawn from self, the first is the Rao-Blackwellised, unbiased estimate of the
  /// sequence KL. Tang et al., arXiv:2405.08448, sec. 4.
  public func divergence(from reference: Transformer, _ rows: TokenRows) throws -> (
    kl: Tensor, entropy: Tensor
  ) {
    for model in [self, reference] { try model.check(head: .lm) }
    if reference.config.vocab != config.vocab {
      throw Failure(
        .shape, "the vocabularies differ: \(config.vocab) and \(reference.config.vocab) tokens", argument: 2)
    }
    return try Tape.withoutRecording {
      let (own, other) = (try states(rows).value, try reference.states(rows).value)
      let count = rows.responses.tokenCount
      let kl = try Tensor(uninitialized: [count], .f32)
      let entropy = try Tensor(uninitialized: [count], .f32)
      try HeadKernels.divergence(
        policy: own.pointer(Float.self), policyWeight: weights.output.weight.linear(config.precision),
        reference: other.pointer(Float.self),
        referenceWeight: reference.weights.output.weight.linear(reference.config.precision),
        softcaps: (Float(config.logitSoftcap), Float(reference.config.logitSoftcap)), rows: count,
        kl: kl.pointer(Float.self), entropy: entropy.pointer(Float.self))
      return withExtendedLifetime((own, other)) { (kl, entropy) }
    }
  }
}
