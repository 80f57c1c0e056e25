/// T5, T5 1.1 and Flan-T5.
import Base
import Formats
import Weights

extension ModelFamily {
  private static let activations: [String: TransformerConfig.Activation] = [
    "relu": .relu, "gelu_new": .gelu, "gated-gelu": .geglu, "gated-silu": .swiglu,
  ]

  /// `models/t5/configuration_t5.py`. The states that the head reads are scaled where `scale_decoder_outputs` says so;
  /// folders from before that key scale them unless `tie_word_embeddings` is false. `n_positions` is no limit.
  static let t5 = ModelFamily(
    architecture: "T5ForConditionalGeneration", classifier: "T5ForSequenceClassification", modelType: "t5",
    layout: .t5(isGated: false),
    layoutOf: { .t5(isGated: $0.activation.isGated) }, isTiedByDefault: true, padTokenId: 0,
    read: { settings, config in
      if try !settings.flag("is_encoder_decoder", otherwise: true) {
        throw settings.bad("is_encoder_decoder", "true")
      }
      config.vocab = try settings.size("vocab_size")
      config.dim = try settings.size("d_model")
      config.encoderLayers = try settings.size("num_layers")
      config.layers = try settings.size("num_decoder_layers", otherwise: config.encoderLayers)
      config.heads = try settings.size("num_heads")
      config.maxLength = TransformerConfig.relativeLength
      let encoderLayers = config.encoderLayers
      TransformerConfig.Style.t5.apply(to: &config)
      config.encoderLayers = encoderLayers
      config.headDim = try settings.size("d_kv", otherwise: 64)
      config.hidden = try settings.size("d_ff")
      config.activation = try settings.choice("feed_forward_proj", otherwise: "relu", activations)
      config.normEpsilon = try settings.number("layer_norm_epsilon", otherwise: 1e-6)
      config.relativeBuckets = try settings.size("relative_attention_num_buckets", otherwise: 32)
      config.relativeDistance = try settings.size("relative_attention_max_distance", otherwise: 128)
      let isTied = try settings.flag("tie_word_embeddings", otherwise: true)
      if try !settings.flag("scale_decoder_outputs", otherwise: isTied) { config.outputScale = 1 }
      config.padTokenId = try settings.padTokenId(otherwise: 0)
      config.startToken = try settings.size("decoder_start_token_id", otherwise: max(config.padTokenId, 0))
      config.eosToken = try settings.size("eos_token_id", otherwise: 1)
    },
    write: { c in
      guard c.hasEncoder, let activation = activations.first(where: { $0.value == c.activation })?.key else {
        return nil
      }
      return [
        JSONMember("is_encoder_decoder", true), JSONMember("d_model", .integer(c.dim)),
        JSONMember("num_layers", .integer(c.encoderLayers)),
        JSONMember("num_decoder_layers", .integer(c.layers)), JSONMember("num_heads", .integer(c.heads)),
        JSONMember("d_kv", .integer(c.headDim)), JSONMember("d_ff", .integer(c.hidden)),
        JSONMember("feed_forward_proj", .string(activation)),
        JSONMember("layer_norm_epsilon", .number(c.normEpsilon)),
        JSONMember("relative_attention_num_buckets", .integer(c.relativeBuckets)),
        JSONMember("relative_attention_max_distance", .integer(c.relativeDistance)),
        JSONMember("scale_decoder_outputs", .bool(c.outputScale != 1)),
        JSONMember("decoder_start_token_id", .integer(c.startToken)),
        JSONMember("pad_token_id", c.padTokenId < 0 ? .null : .integer(c.padTokenId)),
        JSONMember("eos_token_id", .integer(c.eosToken)),
      ]
    })
}
