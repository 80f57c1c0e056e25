/// The shape of a decoder: what distinguishes GPT-2 from Llama, and one size from another.
import Base
import Tensors

/// A field is a property here and one line of `fields` below. Files, Lua tables, options, help and validation
/// read `fields`; only the code that computes with a field names it.
public struct TransformerConfig: Equatable, Sendable {
  public enum Norm: String, Sendable, CaseIterable { case layer, rms }
  public enum Activation: String, Sendable, CaseIterable {
    case gelu, swiglu, geglu, relu

    /// The feed-forward layer has a gate and a value of the same width.
    public var isGated: Bool { self == .swiglu || self == .geglu }
  }
  public enum Positions: String, Sendable, CaseIterable { case learned, rotary, relative }
  public enum Head: String, Sendable, CaseIterable { case lm, score }

  public var vocab = 0
  public var dim = 0
  public var layers = 0
  public var encoderLayers = 0
  public var heads = 0
  public var kvHeads = 0
  public var headDim = 0
  public var hidden = 0
  public var maxLength = 0
  public var norm = Norm.layer
  public var activation = Activation.gelu
  public var positions = Positions.learned
  public var ropeBase = 10_000.0
  public var ropeKind = RopeKind.plain
  public var ropeFactor = 1.0
  public var ropeOriginalLength = 0
  public var ropeLowFactor = 1.0
  public var ropeHighFactor = 4.0
  public var ropeBetaFast = 32.0
  public var ropeBetaSlow = 1.0
  public var ropeAttentionFactor = 0.0
  public var ropeLocalBase = 0.0
  public var normEpsilon = 1e-5
  public var qkNorm = false
  public var postNorms = false
  public var attentionScale = 0.0
  public var attentionSoftcap = 0.0
  public var logitSoftcap = 0.0
  public var slidingWindow = 0
  public var layerPattern = "f"
  public var embeddingScale = 1.0
  public var outputScale = 1.0
  public var relativeBuckets = 32
  public var relativeDistance = 128
  public var startToken = 0
  public var eosToken = 1
  public var qkvBias = true
  public var outputBias = true
  public var mlpBias = true
  public var tied = true
  public var head = Head.lm
  public var padTokenId = -1
  public var precision = Precision.f32

  /// Whether all linear layers have a bias; sets it for all.
  public var bias: Bool {
    get { qkvBias && outputBias && mlpBias }
    set { (qkvBias, outputBias, mlpBias) = (newValue, newValue, newValue) }
  }

