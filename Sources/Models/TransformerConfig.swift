/// The shape of a decoder: what distinguishes GPT-2 from Llama, and one size from another.
import Base
import Formats
import Tensors

public struct TransformerConfig: Equatable, Sendable {
  public enum Norm: String, Sendable, CaseIterable { case layer, rms }
  public enum Activation: String, Sendable, CaseIterable { case gelu, swiglu }
  public enum Positions: String, Sendable, CaseIterable { case learned, rotary }

  public var vocab: Int
  public var dim: Int
  public var layers: Int
  public var heads: Int
  /// Key and value heads; fewer than `heads` is grouped-query attention.
  public var kvHeads: Int
  /// Width of the feed-forward layer.
  public var hidden: Int
  /// The longest sequence, in tokens.
  public var maxLength: Int
  public var norm: Norm
  public var activation: Activation
  public var positions: Positions
  public var ropeBase: Double
  public var normEpsilon: Double
  /// Whether linear maps have a bias.
  public var bias: Bool
  /// Whether the head shares the embedding's weights.
  public var tied: Bool

  /// GPT-2's choices: LayerNorm, GELU, learned positions, biases, tied head.
  ///
  ///     TransformerConfig.gpt2(vocab: 512, dim: 64, layers: 3, heads: 4, maxLength: 64)
  public static func gpt2(vocab: Int, dim: Int, layers: Int, heads: Int, maxLength: Int) -> TransformerConfig
  {
    TransformerConfig(
      vocab: vocab, dim: dim, layers: layers, heads: heads, kvHeads: heads, hidden: 4 &* dim,
      maxLength: maxLength,
      norm: .layer, activation: .gelu, positions: .learned, ropeBase: 10_000, normEpsilon: 1e-5, bias: true,
      tied: true)
  }

  /// Llama's choices: RMSNorm, SwiGLU, rotary positions, no bias, tied head. The feed-forward width keeps the
  /// parameter count of a plain layer four times as wide: 8/3 dim, rounded up to a multiple of 8.
  public static func llama(vocab: Int, dim: Int, layers: Int, heads: Int, maxLength: Int) -> TransformerConfig
  {
    TransformerConfig(
      vocab: vocab, dim: dim, layers: layers, heads: heads, kvHeads: heads,
      hidden: (dim &* 8 / 3 &+ 7) / 8 &* 8,
      maxLength: maxLength, norm: .rms, activation: .swiglu, positions: .rotary, ropeBase: 10_000,
      normEpsilon: 1e-5,
      bias: false, tied: true)
  }

  var attentionShape: AttentionShape {
    AttentionShape(heads: heads, keyHeads: kvHeads, headSize: dim / heads)
  }

  /// Refuses sizes that make no model.
  public func validate() throws {
    let sizes = [
      ("vocab", vocab), ("dim", dim), ("layers", layers), ("heads", heads), ("kv_heads", kvHeads),
      ("hidden", hidden), ("max_length", maxLength),
    ]
    for (name, size) in sizes where size < 1 || size > 1 << 24 {
      throw Failure(.value, "\(name) must be from 1 to \(1 << 24), got \(size)")
    }
    if dim % heads != 0 { throw Failure(.value, "heads \(heads) does not divide dim \(dim)") }
    if heads % kvHeads != 0 { throw Failure(.value, "kv_heads \(kvHeads) does not divide heads \(heads)") }
    if positions == .rotary && (dim / heads) % 2 != 0 {
      throw Failure(.value, "rotary positions need an even head size, got \(dim / heads)")
    }
    if !(normEpsilon >= 0) || !(ropeBase > 0) || !normEpsilon.isFinite || !ropeBase.isFinite {
      throw Failure(
        .value,
        "norm_eps must be at least 0 and rope_base positive, both finite, got \(normEpsilon) and \(ropeBase)")
    }
  }

  /// Refuses weights that cannot fit into memory before the first of them is drawn, which could take hours.
  func checkFits() throws {
    var small = self
    small.layers = 1
    var bytes = 0.0
    for (name, shape) in small.parameterShapes {  // each product is below 2^52, as every size is below 2^25
      bytes += 4.0 * Double(shape.reduce(1, *)) * (name.hasPrefix("layers.") ? Double(layers) : 1)
    }
    let room = min(MemoryAccount.limitBytes, sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE)))
    if bytes > Double(room) {
      let megabytes = { (bytes: Double) in String(Int(bytes / 1e6)) }
      throw Failure(
        .memory,
        "not enough memory: the model has \(megabytes(bytes)) MB of weights, there are \(megabytes(Double(room))) MB"
      )
    }
  }

  /// Name and shape of every parameter, in the order in which they are stored and hashed.
  public var parameterShapes: [(name: String, shape: [Int])] {
    var list: [(String, [Int])] = [("embedding.weight", [vocab, dim])]
    if positions == .learned { list.append(("positions.weight", [maxLength, dim])) }
    let headSize = dim / heads
    func affine(_ name: String, _ outputs: Int, _ inputs: Int) {
      list.append(("\(name).weight", [outputs, inputs]))
      if bias { list.append(("\(name).bias", [outputs])) }
    }
    func normed(_ name: String) {
      list.append(("\(name).weight", [dim]))
      if norm == .layer { list.append(("\(name).bias", [dim])) }
    }
    for layer in 0..<layers {
      let at = "layers.\(layer)"
      normed("\(at).attention_norm")
      affine("\(at).attention.qkv", (heads + 2 * kvHeads) * headSize, dim)
      affine("\(at).attention.output", dim, dim)
      normed("\(at).mlp_norm")
      affine("\(at).mlp.up", activation == .swiglu ? 2 * hidden : hidden, dim)
      affine("\(at).mlp.down", dim, hidden)
    }
    normed("norm")
    if !tied { list.append(("head.weight", [vocab, dim])) }
    return list
  }
}
