/// Runs tokens through a model without recording and caches keys and values: the forward pass of sampling.
import Base
import Tensors
import Weights

/// One block of rows being decoded. A block runs on one thread unless the model is large, in which case its
/// work is cut over all threads.
final class Decoder {
  let config: TransformerConfig
  private let weights: ModelWeights<DecoderMatrix>
  /// Keeps the storage of `weights` alive.
  private let owner: DecoderWeights
  private let cache: KeyValueCache
  /// Keys and values of the encoded prompts; nil for a decoder alone.
  private let memory: KeyValueCache?
  private var memoryLengths: [Int]
  private let bias: DistanceBias?
  private let shapes: [AttentionShape]
  /// The rotary angles, and those of local layers.
  private let rope, localRope: Rotary?
  let isCut: Bool
  private let buffers: [Tensor]
  private let x, h, qkv, mixed, up, gated, scores: MutableFloats
  /// Rows as the products in place read them.
  let spread: MutableFloats
  /// Rows rounded to bf16.
  let rounded: MutableFloats
  /// Where stored weights are decoded for the products of prompts.
  let workspace: MutableFloats
  /// Tokens that one call can take.
  let tokensMax: Int

  /// `memory` is the longest prompt that an encoder reads.
  init(_ weights: DecoderWeights, rows: Int, positions: Int, memory: Int, tokensAtOnce: Int) throws {
    config = weights.config
    self.weights = weights.weights
    owner = weights
    isCut = weights.isCut
    shapes = (0..<config.layers).map(weights.config.attentionShape)
    let attention = weights.config.attentionShape(0)
    cache = try KeyValueCache(config, rows: rows, positions: positions)
    self.memory =
      config.hasEncoder ? try KeyValueCache(config, rows: rows, positions: memory) : nil
    memoryLengths = [Int](repeating: 0, count: rows)
    bias = try weights.weights.relativeBias.map {
      DistanceBias(try weights.config.relativeBuckets(isCausal: true), $0, positions: positions)
    }
    let isRotary = config.positions == .rotary
    rope = isRotary ? config.rotary(isLocal: false, positions: positions) : nil
    localRope =
      isRotary && config.ropeLocalBase != 0 ? config.rotary(isLocal: true, positions: positions) : nil
    tokensMax = tokensAtOnce
    let upWidth = config.activation.isGated ? 2 * config.hidden : config.hidden
    let widths = [
      config.dim, config.dim, attention.width, attention.outputWidth, upWidth, config.hidden,
      max(cache.capacity, self.memory?.capacity ?? 0),
    ]
    let spreadWidth = max(config.dim, attention.outputWidth, config.hidden) + 15
    buffers =
      try widths.map { try Tensor(uninitialized: [tokensAtOnce, $0], .f32) } + [
        try Tensor(uninitialized: [rows, spreadWidth], .f32),
        try Tensor(uninitialized: [weights.workspaceFloats], .f32),
        try Tensor(uninitialized: [config.precision == .f32 ? 0 : tokensAtOnce, spreadWidth], .f32),
      ]
    let p = buffers.map { $0.pointer(Float.self) }
    (x, h, qkv, mixed, up, gated, scores) = (p[0], p[1], p[2], p[3], p[4], p[5], p[6])
    (spread, workspace, rounded) = (p[7], p[8], p[9])
  }

  /// One token to read: which row of the cache it belongs to and its position there.
  struct Token {
    let id: Int
    let row: Int
    let position: Int
  }

