/// What the output head makes of hidden states: logits and log-probabilities.
import Autograd
import Base
import Tensors

extension Transformer {
  /// The logits of every token's successor, [N, vocab].
  public func logits(_ batch: TokenBatch) throws -> Variable {
    try batch.check(config)
    return try headLogits(try hidden(batch))
  }

  /// log pi(token | tokens before it) of the response tokens, packed one response after another.
  public func tokenLogps(_ rows: TokenRows, temperature: Double = 1) throws -> Variable {
    try headLogps(
      try states(rows), Variable(try rows.responsePredictions().targets), temperature: temperature)
  }

  /// The logits of what follows each sequence's last token, [n, vocab].
  public func lastLogits(_ batch: TokenBatch) throws -> Variable {
    try batch.check(config)
    let segments = batch.segments
    if let empty = (0..<segments.count).first(where: { segments.length($0) == 0 }) {
      throw Failure(.value, "sequence \(empty + 1) is empty")
    }
    let last = (0..<segments.count).map { Int64(segments.range($0).upperBound - 1) }
    let rows = Variable(try Tensor(last, shape: [last.count]))
    return try headLogits(try Op.embedding(try hidden(batch), ids: rows))
  }

  func headLogits(_ states: Variable) throws -> Variable {
    let logits = try Op.linear(states, weights.output.weight)
    let cap = config.logitSoftcap
    return cap == 0 ? logits : try logits.dividedBy(cap).tanh().times(cap)
  }

  /// The log-probability of each state's target.
  func headLogps(_ states: Variable, _ targets: Variable, temperature: Double) throws -> Variable {
    try Op.tokenLogps(
      states, weight: weights.output.weight, ids: targets, temperature: temperature,
      softcap: config.logitSoftcap)
  }
}
