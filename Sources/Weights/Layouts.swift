/// The families of files whose layout is known.
///
/// A new family is one more value here; the names are those of its files.
extension WeightLayout {
  /// What this program writes; the metadata of its files give the name of the layout as their format.
  public static let perilune = WeightLayout(
    name: "perilune-model-1", embedding: [.init("embedding")],
    encoder: EncoderWeights(
      relativeBias: [.init("encoder.relative_bias")],
      layers: [
        LayerWeights(
          attentionNorm: [.init("encoder.layers.{layer}.attention_norm")],
          qkv: [.init("encoder.layers.{layer}.attention.qkv")],
          output: [.init("encoder.layers.{layer}.attention.output")],
          mlpNorm: [.init("encoder.layers.{layer}.mlp_norm")],
          up: [.init("encoder.layers.{layer}.mlp.up")], down: [.init("encoder.layers.{layer}.mlp.down")])
      ], norm: [.init("encoder.norm")]),
    relativeBias: [.init("relative_bias")], positions: [.init("positions")],
    layer: LayerWeights(
      attentionNorm: [.init("layers.{layer}.attention_norm")],
      qkv: [.init("layers.{layer}.attention.qkv")],
      queryNorm: [.init("layers.{layer}.attention.query_norm")],
      keyNorm: [.init("layers.{layer}.attention.key_norm")],
      output: [.init("layers.{layer}.attention.output")],
      attentionPostNorm: [.init("layers.{layer}.attention_post_norm")],
      cross: CrossWeights(
        norm: [.init("layers.{layer}.cross_norm")], query: [.init("layers.{layer}.cross.query")],
        keyValue: [.init("layers.{layer}.cross.key_value")],
        output: [.init("layers.{layer}.cross.output")]),
      mlpNorm: [.init("layers.{layer}.mlp_norm")],
      up: [.init("layers.{layer}.mlp.up")],
      down: [.init("layers.{layer}.mlp.down")],
      mlpPostNorm: [.init("layers.{layer}.mlp_post_norm")]),
    norm: [.init("norm")], head: [.init("head")], score: [.init("score")])

  /// llama2.c, version 0: the names are those of llama2.c's `model.py`, since the file has none.
  public static let llama2c = WeightLayout(
    name: "llama2.c", embedding: [.init("tok_embeddings")], positions: [],
    layer: LayerWeights(
      attentionNorm: [.init("attention_norm", .sliceOfLayers)],
      qkv: [
        .init("attention.wq", .sliceOfLayers), .init("attention.wk", .sliceOfLayers),
        .init("attention.wv", .sliceOfLayers),
      ],
      output: [.init("attention.wo", .sliceOfLayers)],
      mlpNorm: [.init("ffn_norm", .sliceOfLayers)],
      up: [.init("feed_forward.w1", .sliceOfLayers), .init("feed_forward.w3", .sliceOfLayers)],
      down: [.init("feed_forward.w2", .sliceOfLayers)]),
    norm: [.init("norm")], head: [.init("output")])

  /// GPT-2 of Hugging Face's transformers (`models/gpt2/modeling_gpt2.py`).
  public static let gpt2 = WeightLayout(
    name: "GPT-2 (Hugging Face)", embedding: [.init("wte")], positions: [.init("wpe")],
    layer: LayerWeights(
      attentionNorm: [.init("h.{layer}.ln_1")],
      qkv: [.init("h.{layer}.attn.c_attn", .transposed)],
      output: [.init("h.{layer}.attn.c_proj", .transposed)],
      mlpNorm: [.init("h.{layer}.ln_2")],
      up: [.init("h.{layer}.mlp.c_fc", .transposed)],
      down: [.init("h.{layer}.mlp.c_proj", .transposed)]),
    norm: [.init("ln_f")], head: [.init("lm_head")], score: [.init("score")],
    prefixes: ["transformer."],
    // Buffers of the causal mask.
    ignored: [".attn.bias", ".attn.masked_bias"])

  /// Llama, SmolLM2, Mistral, Qwen2 and Qwen3 of Hugging Face's transformers (`models/llama/modeling_llama.py`;
  /// Qwen3 has norms of the heads).
  public static let llama = WeightLayout(
    name: "Llama (Hugging Face)", embedding: [.init("embed_tokens")], positions: [],
    layer: LayerWeights(
      attentionNorm: [.init("layers.{layer}.input_layernorm")],
      qkv: [
        .init("layers.{layer}.self_attn.q_proj", .rotaryHalves),
        .init("layers.{layer}.self_attn.k_proj", .rotaryHalves),
        .init("layers.{layer}.self_attn.v_proj"),
      ],
      queryNorm: [.init("layers.{layer}.self_attn.q_norm", .rotaryHalves)],
      keyNorm: [.init("layers.{layer}.self_attn.k_norm", .rotaryHalves)],
      output: [.init("layers.{layer}.self_attn.o_proj")],
      mlpNorm: [.init("layers.{layer}.post_attention_layernorm")],
      up: [.init("layers.{layer}.mlp.gate_proj"), .init("layers.{layer}.mlp.up_proj")],
      down: [.init("layers.{layer}.mlp.down_proj")]),
    norm: [.init("norm")], head: [.init("lm_head")], score: [.init("score")],
    prefixes: ["model."],
    ignored: [".rotary_emb.inv_freq"])

