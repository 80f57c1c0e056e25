/// The weights of a decoder by their roles, whatever a weight is: its description, its variables, its packed
/// matrix.
///
/// A role is named here once. Code that trains, decodes, loads or saves maps one `ModelWeights` to another,
/// so that the name of a tensor is written only in a `WeightLayout`.

/// The weights of one layer.
public struct LayerWeights<W> {
  public let attentionNorm: W
  /// Queries, keys and values of all heads, stacked.
  public let qkv: W
  public let output: W
  public let mlpNorm: W
  /// The first matrix of the feed-forward layer; gate and up, stacked, where the activation is gated.
  public let up: W
  public let down: W

  public init(attentionNorm: W, qkv: W, output: W, mlpNorm: W, up: W, down: W) {
    self.attentionNorm = attentionNorm
    self.qkv = qkv
    self.output = output
    self.mlpNorm = mlpNorm
    self.up = up
    self.down = down
  }

  /// In the order in which they are stored and hashed.
  public var all: [W] { [attentionNorm, qkv, output, mlpNorm, up, down] }

  public func map<T>(_ transform: (W) throws -> T) rethrows -> LayerWeights<T> {
    LayerWeights<T>(
      attentionNorm: try transform(attentionNorm), qkv: try transform(qkv), output: try transform(output),
      mlpNorm: try transform(mlpNorm), up: try transform(up), down: try transform(down))
  }
}

/// The weights of a whole decoder.
public struct ModelWeights<W> {
  public let embedding: W
  /// Learned positions; nil where positions are rotary.
  public let positions: W?
  public let layers: [LayerWeights<W>]
  public let norm: W
  /// The head's own weights; nil where the head shares the embedding's.
  public let head: W?

  public init(embedding: W, positions: W?, layers: [LayerWeights<W>], norm: W, head: W?) {
    self.embedding = embedding
    self.positions = positions
    self.layers = layers
    self.norm = norm
    self.head = head
  }

  /// What computes the logits.
  public var output: W { head ?? embedding }

  /// In the order in which they are stored and hashed.
  public var all: [W] {
    [embedding] + (positions.map { [$0] } ?? []) + layers.flatMap(\.all) + [norm] + (head.map { [$0] } ?? [])
  }

  /// Calls `transform` once for each weight, in the order of `all`.
  public func map<T>(_ transform: (W) throws -> T) rethrows -> ModelWeights<T> {
    ModelWeights<T>(
      embedding: try transform(embedding), positions: try positions.map(transform),
      layers: try layers.map { try $0.map(transform) }, norm: try transform(norm),
      head: try head.map(transform))
  }
}

extension LayerWeights: Sendable where W: Sendable {}
extension ModelWeights: Sendable where W: Sendable {}
