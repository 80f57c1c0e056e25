/// The configuration that a GGUF file's metadata and tensors state, by the names of the model's fields.
///
/// A key of the architecture that says something unknown about the model is an error: leaving it out would
/// load another model.
import Base
import Formats

struct GGUFConfiguration {
  private let file: GGUFFile
  private let architecture: GGUFArchitecture
  private var fields: [String: String]
  private var known: Set<String>

  static let ropeDivisors = "rope_freqs.weight"
  /// Keys that say nothing that the tensors or the other keys do not.
  private static let redundant = [
    "vocab_size", "tensor_data_layout", "rope.dimension_count_swa", "use_parallel_residual",
  ]

  init(_ file: GGUFFile, _ architecture: GGUFArchitecture) {
    (self.file, self.architecture, fields) = (file, architecture, architecture.fixed)
    known = Set(Self.redundant)
  }

  /// The fields of the model by their names.
  static func fields(_ file: GGUFFile, _ architecture: GGUFArchitecture) throws -> [String: String] {
    var configuration = GGUFConfiguration(file, architecture)
    try configuration.sizes()
    configuration.biases()
    if architecture.fixed["positions"] == "rotary" { try configuration.rope() }
    if architecture.name.hasPrefix("gemma") { try configuration.gemma() }
    try configuration.refuseUnknown()
    return configuration.fields
  }

  private func key(_ name: String) -> String { "\(architecture.name).\(name)" }

  private func failure(_ name: String, _ problem: String) -> Failure {
    Failure(.format, "\(file.source.name): key '\(key(name))' \(problem)")
  }

  private mutating func integer(_ name: String) throws -> Int? {
    known.insert(name)
    return try file.integer(key(name))
  }

  private mutating func number(_ name: String) throws -> Double? {
    known.insert(name)
    return try file.number(key(name))
  }

  private mutating func text(_ name: String) throws -> String? {
    known.insert(name)
    return try file.text(key(name))
  }

  private mutating func size(_ name: String) throws -> Int {
    guard let size = try integer(name) else {
      throw failure(name, "is missing: the file does not state the model's shape")
    }
    if size < 1 { throw failure(name, "is \(size), expected at least 1") }
    return size
  }

  private func tensor(_ name: String) -> GGUFFile.TensorInfo? { file.tensors.first { $0.name == name } }

  private mutating func sizes() throws {
    guard let embedding = tensor("token_embd.weight"), embedding.sizes.count == 2 else {
      let what =
        file.tensors.isEmpty
        ? "it holds no tensors, perhaps only a tokenizer" : "it has no table 'token_embd.weight'"
      throw Failure(.format, "\(file.source.name): not a model: \(what)")
    }
    let (dim, heads) = (try size("embedding_length"), try size("attention.head_count"))
    let keyHeads = try integer("attention.head_count_kv") ?? heads
    fields["vocab"] = "\(embedding.sizes[1])"
    fields["dim"] = "\(dim)"
    fields["layers"] = "\(try size("block_count"))"
    fields["heads"] = "\(heads)"
    fields["kv_heads"] = "\(keyHeads)"
    fields["hidden"] = "\(try size("feed_forward_length"))"
    fields["max_length"] = "\(try size("context_length"))"
    let width = try integer("attention.key_length")
    if let values = try integer("attention.value_length"), values != width ?? dim / heads {
      throw failure(
        "attention.value_length", "is \(values), expected the length of keys, \(width ?? dim / heads)")
    }
    if let width { fields["head_dim"] = "\(width)" }
    let epsilon =
      fields["norm"] == "rms" ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon"
    guard let value = try number(epsilon) else { throw failure(epsilon, "is missing") }
    fields["norm_eps"] = "\(value)"
    fields["tied"] = "\(tensor("output.weight") == nil)"
    for name in ["expert_count", "expert_used_count", "attention.sliding_window"] {
      if name == "attention.sliding_window" && fields["layer_pattern"] != nil { continue }
      if let count = try integer(name), count != 0 {
        throw failure(name, "is \(count): such models are not read")
      }
    }
  }

  /// Biases are where the file has them.
  private mutating func biases() {
    fields["bias"] = "\(tensor("blk.0.attn_output.bias") != nil && tensor("blk.0.ffn_down.bias") != nil)"
    fields["qkv_bias"] = "\(tensor("blk.0.attn_q.bias") != nil || tensor("blk.0.attn_qkv.bias") != nil)"
    fields["output_bias"] = "\(tensor("blk.0.attn_output.bias") != nil)"
    fields["mlp_bias"] = "\(tensor("blk.0.ffn_down.bias") != nil)"
  }

