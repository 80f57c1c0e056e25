/// The architectures of Hugging Face's transformers that this program computes: how config.json describes each.
///
/// A family says how its settings are read and how they are written. A model is written as the first family
/// whose settings, read back, are the model's own.
import Base
import Formats
import Weights

struct ModelFamily {
  /// As `architectures` names it.
  let architecture: String
  /// The same with a score head, as `architectures` names it.
  let classifier: String
  let modelType: String
  let layout: WeightLayout
  /// The layout where it depends on the settings.
  var layoutOf: ((TransformerConfig) -> WeightLayout)?
  /// Whether `tie_word_embeddings` holds where it is not given.
  let isTiedByDefault: Bool
  /// `pad_token_id` where it is not given; -1 for none.
  var padTokenId = -1
  let read: (FolderConfig, inout TransformerConfig) throws -> Void
  /// The settings besides those of every family; nil where the family has none that fit.
  let write: (TransformerConfig) -> [JSONMember]?

  static let all = [gpt2, llama, mistral, qwen2, qwen3, gemma2, gemma3, t5]

  func layout(_ config: TransformerConfig) -> WeightLayout { layoutOf?(config) ?? layout }

  /// The family of a folder, the settings of its text model, and its head.
  static func of(_ json: JSONValue, path: String) throws -> (
    family: ModelFamily, settings: FolderConfig, head: TransformerConfig.Head
  ) {
    let whole = FolderConfig(json, path: path)
    try whole.refuse(
      ["quantization_config"], unless: { _ in false },
      "load the model in transformers, dequantise it (model.dequantize()) and save it, or load a GGUF file")
    let type = try whole.text("model_type", otherwise: "")
    let names = whole["architectures"]?.elements?.compactMap(\.text) ?? []
    if names == ["Gemma3ForConditionalGeneration"], let text = try whole.object("text_config") {
      return (gemma3, text, .lm)
    }
    if let scorer = all.first(where: { names == [$0.classifier] }) {
      try whole.checkOneLabel()
      return (scorer, whole, .score)
    }
    let found = all.first { family in
      names.isEmpty ? family.modelType == type : names.contains(family.architecture)
    }
    // A model exported without its head: the embedding serves as the head of GPT-2 and Gemma.
    let bare = all.first { names == [$0.bareName] && $0.isTiedByDefault }
    guard let family = found ?? bare else { throw unknown(names, type, path) }
    return (family, whole, .lm)
  }

  private var bareName: String {
    architecture.replacing("ForCausalLM", with: "Model").replacing("LMHeadModel", with: "Model")
  }

  private static func unknown(_ names: [String], _ type: String, _ path: String) -> Failure {
    let given =
      names.isEmpty
      ? (type.isEmpty ? "no architectures" : "model_type \"\(Quoted.name(type))\"")
      : "architecture \(names.map { "\"\(Quoted.name($0))\"" }.joined(separator: ", "))"
    let known = all.map(\.architecture).joined(separator: ", ")
    return Failure(
      .format,
      "\(path): \(given) is not computed here; convert the model to one of \(known), to its "
        + "ForSequenceClassification with one label, or use another")
  }

  /// The configuration of a folder; whether head and embedding are one is for the file to say.
  func config(_ settings: FolderConfig, head: TransformerConfig.Head) throws -> TransformerConfig {
    try settings.refuse(
      ["num_local_experts", "num_experts", "n_routed_experts", "num_experts_per_tok"],
      unless: { ($0.int ?? 2) <= 0 }, "use a model without experts")
    try settings.refuse(
      ["no_rope_layers", "no_rope_layer_interval"], "use a model whose layers all have rotary positions")
    try settings.refuse(["use_bidirectional_attention"], "use a causal decoder")
    if layout.encoder == nil { try settings.refuse(["is_encoder_decoder"], "use a causal decoder") }
    var config = TransformerConfig()
    try read(settings, &config)
    config.tied = try settings.flag("tie_word_embeddings", otherwise: isTiedByDefault)
    if head == .score {
      (config.head, config.tied) = (.score, true)
      config.padTokenId = try settings.padTokenId(otherwise: padTokenId)
    }
    return config
  }

  /// The config.json of a model; nil where the family cannot express it.
  func json(_ config: TransformerConfig, path: String) -> JSONValue? {
    var config = config
    config.precision = .f32  // of this program, which no setting of transformers says
    guard let own = write(config) else { return nil }
    let json = JSONValue.object(
      [
        JSONMember("architectures", [.string(config.head == .lm ? architecture : classifier)]),
        JSONMember("model_type", .string(modelType)),
        JSONMember("dtype", "float32"), JSONMember("torch_dtype", "float32"),
        JSONMember("vocab_size", .integer(config.vocab)),
        JSONMember("tie_word_embeddings", .bool(config.tied)),
      ] + (config.head == .score ? FolderConfig.oneLabel(config) : []) + own)
    let back = try? self.config(FolderConfig(json, path: path), head: config.head)
    return back?.canonical == config.canonical ? json : nil
  }
}