  /// Reads tokens, those of a row in their order, and returns the normed hidden states of the wanted ones
  /// (indices in rising order), valid until the next call.
  func read(_ tokens: [Token], wanted: [Int], isPrompt: Bool) -> Floats {
    precondition(tokens.count <= tokensMax)
    var count = tokens.count
    embed(tokens)
    for (index, layer) in weights.layers.enumerated() {
      norm(layer.attentionNorm, x, count)
      multiply(layer.qkv, h, qkv, rows: count, adding: false, isPrompt: isPrompt)
      // A drawn token attends to its own row alone, and so needs no other token's key.
      if isPrompt {
        share(tokens.count, pieces: tokens.count / 8) { for i in $0 { remember(index, tokens[i], i) } }
      }
      if index == weights.layers.count - 1 { count = keep(wanted) }
      attend(index, tokens, count, of: count == tokens.count ? nil : wanted, remembering: !isPrompt)
      add(layer.output, mixed, count, isPrompt: isPrompt, postNorm: layer.attentionPostNorm)
      if let cross = layer.cross {
        norm(cross.norm, x, count)
        multiply(cross.query, h, qkv, rows: count, adding: false, isPrompt: isPrompt)
        attendToMemory(index, tokens, count, of: count == tokens.count ? nil : wanted)
        add(cross.output, mixed, count, isPrompt: isPrompt, postNorm: nil)
      }
      norm(layer.mlpNorm, x, count)
      multiply(layer.up, h, up, rows: count, adding: false, isPrompt: isPrompt, then: activation)
      if config.activation.isGated { gate(count) }
      add(layer.down, gated, count, isPrompt: isPrompt, postNorm: layer.mlpPostNorm)
    }
    norm(weights.norm, x, count)
    if config.outputScale != 1 { ActivationKernels.scale(h, Float(config.outputScale), count * config.dim) }
    return Floats(h)
  }

  /// Stores the keys and values of an encoded prompt: `states` are [count, dim].
  func remember(memory states: Floats, _ count: Int, row: Int) {
    guard let memory else { return }
    let shape = memory.shape
    let half = shape.keyHeads * shape.headSize
    memoryLengths[row] = count
    for (index, layer) in weights.layers.enumerated() {
      guard let cross = layer.cross else { continue }
      for first in stride(from: 0, to: count, by: tokensMax) {
        let rows = min(tokensMax, count - first)
        multiply(
          cross.keyValue, states + first * config.dim, qkv, rows: rows, adding: false, isPrompt: true)
        for i in 0..<rows {
          let key = qkv + i * 2 * half
          memory.append(layer: index, row: row, position: first + i, key: key, value: key + half)
        }
      }
    }
  }

  /// Makes row `to` a copy of what was read in row `from`: its prompt.
  func copy(row from: Int, to: Int, positions: Int) {
    cache.copy(row: from, to: to, positions: positions)
    memory?.copy(row: from, to: to, positions: memoryLengths[from])
    memoryLengths[to] = memoryLengths[from]
  }

  /// Attention of the tokens at the given indices, or of all, to the prompts of their rows.
  private func attendToMemory(_ layer: Int, _ tokens: [Token], _ count: Int, of indices: [Int]?) {
    guard let memory else { return }
    let shape = shapes[layer]
    share(count, pieces: 32) { range in
      for i in range {
        let row = tokens[indices?[i] ?? i].row
        memory.attend(
          shape, layer: layer, row: row, position: memoryLengths[row] - 1,
          query: qkv + i * shape.outputWidth, out: mixed + i * shape.outputWidth,
          scores: scores + i * max(cache.capacity, memory.capacity))
      }
    }
  }

  /// The logits of some normed states.
  func readOut(_ states: Floats, _ logits: MutableFloats, rows: Int) {
    let (cap, width) = (Float(config.logitSoftcap), config.vocab)
    multiply(
      weights.output, states, logits, rows: rows, adding: false, isPrompt: false,
      then: cap == 0
        ? nil
        : { rows, columns in
          for row in rows {
            ActivationKernels.softcap(logits + row * width + columns.lowerBound, cap, columns.count)
          }
        })
  }

  /// Adds a map of `y` to the residual stream, normalised before if there is a norm for it.
  private func add(
    _ map: DecoderMatrix, _ y: MutableFloats, _ count: Int, isPrompt: Bool, postNorm: DecoderMatrix?
  ) {
    guard let postNorm else {
      return multiply(map, y, x, rows: count, adding: true, isPrompt: isPrompt)
    }
    multiply(map, y, h, rows: count, adding: false, isPrompt: isPrompt)
    norm(postNorm, h, count)
    addScaled(x, 1, h, count * config.dim)
  }

