/// The methods of a model in Lua. Prompts, responses and sequences are lists of lists of token ids.
import Autograd
import Base
import LuaEngine
import Models
import Tensors

enum ModelClass {
  static func declaration() -> LuaClass<Transformer> {
    var model = LuaClass<Transformer>("Model")
    model.method("clone") { call, model in
      try call.pushObject(try model.clone())
      return 1
    }
    model.method("parameters") { call, model in
      try call.push(.list(model.parameters.map { .object($0.value) }))
      try call.push(.list(model.parameters.map { .string($0.name) }))
      return 2
    }
    model.method("num_parameters") { call, model in
      try call.pushInteger(model.parameterCount)
      return 1
    }
    model.method("config") { call, model in
      try call.push(ModelModule.configTable(model.config))
      return 1
    }
    model.method("hash") { call, model in
      try call.pushString(try model.contentHash())
      return 1
    }
    model.method("save") { call, model in
      try model.save(path: try call.string(2))
      return 0
    }
    model.method("zero_grad") { _, model in
      for parameter in model.parameters { parameter.value.grad = nil }
      return 0
    }
    model.method("logps", logps)
    model.method("token_logps", tokenLogps)
    model.method("logits", logits)
    model.method("last_logits", lastLogits)
    model.method("kl", divergence)
    model.method("sample", SamplerBinding.sample)
    model.metamethod("__tostring") { call in
      let model = try call.object(1, as: Transformer.self)
      let c = model.config
      try call.pushString(
        "[Model \(c.layers) layers, dim \(c.dim), \(c.heads) heads, vocab \(c.vocab), \(model.parameterCount) parameters]"
      )
      return 1
    }
    return model
  }

  /// Prompts and responses as whole sequences, with the position at which each response starts.
  static func joined(_ call: Call, _ prompts: Int, _ responses: Int) throws -> (
    sequences: [[Int]], from: [Int], lengths: [Int]
  ) {
    let before = try call.tokenLists(prompts, "prompts", "prompt")
    let after = try call.tokenLists(responses, "responses", "response")
    if before.count != after.count {
      throw call.bad(responses, "\(after.count) responses for \(before.count) prompts")
    }
    if let empty = before.firstIndex(where: { $0.isEmpty }) {
      throw call.bad(prompts, "prompt \(empty + 1) is empty: a prompt has at least one token, such as bos")
    }
    return (zip(before, after).map { $0 + $1 }, before.map(\.count), after.map(\.count))
  }

  /// logps(prompts, responses [, {temperature=}]) -> [n] sums of token log-probabilities, [n] lengths
  private static func logps(_ call: Call, _ model: Transformer) throws -> Int {
    let options = try OptionTable(call, 4, logpOptions)
    let (sequences, from, lengths) = try joined(call, 2, 3)
    let tokens = try model.tokenLogps(
      sequences, from: from, temperature: try options.number("temperature"))
    try call.pushObject(try Op.segmentSum([tokens], [.integers(lengths)])[0])
    try call.pushObject(Variable(try Tensor(lengths.map(Float.init), shape: [lengths.count])))
    return 2
  }

  /// token_logps(prompts, responses [, {temperature=}]) -> all response tokens' log-probabilities packed, lengths
  private static func tokenLogps(_ call: Call, _ model: Transformer) throws -> Int {
    let options = try OptionTable(call, 4, logpOptions)
    let (sequences, from, lengths) = try joined(call, 2, 3)
    try call.pushObject(
      try model.tokenLogps(sequences, from: from, temperature: try options.number("temperature")))
    try call.pushIntegers(lengths)
    return 2
  }

  /// logits(sequences) -> [N, vocab] for all tokens packed
  private static func logits(_ call: Call, _ model: Transformer) throws -> Int {
    let sequences = try call.tokenLists(2, "sequences", "sequence")
    try call.pushObject(try model.logits(try TokenBatch(sequences, config: model.config)))
    return 1
  }

  /// last_logits(sequences) -> [n, vocab] after each sequence's last token
  private static func lastLogits(_ call: Call, _ model: Transformer) throws -> Int {
    let sequences = try call.tokenLists(2, "sequences", "sequence")
    try call.pushObject(try model.lastLogits(sequences))
    return 1
  }

  /// kl(reference, prompts, responses) -> [n] sums over each response of the exact KL, [n] of the entropy, [n] lengths
  private static func divergence(_ call: Call, _ model: Transformer) throws -> Int {
    let reference = try call.object(2, as: Transformer.self)
    let (sequences, from, lengths) = try joined(call, 3, 4)
    let (kl, entropy) = try Op.observed("kl") { try model.divergence(from: reference, sequences, from: from) }
    for part in [kl, entropy] {
      try call.pushObject(try Op.segmentSum([Variable(part)], [.integers(lengths)])[0])
    }
    try call.pushObject(Variable(try Tensor(lengths.map(Float.init), shape: [lengths.count])))
    return 3
  }
}

extension Call {
  /// Argument `i`: a list of lists of token ids, called by these words in messages.
  func tokenLists(_ i: Int, _ plural: String, _ singular: String) throws -> [[Int]] {
    let table = try table(i)
    do { return try table.listOfIntegerLists() } catch let failure as Failure {
      if try table.list().first?.asInteger != nil {
        throw bad(
          i, "\(plural) must be a list of lists of token ids, got one list of ids: write { \(singular) }")
      }
      throw bad(i, "\(plural) must be a list of lists of token ids: \(failure.message)")
    }
  }
}
