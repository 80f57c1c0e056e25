/// GPT-2, and the families of Llama's shape: RMSNorm, gated feed-forward layers, rotary positions.
import Base
import Formats
import Weights

extension ModelFamily {
  private static let gelus: [String: TransformerConfig.Activation] = [
    "gelu_new": .gelu, "gelu_pytorch_tanh": .gelu, "gelu_fast": .gelu,
  ]

  /// `models/gpt2/configuration_gpt2.py`.
  static let gpt2 = ModelFamily(
    architecture: "GPT2LMHeadModel", classifier: "GPT2ForSequenceClassification",
    modelType: "gpt2", layout: .gpt2, isTiedByDefault: true,
    read: { settings, config in
      try settings.refuse(
        ["scale_attn_by_inverse_layer_idx", "add_cross_attention"], "use a GPT-2 without it")
      config.vocab = try settings.size("vocab_size")
      config.dim = try settings.size("n_embd")
      config.layers = try settings.size("n_layer")
      config.heads = try settings.size("n_head")
      config.maxLength = try settings.size(
        "n_positions", otherwise: try settings.size("n_ctx", otherwise: 1024))
      TransformerConfig.Style.gpt2.apply(to: &config)
      config.hidden = try settings.size("n_inner", otherwise: 4 * config.dim)
      config.activation = try settings.choice("activation_function", otherwise: "gelu_new", gelus)
      config.normEpsilon = try settings.number("layer_norm_epsilon", otherwise: 1e-5)
      if try !settings.flag("scale_attn_weights", otherwise: true) { config.attentionScale = 1 }
    },
    write: { c in
      [
        JSONMember("n_embd", .integer(c.dim)), JSONMember("n_layer", .integer(c.layers)),
        JSONMember("n_head", .integer(c.heads)), JSONMember("n_positions", .integer(c.maxLength)),
        JSONMember("n_inner", .integer(c.hidden)), JSONMember("activation_function", "gelu_new"),
        JSONMember("layer_norm_epsilon", .number(c.normEpsilon)),
        JSONMember("scale_attn_weights", .bool(c.attentionScale != 1)),
      ]
    })

  static let llama = ModelFamily(
    architecture: "LlamaForCausalLM", classifier: "LlamaForSequenceClassification",
    modelType: "llama", layout: .llama, isTiedByDefault: false,
    read: { settings, config in
      try readShape(settings, &config)
      let hasBias = try settings.flag("attention_bias", otherwise: false)
      (config.qkvBias, config.outputBias) = (hasBias, hasBias)
      config.mlpBias = try settings.flag("mlp_bias", otherwise: false)
      try settings.readRope(into: &config)
    },
    write: { c in
      shape(c) + [JSONMember("attention_bias", .bool(c.qkvBias)), JSONMember("mlp_bias", .bool(c.mlpBias))]
    })

  static let mistral = ModelFamily(
    architecture: "MistralForCausalLM", classifier: "MistralForSequenceClassification",
    modelType: "mistral", layout: .llama, isTiedByDefault: false,
    read: { settings, config in
      try readShape(settings, &config)
      try settings.readRope(into: &config)
      // A key that is absent is a window of 4096; null is none.
      config.slidingWindow =
        settings.isNull("sliding_window") ? 0 : try settings.size("sliding_window", otherwise: 4096)
      if config.slidingWindow > 0 { config.layerPattern = "s" }
    },
    write: { c in
      shape(c) + [JSONMember("sliding_window", c.slidingWindow == 0 ? .null : .integer(c.slidingWindow))]
    })

  static let qwen2 = ModelFamily(
    architecture: "Qwen2ForCausalLM", classifier: "Qwen2ForSequenceClassification",
    modelType: "qwen2", layout: .llama, isTiedByDefault: false,
    read: { settings, config in
      try readShape(settings, &config)
      config.qkvBias = true
      try readQwen(settings, &config)
    }, write: { shape($0) + qwen($0) })

  static let qwen3 = ModelFamily(
    architecture: "Qwen3ForCausalLM", classifier: "Qwen3ForSequenceClassification",
    modelType: "qwen3", layout: .llama, isTiedByDefault: false,
    read: { settings, config in
      try readShape(settings, &config, otherwise: ["head_dim": 128])
      config.qkNorm = true
      let hasBias = try settings.flag("attention_bias", otherwise: false)
      (config.qkvBias, config.outputBias) = (hasBias, hasBias)
      try readQwen(settings, &config)
    }, write: { shape($0) + qwen($0) + [JSONMember("attention_bias", .bool($0.qkvBias))] })

  /// A window only if `use_sliding_window`; then of the layers from `max_window_layers` on, or as `layer_types`
  /// says.
  private static func readQwen(_ settings: FolderConfig, _ config: inout TransformerConfig) throws {
    try settings.readRope(into: &config)
    if try !settings.flag("use_sliding_window", otherwise: false) { return }
    config.slidingWindow = try settings.size("sliding_window", otherwise: 4096)
    let first = min(try settings.size("max_window_layers", otherwise: 28), config.layers)
    config.layerPattern = try settings.layerPattern(
      config.layers,
      otherwise: String(repeating: "f", count: first) + String(repeating: "s", count: config.layers - first))
  }

  private static func qwen(_ c: TransformerConfig) -> [JSONMember] {
    [
      JSONMember("use_sliding_window", .bool(c.slidingWindow > 0)),
      JSONMember("sliding_window", c.slidingWindow == 0 ? .null : .integer(c.slidingWindow)),
      JSONMember("layer_types", FolderConfig.layerTypes(c)),
    ]
  }

  /// The sizes of a model of Llama's shape; `defaults` are the family's own.
  static func readShape(
    _ settings: FolderConfig, _ config: inout TransformerConfig, otherwise defaults: [String: Int] = [:],
    activation: (key: String, standard: String, known: [String: TransformerConfig.Activation]) = (
      "hidden_act", "silu", ["silu": .swiglu, "swish": .swiglu]
    )
  ) throws {
    func size(_ key: String, otherwise: Int? = nil) throws -> Int {
      try settings.size(key, otherwise: defaults[key] ?? otherwise)
    }
    config.vocab = try size("vocab_size")
    config.dim = try size("hidden_size")
    config.layers = try size("num_hidden_layers")
    config.heads = try size("num_attention_heads")
    config.maxLength = try size("max_position_embeddings")
    TransformerConfig.Style.llama.apply(to: &config)
    config.kvHeads = try size("num_key_value_heads", otherwise: config.heads)
    config.headDim = try size("head_dim", otherwise: config.headDim)
    config.hidden = try size("intermediate_size")
    config.normEpsilon = try settings.number("rms_norm_eps", otherwise: 1e-6)
    config.activation = try settings.choice(activation.key, otherwise: activation.standard, activation.known)
  }

  static func shape(_ c: TransformerConfig, activation: JSONMember = JSONMember("hidden_act", "silu"))
    -> [JSONMember]
  {
    let rope = FolderConfig.rope(c)
    return [
      JSONMember("hidden_size", .integer(c.dim)), JSONMember("num_hidden_layers", .integer(c.layers)),
      JSONMember("num_attention_heads", .integer(c.heads)),
      JSONMember("num_key_value_heads", .integer(c.kvHeads)), JSONMember("head_dim", .integer(c.headDim)),
      JSONMember("intermediate_size", .integer(c.hidden)),
      JSONMember("max_position_embeddings", .integer(c.maxLength)),
      JSONMember("rms_norm_eps", .number(c.normEpsilon)), activation,
      JSONMember("rope_parameters", .object(rope)),
    ]
  }
}
