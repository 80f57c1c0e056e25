/// Log-probabilities, logits and divergences of a model.
import Autograd
import Base
import LuaEngine
import Models
import Tensors

extension ModelClass {
  private static let logpOptions = [
    Option("temperature", 1.0, "divides the logits before the softmax", above: 0)
  ]
  private static let errors =
    "a token id is not from 0 to vocab - 1; a sequence is longer than max_length; lists of prompts and "
    + "responses differ in number"

  static func addLogps(_ model: inout NativeClass<Transformer>) {
    model.method(
      "logps",
      Page(
        "model:logps(rows, {options}) -> sums, lengths",
        "log pi(response | prompt) for each row: the sum of the log-probabilities of the response "
          + "tokens. rows are Rows, or a list of prompts followed by a list of responses. Differentiable.",
        options: logpOptions, shapes: "n rows -> [n], [n], both f32", errors: errors,
        source: "pi(y|x) of Rafailov et al. 2023, arXiv:2305.18290, eq. 7",
        example: tiny + """
          sums, lengths = model:logps({{1}, {1, 2}}, {{2, 3}, {4}})
          print(sums:size(1), lengths)
          """, prints: "2\t[2, 1]\n[Tensor f32 2]"), logps)
    model.method(
      "token_logps",
      Page(
        "model:token_logps(rows, {options}) -> logps, lengths",
        "The log-probability of each response token, packed: one response after another, without padding. "
          + "Differentiable.",
        options: logpOptions, shapes: "n rows with N response tokens -> [N], list of n lengths",
        errors: errors,
        example: tiny + """
          logps, lengths = model:token_logps({{1}, {1, 2}}, {{2, 3}, {4}})
          print(#logps, lengths[1], lengths[2])
          """, prints: "3\t2\t1"), tokenLogps)
    model.method(
      "misfit",
      Page(
        "model:misfit(rows) -> row, reason",
        "The first row that the model cannot read, and the reason: it is longer than max_length, or holds an id outside "
          + "the vocabulary. Nothing if the model can read all rows.",
        example: tiny + "print(model:misfit(require 'perilune.models'.rows({{1}, {1}}, {{2}, {11}})))",
        prints: "2\ttoken 2 is 11, not a token id: expected 0..10 (vocab 11)")
    ) { call, model in
      let rows: TokenRows = try call.object(2)
      guard let misfit = rows.batch.misfit(model.config) else { return 0 }
      try call.pushInteger(misfit.row + 1)
      try call.pushString(misfit.reason(model.config))
      return 2
    }
    model.method(
      "outputs",
      Page(
        "model:outputs(rows, names, {options}) -> table",
        "Several quantities of the response tokens from one forward pass, by name: logps [N]; entropy "
          + "[N] of the predicted distribution p; log_collision [N], log sum p^2; logits [N, vocab]; "
          + "hidden [N, dim], the state that predicts each token; prompt_logps, the log-probabilities of "
          + "the prompt tokens after the first. Differentiable.",
        options: logpOptions, shapes: "n rows with N response tokens -> a table by name",
        errors: errors + "; a name is unknown",
        example: tiny + """
          out = model:outputs(require 'perilune.models'.rows({{1}}, {{2, 3}}), {'logps', 'entropy'})
          print(#out.logps, out.entropy:gt(0):all())
          """, prints: "2\ttrue"), outputs)
    model.method(
      "logits",
      Page(
        "model:logits(sequences)",
        "The logits after each token, packed: one sequence after another. Token id i is column i + 1. "
          + "Differentiable.",
        shapes: "n sequences -> [sum of lengths, vocab]",
        errors:
          "a token id is not from 0 to vocab - 1; a sequence is longer than max_length; the model has an encoder, which "
          + "reads prompts: model:outputs(rows, {'logits'})",
        example: tiny + "print(table.concat(model:logits({{1, 2}, {3}}):size(), ' '))", prints: "3 11"),
      logits)
    model.method(
      "last_logits",
      Page(
        "model:last_logits(sequences)",
        "The logits after the last token of each sequence, or of each of Rows. Differentiable.",
        shapes: "n sequences -> [n, vocab]",
        errors:
          "a sequence is empty or longer than max_length; a token id is not from 0 to vocab - 1; sequences are given to a "
          + "model with an encoder, which reads Rows",
        example: tiny + "print(table.concat(model:last_logits({{1, 2}, {3}}):size(), ' '))", prints: "2 11"),
      lastLogits)
    model.method(
      "kl",
      Page(
        "model:kl(reference, rows) -> kl, entropy, lengths",
        "KL(model || reference) and the entropy of the model, both in nats: at each response token "
          + "exact over the vocabulary, summed over the response. For responses sampled from the model, "
          + "the mean over responses is an unbiased estimate of the KL of whole responses. Not "
          + "differentiable.",
        shapes: "n rows -> [n], [n], [n]", errors: errors + "; the two vocabularies differ",
        source: "Tang et al. 2024, arXiv:2405.08448, sec. 4",
        example: tiny + """
          kl, entropy, lengths = model:kl(model:clone(), {{1}}, {{2, 3}})
          print(kl:item() < 1e-6, entropy:item() > 0, lengths:item())
          """, prints: "true\ttrue\t2.0"), divergence)
  }

