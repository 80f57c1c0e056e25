/// Gemma 2 and 3: norms before and after each layer, scaled embeddings, windows, bounds on scores and logits.
import Base
import Formats
import Weights

extension ModelFamily {
  /// `models/gemma2/configuration_gemma2.py`.
  static let gemma2 = ModelFamily(
    architecture: "Gemma2ForCausalLM", classifier: "Gemma2ForSequenceClassification",
    modelType: "gemma2", layout: .gemma, isTiedByDefault: true, padTokenId: 0,
    read: { settings, config in
      try readGemma(
        settings, &config, caps: (50, 30), every: 2, vocab: 256_000, length: 8192)
      try settings.readRope(into: &config)
    }, write: { gemma($0) })

  /// `models/gemma3/configuration_gemma3.py`, the text part.
  static let gemma3 = ModelFamily(
    architecture: "Gemma3ForCausalLM", classifier: "Gemma3TextForSequenceClassification",
    modelType: "gemma3_text", layout: .gemma, isTiedByDefault: true, padTokenId: 0,
    read: { settings, config in
      let every = try settings.size("sliding_window_pattern", otherwise: 6)
      try readGemma(
        settings, &config, caps: (0, 0), every: every, vocab: 262_208, length: 131_072)
      config.qkNorm = true
      try settings.readRope(into: &config, base: 1_000_000, localBase: 10_000)
    }, write: { gemma($0) })

  /// One layer in `every` attends to all tokens, the last of them. The text part of a multimodal folder leaves
  /// out what has its default.
  private static func readGemma(
    _ settings: FolderConfig, _ config: inout TransformerConfig, caps: (scores: Double, logits: Double),
    every: Int, vocab: Int, length: Int
  ) throws {
    try readShape(
      settings, &config,
      otherwise: [
        "vocab_size": vocab, "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256,
        "max_position_embeddings": length,
      ],
      activation: (
        "hidden_activation", "gelu_pytorch_tanh", ["gelu_pytorch_tanh": .geglu, "gelu_new": .geglu]
      ))
    config.postNorms = true
    config.embeddingScale = Double(config.dim).squareRoot()
    let scalar = try settings.number("query_pre_attn_scalar", otherwise: 256)
    if !(scalar > 0) { throw settings.bad("query_pre_attn_scalar", "a number above 0") }
    config.attentionScale = scalar == Double(config.headDim) ? 0 : 1 / scalar.squareRoot()
    let hasBias = try settings.flag("attention_bias", otherwise: false)
    (config.qkvBias, config.outputBias) = (hasBias, hasBias)
    config.attentionSoftcap = try settings.cap("attn_logit_softcapping", otherwise: caps.scores)
    config.logitSoftcap = try settings.cap("final_logit_softcapping", otherwise: caps.logits)
    config.slidingWindow =
      settings.isNull("sliding_window") ? 0 : try settings.size("sliding_window", otherwise: 4096)
    if config.slidingWindow == 0 { return }
    if every < 1 || every > ConfigField.patternMax {
      throw settings.bad("sliding_window_pattern", "from 1 to \(ConfigField.patternMax)")
    }
    config.layerPattern = try settings.layerPattern(
      config.layers, otherwise: String(repeating: "s", count: every - 1) + "f")
  }

  private static func gemma(_ c: TransformerConfig) -> [JSONMember]? {
    // The setting is a whole number.
    let scalar =
      c.attentionScale == 0 ? Double(c.headDim) : (1 / (c.attentionScale * c.attentionScale)).rounded()
    guard let whole = Int(exactly: scalar) else { return nil }
    func cap(_ value: Double) -> JSONValue { value == 0 ? .null : .number(value) }
    return shape(c, activation: JSONMember("hidden_activation", "gelu_pytorch_tanh")) + [
      JSONMember("query_pre_attn_scalar", .integer(whole)), JSONMember("attention_bias", .bool(c.qkvBias)),
      JSONMember("attn_logit_softcapping", cap(c.attentionSoftcap)),
      JSONMember("final_logit_softcapping", cap(c.logitSoftcap)),
      JSONMember("sliding_window", c.slidingWindow == 0 ? .null : .integer(c.slidingWindow)),
      JSONMember("layer_types", FolderConfig.layerTypes(c)),
    ]
  }
}

extension FolderConfig {
  /// Whether a key is there and null, which for some is not what its absence is.
  func isNull(_ key: String) -> Bool { has(key) && self[key] == nil }

  /// A bound: null is none, which is 0 here.
  fileprivate func cap(_ key: String, otherwise: Double) throws -> Double {
    isNull(key) ? 0 : try number(key, otherwise: otherwise)
  }

  /// Which layers slide, by `layer_types`, as the shortest text that repeats to it.
  func layerPattern(_ layers: Int, otherwise: @autoclosure () -> String) throws -> String {
    if layers > ConfigField.patternMax {
      throw bad("num_hidden_layers", "at most \(ConfigField.patternMax) where layers slide")
    }
    guard let types = self["layer_types"] else { return otherwise() }
    let letters = types.elements?.compactMap {
      ["full_attention": "f", "sliding_attention": "s"][$0.text ?? ""]
    }
    guard let letters, letters.count == layers, layers > 0, layers <= ConfigField.patternMax else {
      throw bad("layer_types", "\(layers) of \"full_attention\" and \"sliding_attention\"")
    }
    let length = (1...layers).first { n in letters.indices.allSatisfy { letters[$0] == letters[$0 % n] } }
    return letters.prefix(length ?? layers).joined()
  }

  static func layerTypes(_ config: TransformerConfig) -> JSONValue {
    .array((0..<config.layers).map { config.isSliding($0) ? "sliding_attention" : "full_attention" })
  }
}
