/// What the output head makes of hidden states: logits and log-probabilities, or scores.
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

  /// The logits of what follows each row's response, [n, vocab].
  public func lastLogits(_ rows: TokenRows) throws -> Variable {
    if !config.hasEncoder { return try lastLogits(rows.batch) }
    try rows.batch.check(config)
    return try headLogits(try finalStates(rows))
  }

  /// The logits of what follows each sequence's last token, [n, vocab].
  public func lastLogits(_ batch: TokenBatch) throws -> Variable {
    try batch.check(config)
    try batch.checkNoneEmpty()
    let segments = batch.segments
    let last = (0..<segments.count).map { Int64(segments.range($0).upperBound - 1) }
    let rows = Variable(try Tensor(last, shape: [last.count]))
    return try headLogits(try Op.embedding(try hidden(batch), ids: rows))
  }

  /// One number for each sequence: what the score head makes of the state after its last token that is not
  /// `padTokenId`, or after its first where it has no other, [n]. As transformers' classifiers
  /// (`modeling_layers.py`, GenericForSequenceClassification), whose texts are padded on the right.
  ///
  ///     try rewardModel.scores(TokenBatch([[1, 5, 9], [1, 5, 7, 2]]))
  public func scores(_ batch: TokenBatch) throws -> Variable {
    try check(head: .score)
    try batch.check(config)
    let states = try Op.embedding(try hidden(batch), ids: Variable(try scored(batch)))
    return try Op.linear(states, weights.output.weight, precision: config.precision).reshaped([
      batch.segments.count
    ])
  }

  /// Where each score is read, as rows of the packed sequences.
  private func scored(_ batch: TokenBatch) throws -> Tensor {
    try batch.checkNoneEmpty()
    let rows = (0..<batch.segments.count).map { row in
      let last = batch.sequence(row).lastIndex { $0 != config.padTokenId } ?? 0
      return Int64(batch.segments.range(row).lowerBound + last)
    }
    return try Tensor(rows, shape: [rows.count])
  }

  /// Refuses a model whose head is another.
  func check(head: TransformerConfig.Head) throws {
    if config.head == head { return }
    throw Failure(
      .state,
      head == .score
        ? "the model has no score head: model:score_head() is a reward model of its weights"
        : "the model has a score head, which gives no probabilities of tokens: model:scores(sequences)")
  }

  func headLogits(_ states: Variable) throws -> Variable {
    try check(head: .lm)
    let logits = try Op.linear(states, weights.output.weight, precision: config.precision)
    let cap = config.logitSoftcap
    return cap == 0 ? logits : try logits.dividedBy(cap).tanh().times(cap)
  }

  /// The log-probability of each state's target.
  func headLogps(_ states: Variable, _ targets: Variable, temperature: Double) throws -> Variable {
    try check(head: .lm)
    return try byRows(states) { [self] part, rows in
      let ids =
        part === states
        ? targets : try targets.narrowed(0, from: rows.lowerBound, length: rows.count)
      return try Op.tokenLogps(
        part, weight: weights.output.weight, ids: ids, temperature: temperature, softcap: config.logitSoftcap,
        precision: config.precision)
    }
  }

  /// Elements of the tensors [rows, vocab] that are kept between the passes: 128 MB. If the states need more, it is
  /// computed in parts of 32 MB, and each part again in the backward pass: a fourth product with the head beside three.
  static let keptLogitsMax = 1 << 25

  /// One number of each state by a function of their logits. `tensors` of the size of the logits exist at once.
  func byRows(
    _ states: Variable, tensors: Int = 1, _ body: @escaping (Variable, Range<Int>) throws -> Variable
  ) throws -> Variable {
    let count = states.value.shape[0]
    let most = Self.keptLogitsMax / tensors / config.vocab
    if count <= most { return try body(states, 0..<count) }
    let step = max(1, most / 4)
    return try Variable.concatenated(
      try stride(from: 0, to: count, by: step).map { start in
        let rows = start..<min(start + step, count)
        let part = try states.narrowed(0, from: start, length: rows.count)
        return try Tape.checkpointed(part, weights.output.variables) { try body($0, rows) }
      }, 0)
  }
}
