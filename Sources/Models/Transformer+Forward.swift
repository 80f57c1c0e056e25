/// The forward pass that training records.
import Autograd
import Base
import Tensors
import Weights

extension Transformer {
  /// The hidden state after the last norm of every token of packed sequences, [N, dim].
  public func hidden(_ batch: TokenBatch) throws -> Variable {
    let lengths = (0..<batch.segments.count).map(batch.segments.length)
    if config.hasEncoder {
      throw Failure(
        .argument,
        "an encoder-decoder reads a prompt and a response, got sequences: give Rows, as in "
          + "model:outputs(rows, {'logits'})")
    }
    let shared = try batch.sharedPrefixes()
    var x = try embedded(shared?.ids ?? batch.ids)
    if let positions = weights.positions {
      let places = try shared?.positions ?? batch.positions()
      x = try x.plus(try Op.embedding(positions.weight, ids: Variable(places)))
    }
    for (index, layer) in weights.layers.enumerated() {
      try Interrupt.check()
      let pass = { [self] (x: Variable) in try added(by: layer, at: index, to: x, lengths, shared) }
      x = Tape.isCheckpointing ? try Tape.checkpointed(x, layer.all.flatMap(\.trained), pass) : try pass(x)
    }
    let states = try outputScaled(try normed(weights.norm, x))
    return try shared.map { try Op.embedding(states, ids: Variable($0.states)) } ?? states
  }

  /// The embeddings of tokens, [N, dim].
  func embedded(_ ids: Tensor) throws -> Variable {
    let x = try Op.embedding(weights.embedding.weight, ids: Variable(ids))
    return config.embeddingScale == 1 ? x : try x.times(config.embeddingScale)
  }

  /// x plus what the layer's feed-forward part adds.
  func fed(_ x: Variable, _ layer: LayerWeights<Affine>) throws -> Variable {
    var up = try affine(layer.up, x, norm: layer.mlpNorm)
    if config.activation == .relu { up = try up.apply(.relu) }
    let input = Op.LinearInput(config.activation)
    return try added(layer.down, up, to: x, postNorm: layer.mlpPostNorm, input: input)
  }

  /// What the head reads.
  func outputScaled(_ states: Variable) throws -> Variable {
    config.outputScale == 1 ? states : try states.times(config.outputScale)
  }

  /// The residual stream after a layer, of all tokens or of the states that sequences share.
  private func added(
    by layer: LayerWeights<Affine>, at index: Int, to x: Variable, _ lengths: [Int], _ shared: SharedPrefixes?
  ) throws -> Variable {
    var qkv = try headsNormed(try affine(layer.qkv, x, norm: layer.attentionNorm), layer)
    if let shared { qkv = try Op.embedding(qkv, ids: Variable(shared.states)) }
    let isLocal = config.isLocal(index)
    let base = isLocal ? config.ropeLocalBase : config.ropeBase
    let isRotary = config.positions == .rotary
    var mixed = try Op.attention(
      qkv, lengths: lengths, heads: config.heads, kvHeads: config.kvHeads, ropeBase: isRotary ? base : 0,
      ropeDivisors: isRotary && !isLocal ? config.ropeDivisors : [], scale: config.scoreScale(index),
      softcap: config.attentionSoftcap, window: config.window(index))
    if let shared { mixed = try Op.embedding(mixed, ids: Variable(shared.places)) }
    return try fed(try added(layer.output, mixed, to: x, postNorm: layer.attentionPostNorm), layer)
  }

  /// The hidden states that predict the response tokens, [N, dim].
  func states(_ rows: TokenRows) throws -> Variable {
    try rows.batch.check(config)
    if config.hasEncoder { return try responseStates(rows) }
    let places = Variable(try rows.responsePredictions().rows)
    return try Op.embedding(try hidden(rows.batch), ids: places)
  }

  /// LayerNorm where the norm has a bias, else RMSNorm.
  func normed(_ norm: Affine, _ x: Variable) throws -> Variable {
    let weight = try norm.weight.asVariable()
    guard let bias = norm.bias else {
      return try Op.rmsNorm(x, weight: weight, epsilon: config.normEpsilon)
    }
    return try Op.layerNorm(x, weight: weight, bias: bias, epsilon: config.normEpsilon)
  }

  /// Rows of queries, keys and values with each query and key head normalised, where the layer has norms for
  /// them.
  private func headsNormed(_ qkv: Variable, _ layer: LayerWeights<Affine>) throws -> Variable {
    guard let queryNorm = layer.queryNorm, let keyNorm = layer.keyNorm else { return qkv }
    let (tokens, size) = (qkv.value.shape[0], config.headDim)
    func heads(_ norm: Affine, from first: Int, _ count: Int) throws -> Variable {
      let part = try qkv.narrowed(1, from: first * size, length: count * size)
      return try normed(norm, try part.reshaped([tokens, count, size])).reshaped([tokens, count * size])
    }
    let first = config.heads + config.kvHeads
    return try Variable.concatenated(
      [
        try heads(queryNorm, from: 0, config.heads), try heads(keyNorm, from: config.heads, config.kvHeads),
        try qkv.narrowed(1, from: first * size, length: config.kvHeads * size),
      ], 1)
  }

  /// x + map(y), or x + postNorm(map(y)).
  func added(
    _ map: Affine, _ y: Variable, to x: Variable, postNorm: Affine?, input: Op.LinearInput = .plain
  ) throws -> Variable {
    guard let postNorm else { return try affine(map, y, residual: x, input: input) }
    return try x.plus(try normed(postNorm, try affine(map, y, input: input)))
  }

  /// A linear map of the rows after `norm`, or after the activation `input`.
  func affine(
    _ map: Affine, _ x: Variable, norm: Affine? = nil, residual: Variable? = nil,
    input: Op.LinearInput = .plain
  ) throws -> Variable {
    let input = try norm.map(normalised) ?? input
    let y = try Op.linear(
      x, map.weight, bias: map.bias, residual: residual, input: input, precision: config.precision)
    return try map.adapted(y, x, input, config.precision)
  }

  private func normalised(_ norm: Affine) throws -> Op.LinearInput {
    let weight = try norm.weight.asVariable()
    guard let bias = norm.bias else { return .rmsNorm(weight: weight, epsilon: config.normEpsilon) }
    return .layerNorm(weight: weight, bias: bias, epsilon: config.normEpsilon)
  }
}

extension Op.LinearInput {
  /// The activation between the two maps of a feed-forward layer.
  fileprivate init(_ activation: TransformerConfig.Activation) {
    switch activation {
    case .relu: self = .plain  // applied before
    case .gelu: self = .gelu
    case .swiglu: self = .swiglu
    case .geglu: self = .geglu
    }
  }
}