  /// All fields, in the order in which tables and pages list them.
  public static let fields: [ConfigField] = [
    .size("vocab", \.vocab, "number of tokens in the vocabulary"),
    .size("dim", \.dim, "width of the residual stream"),
    .size("layers", \.layers, "number of layers"),
    .size(
      "encoder_layers", \.encoderLayers,
      "layers of the encoder that reads the prompt; 0: the decoder reads it", otherwise: "0; t5: layers",
      least: 0, isLater: true),
    .size("heads", \.heads, "number of query heads"),
    .size(
      "kv_heads", \.kvHeads,
      "number of key and value heads, a divisor of heads; fewer than heads is grouped-query attention",
      otherwise: "heads"),
    .size(
      "head_dim", \.headDim, "width of a head", otherwise: "dim / heads, which must be whole", isLater: true),
    .size(
      "hidden", \.hidden, "width of the feed-forward layer",
      otherwise: "4 dim; llama: 8/3 dim rounded up to a multiple of 8"),
    .size("max_length", \.maxLength, "longest sequence, in tokens"),
    .choice("norm", \.norm, "normalisation"),
    .choice("activation", \.activation, "activation of the feed-forward layer"),
    .choice("positions", \.positions, "position encoding"),
    .number("rope_base", \.ropeBase, "base of the rotary angles", above: 0),
    .choice(
      "rope_kind", \.ropeKind,
      "how the frequencies of the rotary angles are stretched: \"linear\" divides all by rope_factor "
        + "(arXiv:2306.15595), \"llama3\" those of long wavelength (Llama 3.1), \"yarn\" with a ramp "
        + "(arXiv:2309.00071)", otherwise: "\"default\": not", isLater: true),
    .number("rope_factor", \.ropeFactor, "how many times longer than the original length", above: 0),
    .size(
      "rope_original_length", \.ropeOriginalLength,
      "length before stretching, in tokens, for \"llama3\" and \"yarn\"; 0 is max_length", otherwise: "0",
      least: 0, isLater: true),
    .number(
      "rope_low_factor", \.ropeLowFactor, "llama3: pairs of fewer turns in the original length are divided",
      above: 0),
    .number(
      "rope_high_factor", \.ropeHighFactor, "llama3: pairs of more turns in the original length are kept",
      above: 0),
    .number("rope_beta_fast", \.ropeBetaFast, "yarn: turns from which on pairs are kept", above: 0),
    .number("rope_beta_slow", \.ropeBetaSlow, "yarn: turns up to which pairs are divided", above: 0),
    .number(
      "rope_attention_factor", \.ropeAttentionFactor,
      "yarn: factor of cosines and sines; 0 is 0.1 log(rope_factor) + 1", least: 0),
    .number(
      "rope_local_base", \.ropeLocalBase,
      "base of the rotary angles of sliding layers, which are not stretched; 0 is as in the other layers",
      least: 0),
    .number("norm_eps", \.normEpsilon, "added to the variance before the square root", least: 0),
    .flag(
      "qk_norm", \.qkNorm, "whether each query and key head passes an RMSNorm before rotation",
      otherwise: "false", isLater: true),
    .flag(
      "post_norms", \.postNorms,
      "whether the results of attention and feed-forward layers are normalised before they are added",
      otherwise: "false", isLater: true),
    .number(
      "attention_scale", \.attentionScale, "factor of the attention scores; 0 is 1 / sqrt(head_dim)", least: 0
    ),
    .number(
      "attention_softcap", \.attentionSoftcap, "scores become c tanh(score / c); 0 is no bound", least: 0),
    .number("logit_softcap", \.logitSoftcap, "logits become c tanh(logit / c); 0 is no bound", least: 0),
    .size(
      "sliding_window", \.slidingWindow,
      "tokens that a token of a sliding layer attends to, itself among them",
      otherwise: "0", least: 0, isLater: true),
    .pattern(
      "layer_pattern", \.layerPattern, of: "fs",
      "f for a layer of full attention, s for one with a sliding window; repeated over the layers"),
    .number("embedding_scale", \.embeddingScale, "factor of the embeddings", above: 0),
    .number("output_scale", \.outputScale, "factor of the states that the head reads", above: 0),
    .size(
      "relative_buckets", \.relativeBuckets,
      "buckets of relative positions, each with a bias of the scores of a head", otherwise: "32", least: 4,
      isLater: true),
    .size(
      "relative_distance", \.relativeDistance, "relative positions: tokens from which on all share a bucket",
      otherwise: "128", isLater: true),
    .size(
      "decoder_start_token_id", \.startToken,
      "with an encoder: the token that the decoder reads before a response",
      otherwise: "0", least: 0, isLater: true),
    .size(
      "eos_token_id", \.eosToken,
      "with an encoder: kept for transformers; model:sample stops at its option stop",
      otherwise: "1", least: 0, isLater: true),
    .flag("bias", \.bias, "whether linear layers have a bias", otherwise: "by style"),
    .flag("qkv_bias", \.qkvBias, "the same for queries, keys and values", otherwise: "bias", isLater: true),
    .flag("output_bias", \.outputBias, "the same for attention's output", otherwise: "bias", isLater: true),
    .flag("mlp_bias", \.mlpBias, "the same for the feed-forward layer", otherwise: "bias", isLater: true),
    .flag("tied", \.tied, "whether the output head shares the weights of the embedding", otherwise: "true"),
    .choice(
      "head", \.head,
      "\"lm\" gives logits over the vocabulary, \"score\" one number a sequence, as a reward model does",
      otherwise: "\"lm\"", isLater: true),
    .size(
      "pad_token_id", \.padTokenId,
      "a score is read at the last token that is not this id; -1 is at the last token", otherwise: "-1",
      least: -1, isLater: true),
    .choice(
      "precision", \.precision,
      "of the products with weights, in training and sampling: \"bf16\" rounds their operands to bfloat16, 8 bits, and "
        + "sums in f32. Weights, gradients, moments, attention, norms and log-probabilities are f32 in both",
      otherwise: "\"f32\"", isLater: true),
  ]

  /// The published designs that fields start from.
  public enum Style: String, Sendable, CaseIterable {
    /// LayerNorm, GELU, learned positions, biases, tied head; four times as wide inside. Radford et al. 2019.
    case gpt2
    /// RMSNorm, SwiGLU, rotary positions, no bias, tied head; inside 8/3 dim, rounded up to a multiple of 8,
    /// which keeps the parameter count of a plain layer four times as wide. Touvron et al. 2023,
    /// arXiv:2302.13971.
    case llama
    /// An encoder and a decoder of as many layers: RMSNorm, ReLU, biases of relative positions, scores that are not
    /// scaled, no other bias, tied head whose input is scaled by 1/sqrt(dim). Raffel et al. 2020, arXiv:1910.10683.
    case t5

