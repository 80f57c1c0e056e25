/// Several quantities of the same rows from one forward pass.
import Autograd
import Base
import Tensors

/// What a pass can give; all but `promptLogps` have a row or number for each response token, packed.
public enum RowOutput: String, CaseIterable, Sendable {
  /// log pi(token | tokens before it), [N].
  case logps
  /// Entropy of the distribution that the token is drawn from, [N].
  case entropy
  /// log sum_v p(v)^2 of that distribution, [N]: the log-probability that two draws are the same token.
  case logCollision = "log_collision"
  /// Logits over the vocabulary that predict the token, [N, vocab].
  case logits
  /// State after the last norm that predicts the token, [N, dim].
  case hidden
  /// log pi of the prompts' tokens from the second on, packed.
  case promptLogps = "prompt_logps"
}

extension Transformer {
  /// Each of `wanted` by one pass, differentiable. `temperature` divides the logits.
  ///
  ///     try model.outputs(rows, [.logps, .entropy])[.entropy]
  public func outputs(_ rows: TokenRows, _ wanted: [RowOutput], temperature: Double = 1) throws -> [RowOutput:
    Variable]
  {
    try rows.batch.check(config)
    if config.hasEncoder && wanted.contains(.promptLogps) {
      throw Failure(
        .argument, "prompt_logps: an encoder-decoder gives the tokens of prompts no probability")
    }
    let all = config.hasEncoder ? nil : try hidden(rows.batch)
    let states =
      try all.map { try Op.embedding($0, ids: Variable(try rows.responsePredictions().rows)) }
      ?? responseStates(rows)
    var results: [RowOutput: Variable] = [:]
    // Outputs share what is computed of all states at once.
    var scaled, logProbabilities: Variable?
    func logits(_ part: Variable) throws -> Variable {
      if part === states, let scaled { return scaled }
      let raw = try headLogits(part)
      let made = temperature == 1 ? raw : try raw.dividedBy(temperature)
      if part === states { scaled = made }
      return made
    }
    func logSoftmax(_ part: Variable) throws -> Variable {
      if part === states, let logProbabilities { return logProbabilities }
      let made = try logits(part).logSoftmax(1)
      if part === states { logProbabilities = made }
      return made
    }
    for output in wanted {
      switch output {
      case .logps:
        let targets = Variable(try rows.responsePredictions().targets)
        results[output] = try headLogps(states, targets, temperature: temperature)
      case .hidden: results[output] = states
      case .logits: results[output] = try logits(states)
      case .entropy:
        results[output] = try byRows(states, tensors: 8) { part, _ in
          let logs = try logSoftmax(part)
          return try logs.exp().times(logs).sum(1, keeping: false).negated()
        }
      case .logCollision:
        results[output] = try byRows(states, tensors: 8) { part, _ in
          try logSoftmax(part).times(2).logSumExp(1, keeping: false)
        }
      case .promptLogps:
        guard let all else { continue }
        let (places, targets) = try rows.promptPredictions()
        let predicting = try Op.embedding(all, ids: Variable(places))
        results[output] = try headLogps(predicting, Variable(targets), temperature: temperature)
      }
    }
    return results
  }
}
