/// Encoder-decoders: the encoder reads prompts, the decoder reads a start token and a response and attends to both.
///
/// Raffel et al. 2020, arXiv:1910.10683, sec. 2.1; `models/t5/modeling_t5.py` of transformers.
import Autograd
import Base
import Tensors
import Weights

extension TransformerConfig {
  public var hasEncoder: Bool { encoderLayers > 0 }

  /// Relative positions have no longest sequence; a model that is read without a limit has this one.
  static let relativeLength = 1 << 15

  /// Refuses what an encoder-decoder does not compute, by its name.
  func validateEncoder() throws {
    if !hasEncoder && positions != .relative { return }
    func refuse(_ isGiven: Bool, _ what: String) throws {
      if isGiven { throw Failure(.value, "an encoder-decoder is not computed with \(what)") }
    }
    if !hasEncoder {
      throw Failure(.value, "relative positions are computed with an encoder: encoder_layers is 0")
    }
    try refuse(positions != .relative, "positions = \"\(positions.rawValue)\", but with \"relative\"")
    try refuse(head == .score, "head = \"score\"")
    try refuse(kvHeads != heads, "kv_heads other than heads")
    try refuse(qkNorm, "qk_norm")
    try refuse(postNorms, "post_norms")
    try refuse(attentionSoftcap != 0, "attention_softcap")
    try refuse(layerPattern.contains("s"), "sliding layers")
    _ = try relativeBuckets(isCausal: false)
    if startToken >= vocab {
      throw Failure(
        .value, "decoder_start_token_id \(startToken) is not a token id: expected 0..\(vocab - 1)")
    }
  }

  /// The buckets of the decoder's positions, or of the encoder's.
  func relativeBuckets(isCausal: Bool) throws -> RelativeBuckets {
    try RelativeBuckets(count: relativeBuckets, distance: relativeDistance, isCausal: isCausal)
  }
}

extension Transformer {
  /// What the encoder makes of each token of prompts, [N, dim].
  func encoded(_ prompts: TokenBatch) throws -> Variable {
    guard let encoder = weights.encoder else { throw Failure(.state, "the model has no encoder") }
    if Tape.isCheckpointing {
      throw Failure(.value, "gradient_checkpointing: an encoder-decoder is not computed with it")
    }
    let lengths = (0..<prompts.segments.count).map(prompts.segments.length)
    var x = try embedded(prompts.ids)
    for layer in encoder.layers {
      try Interrupt.check()
      x = try attended(x, layer, lengths, bias: encoder.relativeBias, isCausal: false)
      x = try fed(x, layer)
    }
    return try normed(encoder.norm, x)
  }

  /// The decoder's states that predict each response token, [N, dim], packed.
  func responseStates(_ rows: TokenRows) throws -> Variable {
    try decoded(rows, (0..<rows.count).map { Array(([config.startToken] + rows.response($0)).dropLast()) })
  }

  /// The decoder's states after the whole of each response, [n, dim].
  func finalStates(_ rows: TokenRows) throws -> Variable {
    let inputs = (0..<rows.count).map { [config.startToken] + rows.response($0) }
    var end: Int64 = -1
    let places = inputs.map { input -> Int64 in
      end += Int64(input.count)
      return end
    }
    let all = try decoded(rows, inputs)
    return try Op.embedding(all, ids: Variable(try Tensor(places, shape: [places.count])))
  }

  /// The states after the decoder's last norm for tokens that it reads beside each row's prompt.
  private func decoded(_ rows: TokenRows, _ inputs: [[Int]]) throws -> Variable {
    let batch = try TokenBatch(inputs)
    let lengths = inputs.map(\.count)
    let (memory, memoryLengths) = try memories(rows)
    var x = try embedded(batch.ids)
    for layer in weights.layers {
      try Interrupt.check()
      x = try attended(x, layer, lengths, bias: weights.relativeBias, isCausal: true)
      if let cross = layer.cross {
        let mixed = try Op.crossAttention(
          try affine(cross.query, x, norm: cross.norm), try affine(cross.keyValue, memory),
          lengths: lengths, memoryLengths: memoryLengths, heads: config.heads, scale: config.attentionScale)
        x = try added(cross.output, mixed, to: x, postNorm: nil)
      }
      x = try fed(x, layer)
    }
    return try outputScaled(try normed(weights.norm, x))
  }

  /// The encoded prompt of each row; equal prompts are read once.
  private func memories(_ rows: TokenRows) throws -> (states: Variable, lengths: [Int]) {
    let prompts = (0..<rows.count).map(rows.prompt)
    var first: [[Int]: Int] = [:]
    var distinct: [[Int]] = []
    for prompt in prompts where first[prompt] == nil {
      first[prompt] = distinct.count
      distinct.append(prompt)
    }
    let batch = try TokenBatch(distinct)
    let states = try encoded(batch)
    if distinct.count == prompts.count { return (states, rows.promptLengths) }
    let places = prompts.flatMap { batch.segments.range(first[$0] ?? 0).map(Int64.init) }
    let ids = Variable(try Tensor(places, shape: [places.count]))
    return (try Op.embedding(states, ids: ids), rows.promptLengths)
  }

  /// x plus its attention to itself, with biases of relative positions.
  private func attended(
    _ x: Variable, _ layer: LayerWeights<Affine>, _ lengths: [Int], bias: Affine?, isCausal: Bool
  ) throws -> Variable {
    let qkv = try affine(layer.qkv, x, norm: layer.attentionNorm)
    let width = config.heads * config.headDim
    let mixed = try Op.crossAttention(
      try qkv.narrowed(1, from: 0, length: width), try qkv.narrowed(1, from: width, length: 2 * width),
      bias: try bias?.weight.asVariable(), lengths: lengths, memoryLengths: lengths, heads: config.heads,
      scale: config.attentionScale, isCausal: isCausal, maxDistance: config.relativeDistance)
    return try added(layer.output, mixed, to: x, postNorm: nil)
  }
}