    /// The fields that the style decides, for a model whose sizes are given.
    public func apply(to config: inout TransformerConfig) {
      config.kvHeads = config.heads
      config.splitHeads()
      switch self {
      case .gpt2: config.hidden = 4 &* config.dim
      case .llama:
        config.hidden = (config.dim &* 8 / 3 &+ 7) / 8 &* 8
        (config.norm, config.activation, config.positions) = (.rms, .swiglu, .rotary)
        config.bias = false
      case .t5:
        config.hidden = 4 &* config.dim
        (config.norm, config.activation, config.positions) = (.rms, .relu, .relative)
        (config.bias, config.encoderLayers, config.normEpsilon) = (false, config.layers, 1e-6)
        config.attentionScale = 1
        if config.dim > 0 { config.outputScale = 1 / Double(config.dim).squareRoot() }
      }
    }
  }

  public init() {}

  /// The shape of a style with these sizes.
  public init(_ style: Style, vocab: Int, dim: Int, layers: Int, heads: Int, maxLength: Int) {
    (self.vocab, self.dim, self.layers, self.heads, self.maxLength) = (vocab, dim, layers, heads, maxLength)
    style.apply(to: &self)
  }

  /// GPT-2's choices.
  ///
  ///     TransformerConfig.gpt2(vocab: 512, dim: 64, layers: 3, heads: 4, maxLength: 64)
  public static func gpt2(vocab: Int, dim: Int, layers: Int, heads: Int, maxLength: Int) -> TransformerConfig
  {
    TransformerConfig(.gpt2, vocab: vocab, dim: dim, layers: layers, heads: heads, maxLength: maxLength)
  }

  /// Llama's choices.
  public static func llama(vocab: Int, dim: Int, layers: Int, heads: Int, maxLength: Int) -> TransformerConfig
  {
    TransformerConfig(.llama, vocab: vocab, dim: dim, layers: layers, heads: heads, maxLength: maxLength)
  }

  /// Heads that divide the residual stream among them; 0 where they cannot.
  mutating func splitHeads() { headDim = heads > 0 && dim % heads == 0 ? dim / heads : 0 }

  /// Refuses settings of rotary scaling in the wrong order, and divisors that are no positive numbers.
  private func validateRope() throws {
    func expect(_ lower: (String, Double), below upper: (String, Double)) throws {
      if lower.1 >= upper.1 {
        throw Failure(
          .value, "\(lower.0) must be below \(upper.0), got \(lower.1) and \(upper.1)")
      }
    }
    if ropeKind == .llama3 {
      try expect(("rope_low_factor", ropeLowFactor), below: ("rope_high_factor", ropeHighFactor))
    }
    if ropeKind == .yarn {
      try expect(("rope_beta_slow", ropeBetaSlow), below: ("rope_beta_fast", ropeBetaFast))
      if ropeBase <= 1 { throw Failure(.value, "rope_base must be above 1 with yarn, got \(ropeBase)") }
    }
    if let pair = ropeDivisors.firstIndex(where: { !($0 > 0 && $0.isFinite) }) {
      throw Failure(
        .value, "the rope fields give no frequencies: pair \(pair + 1) is divided by \(ropeDivisors[pair])")
    }
  }

  /// Refuses sizes that make no model.
  public func validate() throws {
    if headDim == 0 && heads > 0 && dim % heads != 0 {
      throw Failure(.value, "heads \(heads) does not divide dim \(dim), and head_dim is not given")
    }
    for field in Self.fields { try field.check(field.value(of: self)) }
    if heads * headDim > ConfigField.sizeMax {
      throw Failure(
        .value, "\(heads) heads of head_dim \(headDim) are wider than \(ConfigField.sizeMax)")
    }
    try validateEncoder()
    if heads % kvHeads != 0 { throw Failure(.value, "kv_heads \(kvHeads) does not divide heads \(heads)") }
    if positions == .rotary && headDim % 2 != 0 {
      throw Failure(.value, "rotary positions need an even head size, got \(headDim)")
    }
    if positions == .rotary { try validateRope() }
    if slidingWindow == 0 && layerPattern.contains("s") {
      throw Failure(.value, "layer_pattern \(layerPattern) has sliding layers, but sliding_window is 0")
    }
  }
}
