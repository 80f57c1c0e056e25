/// `model:sample(prompts, options)`.
import Autograd
import Base
import LuaEngine
import Models

enum SamplerBinding {
  static func options(_ call: Call, _ i: Int) throws -> SamplingOptions {
    let table = try OptionTable(call, i, Self.options)
    var options = SamplingOptions()
    options.maxNewTokens = try table.integer("max_new_tokens") ?? options.maxNewTokens
    options.temperature = try table.number("temperature") ?? options.temperature
    options.topK = try table.integer("top_k") ?? options.topK
    options.topP = try table.number("top_p") ?? options.topP
    options.minP = try table.number("min_p") ?? options.minP
    options.stopIds = Set(try table.integers("stop") ?? [])
    options.seed = UInt64(bitPattern: Int64(try table.integer("seed") ?? 0))
    options.step = try table.integer("step") ?? 0
    options.rowSeeds = try table.integers("seeds")?.map { UInt64(bitPattern: Int64($0)) }
    return options
  }

  /// sample(prompts, {max_new_tokens=, temperature=, top_k=, top_p=, min_p=, stop=, seed=, step=, seeds=})
  /// -> list of responses (ids), list of log-probabilities under the model, and under the sampling distribution
  static func sample(_ call: Call, _ model: Transformer) throws -> Int {
    let prompts = try call.tokenLists(2, "prompts", "prompt")
    let options = try options(call, 3)
    let responses = try Op.observed("sample") { try model.sample(prompts, options) }
    try call.push(.list(responses.map { .list($0.tokens.map(LuaValue.int)) }))
    try call.push(.list(responses.map { .list($0.logps.map { .number(Double($0)) }) }))
    try call.push(.list(responses.map { .list($0.samplingLogps.map { .number(Double($0)) }) }))
    return 3
  }
}