  /// Gemma 2 and the text part of Gemma 3 of Hugging Face's transformers (`models/gemma3/modeling_gemma3.py`).
  /// Their norms multiply by 1 + weight.
  public static let gemma = WeightLayout(
    name: "Gemma (Hugging Face)", embedding: [.init("embed_tokens")], positions: [],
    layer: LayerWeights(
      attentionNorm: [.init("layers.{layer}.input_layernorm", lacksOne: true)],
      qkv: llama.layer.qkv,
      queryNorm: [.init("layers.{layer}.self_attn.q_norm", .rotaryHalves, lacksOne: true)],
      keyNorm: [.init("layers.{layer}.self_attn.k_norm", .rotaryHalves, lacksOne: true)],
      output: llama.layer.output,
      attentionPostNorm: [.init("layers.{layer}.post_attention_layernorm", lacksOne: true)],
      mlpNorm: [.init("layers.{layer}.pre_feedforward_layernorm", lacksOne: true)],
      up: llama.layer.up, down: llama.layer.down,
      mlpPostNorm: [.init("layers.{layer}.post_feedforward_layernorm", lacksOne: true)]),
    norm: [.init("norm", lacksOne: true)], head: [.init("lm_head")], score: [.init("score")],
    prefixes: ["model.", "language_model.model.", "model.language_model.", "language_model."],
    ignored: [".rotary_emb.inv_freq"],
    ignoredParts: [
      "vision_tower.", "multi_modal_projector.", "model.vision_tower.", "model.multi_modal_projector.",
    ])

  /// T5, T5 1.1 and Flan-T5 of Hugging Face's transformers (`models/t5/modeling_t5.py`); from 1.1 on the feed-forward
  /// layers are gated.
  public static func t5(isGated: Bool) -> WeightLayout {
    func up(_ layer: String) -> [WeightSource] {
      (isGated ? ["wi_0", "wi_1"] : ["wi"]).map { .init("\(layer).DenseReluDense.\($0)") }
    }
    func maps(_ layer: String, _ names: String...) -> [WeightSource] { names.map { .init("\(layer).\($0)") } }
    func own(_ stack: String) -> (norm: [WeightSource], qkv: [WeightSource], output: [WeightSource]) {
      let layer = stack + ".block.{layer}.layer.0"
      return (
        maps(layer, "layer_norm"), maps(layer + ".SelfAttention", "q", "k", "v"),
        maps(layer + ".SelfAttention", "o")
      )
    }
    func bias(_ stack: String) -> [WeightSource] {
      maps(stack + ".block.0.layer.0.SelfAttention", "relative_attention_bias")
    }
    let (encoder, decoder) = (own("encoder"), own("decoder"))
    let (encoderMLP, cross, mlp) = (
      "encoder.block.{layer}.layer.1", "decoder.block.{layer}.layer.1", "decoder.block.{layer}.layer.2"
    )
    return WeightLayout(
      name: "T5 (Hugging Face)", embedding: [.init("shared")],
      embeddingAliases: [[.init("encoder.embed_tokens")], [.init("decoder.embed_tokens")]],
      encoder: EncoderWeights(
        relativeBias: bias("encoder"),
        layers: [
          LayerWeights(
            attentionNorm: encoder.norm, qkv: encoder.qkv, output: encoder.output,
            mlpNorm: maps(encoderMLP, "layer_norm"), up: up(encoderMLP),
            down: maps(encoderMLP + ".DenseReluDense", "wo"))
        ], norm: [.init("encoder.final_layer_norm")]),
      relativeBias: bias("decoder"), positions: [],
      layer: LayerWeights(
        attentionNorm: decoder.norm, qkv: decoder.qkv, output: decoder.output,
        cross: CrossWeights(
          norm: maps(cross, "layer_norm"), query: maps(cross + ".EncDecAttention", "q"),
          keyValue: maps(cross + ".EncDecAttention", "k", "v"), output: maps(cross + ".EncDecAttention", "o")),
        mlpNorm: maps(mlp, "layer_norm"), up: up(mlp), down: maps(mlp + ".DenseReluDense", "wo")),
      norm: [.init("decoder.final_layer_norm")], head: [.init("lm_head")], prefixes: [""],
      // Cross-attention has no positions; files of old versions hold a table for them.
      ignored: [".EncDecAttention.relative_attention_bias.weight"])
  }

  /// The families that a file's tensor names are compared with. Gemma is before Llama, whose names it has too.
  public static let families = [perilune, gpt2, gemma, llama, t5(isGated: false)]
}