  /// Moves the wanted tokens to the front: in the last layer the others are done once their keys are in the
  /// cache.
  private func keep(_ wanted: [Int]) -> Int {
    let dim = config.dim
    for (i, token) in wanted.enumerated() where i != token {
      (x + i * dim).update(from: x + token * dim, count: dim)
    }
    return wanted.count
  }

  private func embed(_ tokens: [Token]) {
    let dim = config.dim
    for (i, token) in tokens.enumerated() {
      let to = x + i * dim
      weights.embedding.row(token.id, into: to)
      if config.embeddingScale != 1 { ActivationKernels.scale(to, Float(config.embeddingScale), dim) }
      if let positions = weights.positions {
        positions.row(token.position, into: h)
        addScaled(to, 1, h, dim)
      }
    }
  }

  /// Normalises rows into `h`, which they may be.
  private func norm(_ n: DecoderMatrix, _ from: MutableFloats, _ count: Int) {
    let dim = config.dim
    guard let weight = n.floats else { return }
    share(count, pieces: count * dim / 3072) { range in
      var mean: Float = 0
      for i in range {
        NormKernels.forwardRow(
          from + i * dim, weight, n.bias, h + i * dim, config.norm == .layer ? .init(&mean) : nil, nil, dim,
          Float(config.normEpsilon))
      }
    }
  }

  /// Appends the key and value of a token to the cache; its projections are row `i` of `qkv`.
  @inline(__always)
  private func remember(_ layer: Int, _ token: Token, _ i: Int) {
    let shape = cache.shape
    let row = qkv + i * shape.width
    normHeads(weights.layers[layer].queryNorm, row, shape.heads)
    normHeads(weights.layers[layer].keyNorm, row + shape.heads * shape.headSize, shape.keyHeads)
    (config.isLocal(layer) ? localRope : rope)?.rotate(
      row, row, heads: shape.heads + shape.keyHeads, position: token.position, back: false)
    let key = row + shape.heads * shape.headSize
    cache.append(
      layer: layer, row: token.row, position: token.position, key: key,
      value: key + shape.keyHeads * shape.headSize)
  }

  private func normHeads(_ n: DecoderMatrix?, _ heads: MutableFloats, _ count: Int) {
    guard let weight = n?.floats else { return }
    let size = config.headDim
    for head in 0..<count {
      let at = heads + head * size
      NormKernels.forwardRow(at, weight, nil, at, nil, nil, size, Float(config.normEpsilon))
    }
  }

  /// Attention of the tokens at the given indices, or of all.
  private func attend(_ layer: Int, _ tokens: [Token], _ count: Int, of indices: [Int]?, remembering: Bool) {
    let shape = shapes[layer]
    share(count, pieces: 32) { range in
      for i in range {
        let index = indices?[i] ?? i
        if remembering { remember(layer, tokens[index], index) }
        cache.attend(
          shape, layer: layer, row: tokens[index].row, position: tokens[index].position,
          query: qkv + index * shape.width,
          out: mixed + i * shape.outputWidth,
          scores: scores + i * max(cache.capacity, memory?.capacity ?? 0), bias: bias)
      }
    }
  }

  /// Applies the activation to a block of the product `up`, on the thread that computed it.
  private var activation: ((Range<Int>, Range<Int>) -> Void)? {
    if config.activation.isGated { return nil }
    let (hidden, isGelu) = (config.hidden, config.activation == .gelu)
    return { [up, gated] rows, columns in
      for row in rows {
        let at = row * hidden + columns.lowerBound
        if isGelu {
          ActivationKernels.gelu(up + at, gated + at, columns.count)
        } else {
          for i in at..<at + columns.count { gated[i] = max(up[i], 0) }
        }
      }
    }
  }

  private func gate(_ count: Int) {
    let hidden = config.hidden
    // An even number of pieces, so that two threads finish together.
    let apply = config.activation == .swiglu ? ActivationKernels.gate : ActivationKernels.gateGelu
    share(count, pieces: count * hidden / 16_384 * 2) { range in
      for i in range {
        apply(up + 2 * i * hidden, up + (2 * i + 1) * hidden, gated + i * hidden, hidden)
      }
    }
  }
}
