/// Runs tokens through a model without recording, keeping keys and values: what sampling does at every step.
import Base
import Tensors

/// One block of rows being decoded. A block runs on one thread unless the model is large, in which case its products
/// are cut over all threads.
final class Decoder {
  private let config: TransformerConfig
  private let weights: DecoderWeights
  let cache: KeyValueCache
  private let rope: Rotary?
  private let buffers: [Tensor]
  private let x, h, qkv, mixed, up, gated, scores: MutableFloats
  /// Tokens that one call can take.
  private let room: Int

  init(_ weights: DecoderWeights, rows: Int, positions: Int, tokensAtOnce: Int) throws {
    config = weights.config
    self.weights = weights
    let attention = config.attentionShape
    cache = try KeyValueCache(config, rows: rows, positions: positions)
    rope =
      config.positions == .rotary
      ? Rotary(base: config.ropeBase, headSize: attention.headSize, positions: positions) : nil
    room = tokensAtOnce
    let upWidth = config.activation == .swiglu ? 2 * config.hidden : config.hidden
    let widths = [config.dim, config.dim, attention.width, attention.outputWidth, upWidth, config.hidden]
    buffers =
      try widths.map { try Tensor(uninitialized: [tokensAtOnce, $0], .f32) } + [
        try Tensor(uninitialized: [cache.capacity + 8], .f32)
      ]
    let p = buffers.map { $0.pointer(Float.self) }
    (x, h, qkv, mixed, up, gated, scores) = (p[0], p[1], p[2], p[3], p[4], p[5], p[6])
  }

  /// One token to read: which row of the cache it belongs to and its position there.
  struct Token {
    let id: Int
    let row: Int
    let position: Int
  }

  /// Reads the tokens and returns the normed hidden state of each, valid until the next call.
  func read(_ tokens: [Token]) -> Floats {
    precondition(tokens.count <= room)
    let (count, dim) = (tokens.count, config.dim)
    embed(tokens)
    for layer in 0..<config.layers {
      let w = weights.layers[layer]
      norm(w.attentionNorm, count)
      w.qkv.apply(h, qkv, rows: count)
      attend(layer, tokens)
      w.output.apply(mixed, h, rows: count)
      addScaled(x, 1, h, count * dim)
      norm(w.mlpNorm, count)
      w.up.apply(h, up, rows: count)
      activate(count)
      w.down.apply(gated, h, rows: count)
      addScaled(x, 1, h, count * dim)
    }
    norm(weights.finalNorm, count)
    return Floats(h)
  }

  private func embed(_ tokens: [Token]) {
    let dim = config.dim
    for (i, token) in tokens.enumerated() {
      let to = x + i * dim
      to.update(from: weights.embedding + token.id * dim, count: dim)
      if let places = weights.positions { addScaled(to, 1, places + token.position * dim, dim) }
    }
  }

  private func norm(_ n: DecoderWeights.Norm, _ count: Int) {
    let dim = config.dim
    var mean: Float = 0
    for i in 0..<count {
      NormKernels.forwardRow(
        x + i * dim, n.weight, n.bias, h + i * dim, config.norm == .layer ? .init(&mean) : nil, nil, dim,
        Float(config.normEpsilon))
    }
  }

  private func attend(_ layer: Int, _ tokens: [Token]) {
    let shape = config.attentionShape
    for (i, token) in tokens.enumerated() {
      let row = qkv + i * shape.width
      rope?.rotate(row, row, heads: shape.heads + shape.keyHeads, position: token.position, back: false)
      let key = row + shape.heads * shape.headSize
      cache.append(
        layer: layer, row: token.row, position: token.position, key: key,
        value: key + shape.keyHeads * shape.headSize)
      cache.attend(
        layer: layer, row: token.row, position: token.position, query: row, out: mixed + i * shape.outputWidth,
        scores: scores)
    }
  }

  private func activate(_ count: Int) {
    let hidden = config.hidden
    switch config.activation {
    case .gelu: ActivationKernels.gelu(up, gated, count * hidden)
    case .swiglu:
      for i in 0..<count {
        ActivationKernels.gate(up + 2 * i * hidden, up + (2 * i + 1) * hidden, gated + i * hidden, hidden)
      }
    }
  }
}
