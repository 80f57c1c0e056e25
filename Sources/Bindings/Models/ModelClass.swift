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
    model.method("outputs", outputs)
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

  /// logps(rows [, {temperature=}]) -> [n] sums of token log-probabilities, [n] lengths
  private static func logps(_ call: Call, _ model: Transformer) throws -> Int {
    let (rows, next) = try RowsClass.read(call, 2)
    let tokens = try model.tokenLogps(rows, temperature: try temperature(call, next))
    try call.pushObject(try RowsClass.sums(rows, tokens))
    try call.pushObject(try RowsClass.lengths(rows))
    return 2
  }

  /// token_logps(rows [, {temperature=}]) -> all response tokens' log-probabilities packed, lengths
  private static func tokenLogps(_ call: Call, _ model: Transformer) throws -> Int {
    let (rows, next) = try RowsClass.read(call, 2)
    try call.pushObject(try model.tokenLogps(rows, temperature: try temperature(call, next)))
    try call.pushIntegers(RowsClass.responseLengths(rows))
    return 2
  }

  /// outputs(rows, names [, {temperature=}]) -> table of what one pass gives
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

  /// logits(sequences) -> [N, vocab] for all tokens packed
  private static func logits(_ call: Call, _ model: Transformer) throws -> Int {
    try call.pushObject(try model.logits(try RowsClass.sequences(call, 2)))
    return 1
  }

  /// last_logits(sequences) -> [n, vocab] after each sequence's last token
  private static func lastLogits(_ call: Call, _ model: Transformer) throws -> Int {
    try call.pushObject(try model.lastLogits(try RowsClass.sequences(call, 2)))
    return 1
  }

  /// kl(reference, rows) -> [n] sums over each response of the exact KL, [n] of the entropy, [n] lengths
  private static func divergence(_ call: Call, _ model: Transformer) throws -> Int {
    let reference = try call.object(2, as: Transformer.self)
    let (rows, _) = try RowsClass.read(call, 3)
    let (kl, entropy) = try Op.observed("kl") { try model.divergence(from: reference, rows) }
    for part in [kl, entropy] { try call.pushObject(try RowsClass.sums(rows, Variable(part))) }
    try call.pushObject(try RowsClass.lengths(rows))
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
