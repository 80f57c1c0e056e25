/// The shape of a decoder: what distinguishes GPT-2 from Llama, and one size from another.
import Base
import Tensors

/// A field is a property here and one line of `fields` below. Files, Lua tables, options, help and validation
/// read `fields`; only the code that computes with a field names it.
public struct TransformerConfig: Equatable, Sendable {
  public enum Norm: String, Sendable, CaseIterable { case layer, rms }
  public enum Activation: String, Sendable, CaseIterable { case gelu, swiglu }
  public enum Positions: String, Sendable, CaseIterable { case learned, rotary }

  public var vocab = 0
  public var dim = 0
  public var layers = 0
  public var heads = 0
  public var kvHeads = 0
  public var hidden = 0
  public var maxLength = 0
  public var norm = Norm.layer
  public var activation = Activation.gelu
  public var positions = Positions.learned
  public var ropeBase = 10_000.0
  public var normEpsilon = 1e-5
  public var bias = true
  public var tied = true

  /// All fields, in the order in which tables and pages list them.
  public static let fields: [ConfigField] = [
    .size("vocab", \.vocab, "number of tokens in the vocabulary"),
    .size("dim", \.dim, "width of the residual stream"),
    .size("layers", \.layers, "number of layers"),
    .size("heads", \.heads, "number of query heads, a divisor of dim"),
    .size(
      "kv_heads", \.kvHeads,
      "number of key and value heads, a divisor of heads; fewer than heads is grouped-query attention",
      otherwise: "heads"),
    .size(
      "hidden", \.hidden, "width of the feed-forward layer",
      otherwise: "4 dim; llama: 8/3 dim rounded up to a multiple of 8"),
    .size("max_length", \.maxLength, "longest sequence, in tokens"),
    .choice("norm", \.norm, "normalisation"),
    .choice("activation", \.activation, "activation of the feed-forward layer"),
    .choice("positions", \.positions, "position encoding"),
    .number("rope_base", \.ropeBase, "base of the rotary angles", above: 0),
    .number("norm_eps", \.normEpsilon, "added to the variance before the square root", least: 0),
    .flag("bias", \.bias, "whether linear layers have a bias", otherwise: "by style"),
    .flag("tied", \.tied, "whether the output head shares the weights of the embedding", otherwise: "true"),
  ]

  /// The published designs that fields start from.
  public enum Style: String, Sendable, CaseIterable {
    /// LayerNorm, GELU, learned positions, biases, tied head; four times as wide inside. Radford et al. 2019.
    case gpt2
    /// RMSNorm, SwiGLU, rotary positions, no bias, tied head; inside 8/3 dim, rounded up to a multiple of 8,
    /// which keeps the parameter count of a plain layer four times as wide. Touvron et al. 2023,
    /// arXiv:2302.13971.
    case llama

    /// The fields that the style decides, for a model whose sizes are given.
    public func apply(to config: inout TransformerConfig) {
      config.kvHeads = config.heads
      switch self {
      case .gpt2: config.hidden = 4 &* config.dim
      case .llama:
        config.hidden = (config.dim &* 8 / 3 &+ 7) / 8 &* 8
        (config.norm, config.activation, config.positions) = (.rms, .swiglu, .rotary)
        config.bias = false
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

  var attentionShape: AttentionShape {
    AttentionShape(heads: heads, keyHeads: kvHeads, headSize: dim / heads)
  }

  /// Refuses sizes that make no model.
  public func validate() throws {
    for field in Self.fields { try field.check(field.value(of: self)) }
    if dim % heads != 0 { throw Failure(.value, "heads \(heads) does not divide dim \(dim)") }
    if heads % kvHeads != 0 { throw Failure(.value, "kv_heads \(kvHeads) does not divide heads \(heads)") }
    if positions == .rotary && (dim / heads) % 2 != 0 {
      throw Failure(.value, "rotary positions need an even head size, got \(dim / heads)")
    }
  }
}
