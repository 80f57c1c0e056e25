/// `model:sample(prompts, options)`.
import Autograd
import Base
import LuaEngine
import Models

enum SamplerBinding {
  private static let usual = SamplingOptions()

  private static let options = [
    Option(
      "max_new_tokens", usual.maxNewTokens, "maximum tokens of a response, stop token included", least: 0),
    Option("temperature", usual.temperature, "divides the logits; 0 takes the most likely token", least: 0),
    Option("top_k", usual.topK, "draw from the k most likely tokens only; 0 draws from all", least: 0),
    Option(
      "top_p", usual.topP,
      "draw from the smallest set of most likely tokens whose probabilities sum to top_p or more", most: 1,
      above: 0),
    Option(
      "min_p", usual.minP, "draw from tokens at least min_p times as likely as the most likely one", least: 0,
      most: 1),
    Option(
      "stop", [], of: "token ids", "a response ends after one of these ids, which is part of the response"),
    Option(
      "mixture", optional: .any("a Model"),
      "a model whose logits are mixed in before each draw; the rows' columns are then of the mixture"),
    Option("mixture_weight", 0.5, "weight of the logits of `mixture`", least: 0, most: 1),
    Option("seed", 0, "seed of the draws"),
    Option(
      "stream", optional: .integer, "independent stream of the seed, from 1 to 255", least: 1, most: 255),
    Option("step", usual.step, "number of this draw: equal (seed, stream, step) give equal tokens", least: 0),
    Option("count", usual.count, "responses to each prompt, adjacent in the rows", least: 1),
    Option(
      "first", usual.first,
      "number of the first prompt: response i depends on first + i - 1, not on the chunk it is drawn in",
      least: 1),
    Option(
      "seeds", optional: .list("seeds"),
      "one seed per prompt, instead of seed: a response is then independent of its place in the list"),
  ]

  static let page = Page(
    "model:sample(prompts, {options}) -> Rows",
    "Samples responses to each prompt. Column \"logps\" of the rows holds the log-probabilities of the "
      + "tokens under the model, at temperature 1 without truncation, column \"sampling_logps\" those under "
      + "the distribution sampled from. Not differentiable.",
    options: options, shapes: "n prompts -> count * n rows",
    errors:
      "a prompt is empty; prompt and max_new_tokens exceed max_length; a logit is NaN or infinite; Ctrl-C",
    source:
      "top-k: Fan et al. 2018, arXiv:1805.04833, sec. 5.4; nucleus: Holtzman et al. 2020, arXiv:1904.09751, "
      + "eq. 2-3; min-p: Nguyen et al. 2024, arXiv:2407.01082, sec. 3",
    example: ModelClass.tiny + """
      a = model:sample({{1}, {1, 2}}, {max_new_tokens = 4, count = 2, seed = 7})
      print(a, #a:column 'logps')
      """, prints: "[Rows 4, 22 tokens, 16 of responses; logps, sampling_logps]\t16")

  static func read(_ table: OptionTable) throws -> SamplingOptions {
    var options = SamplingOptions()
    options.maxNewTokens = try table.integer("max_new_tokens")
    options.temperature = try table.number("temperature")
    options.topK = try table.integer("top_k")
    options.topP = try table.number("top_p")
    options.minP = try table.number("min_p")
    options.stopIds = Set(try table.integers("stop"))
    options.seed = try table.seed("seed")
    options.stream = try table.integer(ifGiven: "stream")
    options.step = try table.integer("step")
    options.count = try table.integer("count")
    options.first = try table.integer("first")
    options.rowSeeds = try table.integers(ifGiven: "seeds")?.map { UInt64(bitPattern: Int64($0)) }
    return options
  }

  private static func mixture(_ table: OptionTable) throws -> Mixture? {
    guard table.has("mixture") else { return nil }
    guard case .object(let object)? = table["mixture"], let model = object as? Transformer else {
      throw table.refusal("mixture", expected: "a Model")
    }
    return Mixture(model, weight: try table.number("mixture_weight"))
  }

  static func sample(_ call: Call, _ model: Transformer, _ table: OptionTable) throws -> Int {
    let prompts = try call.tokenLists(2, "prompts", "prompt")
    let (options, mixture) = (try read(table), try mixture(table))
    try call.pushObject(
      try Op.observed("sample") { try model.sampleRows(prompts, options, mixture: mixture) })
    return 1
  }
}