  private static func logps(_ call: Call, _ model: Transformer) throws -> Int {
    let (rows, next) = try RowsClass.read(call, 2)
    let tokens = try model.tokenLogps(rows, temperature: try temperature(call, next))
    try call.pushObject(try RowsClass.sums(rows, tokens))
    try call.pushObject(try RowsClass.lengths(rows))
    return 2
  }

  private static func tokenLogps(_ call: Call, _ model: Transformer) throws -> Int {
    let (rows, next) = try RowsClass.read(call, 2)
    try call.pushObject(try model.tokenLogps(rows, temperature: try temperature(call, next)))
    try call.pushIntegers(RowsClass.responseLengths(rows))
    return 2
  }

  private static func outputs(_ call: Call, _ model: Transformer) throws -> Int {
    let (rows, next) = try RowsClass.read(call, 2)
    let wanted = try call.table(next).strings().map { name in
      guard let output = RowOutput(rawValue: name) else {
        let known = RowOutput.allCases.map(\.rawValue)
        throw call.bad(
          next, "no output '\(name)'\(Nearest.hint(name, in: known)); known: \(known.joined(separator: ", "))"
        )
      }
      return output
    }
    let outputs = try model.outputs(rows, wanted, temperature: try temperature(call, next + 1))
    try call.push(.record(outputs.map { ($0.key.rawValue, .object($0.value)) }))
    return 1
  }

  private static func temperature(_ call: Call, _ i: Int) throws -> Double {
    try OptionTable(call, i, logpOptions).number("temperature")
  }

  private static func logits(_ call: Call, _ model: Transformer) throws -> Int {
    try call.pushObject(try model.logits(try RowsClass.sequences(call, 2)))
    return 1
  }

  private static func lastLogits(_ call: Call, _ model: Transformer) throws -> Int {
    if let rows = call.objectIfAny(2) as? TokenRows {
      try call.pushObject(try model.lastLogits(rows))
    } else {
      try call.pushObject(try model.lastLogits(try RowsClass.sequences(call, 2)))
    }
    return 1
  }

  private static func divergence(_ call: Call, _ model: Transformer) throws -> Int {
    let reference = try call.object(2, as: Transformer.self)
    let (rows, _) = try RowsClass.read(call, 3)
    let (kl, entropy) = try Op.observed("kl") { try model.divergence(from: reference, rows) }
    for part in [kl, entropy] { try call.pushObject(try RowsClass.sums(rows, Variable(part))) }
    try call.pushObject(try RowsClass.lengths(rows))
    return 3
  }
}