  private mutating func rope() throws {
    let base = try number("rope.freq_base") ?? 10_000
    fields["rope_base"] = "\(base)"
    let (dim, heads) = (try size("embedding_length"), try size("attention.head_count"))
    let width = try integer("attention.key_length") ?? dim / heads
    if let turned = try integer("rope.dimension_count"), turned != width {
      throw failure("rope.dimension_count", "is \(turned) of \(width): a head that turns in part is not read")
    }
    let factor = try number("rope.scaling.factor") ?? number("rope.scale_linear") ?? 1
    // As in llama.cpp, a factor without a type is one of linear scaling; 0 and 1 are none.
    let kind = try text("rope.scaling.type") ?? (factor == 0 || factor == 1 ? "none" : "linear")
    let original = try integer("rope.scaling.original_context_length")
    known.insert("rope.scaling.finetuned")
    switch kind {
    case "none": break
    case "linear" where factor == 0: break
    case "linear", "yarn":
      fields["rope_kind"] = kind
      fields["rope_factor"] = "\(factor)"
      if let original { fields["rope_original_length"] = "\(original)" }
    default: throw failure("rope.scaling.type", "is '\(Quoted.name(kind))', expected none, linear or yarn")
    }
    for (name, field) in [
      ("rope.scaling.yarn_beta_fast", "rope_beta_fast"), ("rope.scaling.yarn_beta_slow", "rope_beta_slow"),
    ] {
      if let value = try number(name) { fields[field] = "\(value)" }
    }
    for name in ["rope.scaling.attn_factor", "rope.scaling.yarn_attn_factor", "rope.scaling.yarn_ext_factor"]
    {
      if let value = try number(name), value != 1 { throw failure(name, "is \(value), expected 1") }
    }
    if let tensor = tensor(Self.ropeDivisors) {
      let scaled = try RopeDivisors(file, tensor, pairs: width / 2, base: base, length: original).fields
      if !scaled.isEmpty && fields["rope_kind"] != nil {
        throw failure("rope.scaling.factor", "is \(factor) beside divisors of each pair: one of them is read")
      }
      fields.merge(scaled) { $1 }
    }
  }

  /// What llama.cpp knows of Gemma and its files do not state.
  private mutating func gemma() throws {
    let (dim, heads, layers) = (
      try size("embedding_length"), try size("attention.head_count"), try size("block_count")
    )
    fields["embedding_scale"] = "\(Double(dim).squareRoot())"
    if layers == (architecture.name == "gemma2" ? 46 : 62) {  // the models of 27 billion weights
      fields["attention_scale"] = "\(1 / Double(dim / heads).squareRoot())"
    }
    if let window = try integer("attention.sliding_window") { fields["sliding_window"] = "\(window)" }
    if fields["sliding_window"].flatMap(Int.init) ?? 0 == 0 { fields["layer_pattern"] = "f" }
    let pattern = "attention.sliding_window_pattern"
    if let slides = try file.flags(key(pattern)) {
      if slides.count != layers { throw failure(pattern, "has \(slides.count) flags for \(layers) layers") }
      known.insert(pattern)
      fields["layer_pattern"] = String(slides.map { $0 ? "s" : "f" })
    } else if let period = try integer(pattern) {
      if period < 1 || period > 64 { throw failure(pattern, "is \(period), expected 1 to 64") }
      fields["layer_pattern"] = String(repeating: "s", count: period - 1) + "f"
    }
    if let base = try number("rope.freq_base_swa") { fields["rope_local_base"] = "\(base)" }
    if let cap = try number("attn_logit_softcapping") { fields["attention_softcap"] = "\(cap)" }
    if let cap = try number("final_logit_softcapping") { fields["logit_softcap"] = "\(cap)" }
  }

  private func refuseUnknown() throws {
    let prefix = architecture.name + "."
    for key in file.keys where key.hasPrefix(prefix) && !known.contains(String(key.dropFirst(prefix.count))) {
      throw failure(
        String(key.dropFirst(prefix.count)),
        "says something about the model that is not known here; a model without it would be another one")
    }
  }
}
