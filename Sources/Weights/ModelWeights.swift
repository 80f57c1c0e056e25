/// The weights of a decoder by their roles, whatever a weight is: its description, its variables, its packed
/// matrix.
///
/// A role is named here once. Code that trains, decodes, loads or saves maps one `ModelWeights` to another,
/// so that the name of a tensor is written only in a `WeightLayout`.

/// The weights with which a decoder's layer attends to what the encoder made of the prompt.
public struct CrossWeights<W> {
  public let norm: W
  public let query: W
  /// Keys and values of all heads, stacked.
  public let keyValue: W
  public let output: W

  public init(norm: W, query: W, keyValue: W, output: W) {
    (self.norm, self.query, self.keyValue, self.output) = (norm, query, keyValue, output)
  }

  var all: [W] { [norm, query, keyValue, output] }

  func map<T>(_ transform: (W) throws -> T) rethrows -> CrossWeights<T> {
    CrossWeights<T>(
      norm: try transform(norm), query: try transform(query), keyValue: try transform(keyValue),
      output: try transform(output))
  }
}

/// The weights of one layer.
public struct LayerWeights<W> {
  public let attentionNorm: W
  /// Queries, keys and values of all heads, stacked.
  public let qkv: W
  /// Norms of each query head and of each key head; nil where there are none.
  public let queryNorm: W?
  public let keyNorm: W?
  public let output: W
  /// Of what attention adds to the residual stream; nil where it is added as it is.
  public let attentionPostNorm: W?
  /// Nil where there is no encoder.
  public let cross: CrossWeights<W>?
  public let mlpNorm: W
  /// The first matrix of the feed-forward layer; gate and up, stacked, where the activation is gated.
  public let up: W
  public let down: W
  /// Of what the feed-forward layer adds; nil where it is added as it is.
  public let mlpPostNorm: W?

  public init(
    attentionNorm: W, qkv: W, queryNorm: W? = nil, keyNorm: W? = nil, output: W, attentionPostNorm: W? = nil,
    cross: CrossWeights<W>? = nil, mlpNorm: W, up: W, down: W, mlpPostNorm: W? = nil
  ) {
    self.attentionNorm = attentionNorm
    self.qkv = qkv
    (self.queryNorm, self.keyNorm) = (queryNorm, keyNorm)
    self.output = output
    self.attentionPostNorm = attentionPostNorm
    self.cross = cross
    self.mlpNorm = mlpNorm
    self.up = up
    self.down = down
    self.mlpPostNorm = mlpPostNorm
  }

  /// In the order in which they are stored and hashed.
  public var all: [W] {
    [attentionNorm, qkv] + [queryNorm, keyNorm].compactMap { $0 } + [output]
      + [attentionPostNorm].compactMap { $0 } + (cross?.all ?? []) + [mlpNorm, up, down]
      + [mlpPostNorm].compactMap { $0 }
  }

  public func map<T>(_ transform: (W) throws -> T) rethrows -> LayerWeights<T> {
    LayerWeights<T>(
      attentionNorm: try transform(attentionNorm), qkv: try transform(qkv),
      queryNorm: try queryNorm.map(transform), keyNorm: try keyNorm.map(transform),
      output: try transform(output), attentionPostNorm: try attentionPostNorm.map(transform),
      cross: try cross?.map(transform), mlpNorm: try transform(mlpNorm), up: try transform(up),
      down: try transform(down),
      mlpPostNorm: try mlpPostNorm.map(transform))
  }

  /// These weights without those that a model lacks.
  func keeping(headNorms: Bool, postNorms: Bool, cross hasCross: Bool) -> LayerWeights {
    LayerWeights(
      attentionNorm: attentionNorm, qkv: qkv, queryNorm: headNorms ? queryNorm : nil,
      keyNorm: headNorms ? keyNorm : nil, output: output,
      attentionPostNorm: postNorms ? attentionPostNorm : nil, cross: hasCross ? cross : nil,
      mlpNorm: mlpNorm, up: up, down: down, mlpPostNorm: postNorms ? mlpPostNorm : nil)
  }
}

/// The weights of the encoder that reads the prompt of an encoder-decoder.
public struct EncoderWeights<W> {
  /// Of relative positions, shared by the layers: a row for each bucket, a column for each head.
  public let relativeBias: W
  public let layers: [LayerWeights<W>]
  public let norm: W

  public init(relativeBias: W, layers: [LayerWeights<W>], norm: W) {
    (self.relativeBias, self.layers, self.norm) = (relativeBias, layers, norm)
  }

  var all: [W] { [relativeBias] + layers.flatMap(\.all) + [norm] }

  func map<T>(_ transform: (W) throws -> T) rethrows -> EncoderWeights<T> {
    EncoderWeights<T>(
      relativeBias: try transform(relativeBias), layers: try layers.map { try $0.map(transform) },
      norm: try transform(norm))
  }
}

/// The weights of a whole decoder, and of its encoder where it has one.
public struct ModelWeights<W> {
  public let embedding: W
  public let encoder: EncoderWeights<W>?
  /// The decoder's own, as the encoder's; nil where positions are not relative.
  public let relativeBias: W?
  /// Learned positions; nil where they are not learned.
  public let positions: W?
  public let layers: [LayerWeights<W>]
  public let norm: W
  /// The head's own weights; nil where the head shares the embedding's.
  public let head: W?

  public init(
    embedding: W, encoder: EncoderWeights<W>?, relativeBias: W?, positions: W?,
    layers: [LayerWeights<W>], norm: W, head: W?
  ) {
    self.embedding = embedding
    (self.encoder, self.relativeBias) = (encoder, relativeBias)
    self.positions = positions
    self.layers = layers
    self.norm = norm
    self.head = head
  }

  /// What computes the logits.
  public var output: W { head ?? embedding }

  /// In the order in which they are stored and hashed.
  public var all: [W] {
    [embedding] + (encoder?.all ?? []) + [relativeBias, positions].compactMap { $0 }
      + layers.flatMap(\.all) + [norm] + (head.map { [$0] } ?? [])
  }

  /// Calls `transform` once for each weight, in the order of `all`.
  public func map<T>(_ transform: (W) throws -> T) rethrows -> ModelWeights<T> {
    ModelWeights<T>(
      embedding: try transform(embedding), encoder: try encoder?.map(transform),
      relativeBias: try relativeBias.map(transform), positions: try positions.map(transform),
      layers: try layers.map { try $0.map(transform) }, norm: try transform(norm),
      head: try head.map(transform))
  }
}

extension ModelWeights {
  /// The weights that sampling multiplies with at each token.
  public var ofDecoder: ModelWeights {
    ModelWeights(
      embedding: embedding, encoder: nil, relativeBias: relativeBias, positions: positions, layers: layers,
      norm: norm, head: head)
  }
}

extension CrossWeights: Sendable where W: Sendable {}
extension EncoderWeights: Sendable where W: Sendable {}
extension LayerWeights: Sendable where W: Sendable {}
extension ModelWeights: Sendable where W: Sendable {}
