/// Reward models: a decoder whose head gives one number a sequence.
import Autograd
import Base
import Tensors

extension Transformer {
  /// A model with a copy of the weights and a new score head in place of its head, drawn as initial weights are.
  /// As `AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1)` of transformers.
  ///
  ///     let reward = try sft.withScoreHead(padTokenId: 0, seed: 1)
  public func withScoreHead(padTokenId: Int = -1, seed: UInt64) throws -> Transformer {
    if adapters != nil {
      throw Failure(.state, "the model has adapters: model:merged() has weights of its own")
    }
    if isFrozen { throw frozen }
    var config = config
    (config.head, config.tied, config.padTokenId) = (.score, true, padTokenId)
    try config.validate()
    let known = Dictionary(
      parameters.map { ($0.name, $0.value.value) }, uniquingKeysWith: { first, _ in first })
    let new = config.parts.head?.name(.weight)
    return try Transformer(config) { part, kind in
      if part.name(kind) == new { return try Self.drawn(part, kind, config, seed: seed) }
      guard let weight = known[part.name(kind)] else {
        throw Failure(.state, "the weight '\(part.name(kind))' is missing")
      }
      return try weight.copied()
    }
  }
}
