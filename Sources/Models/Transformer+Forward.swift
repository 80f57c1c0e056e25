/// The forward pass that training records.
import Autograd
import Base
import Tensors

extension Transformer {
  /// The hidden state after the last norm of every token of packed sequences, [N, dim].
  public func hidden(_ batch: TokenBatch) throws -> Variable {
    let lengths = (0..<batch.segments.count).map(batch.segments.length)
    var x = try Op.embedding(weights.embedding.weight, ids: Variable(batch.ids))
    if let positions = weights.positions {
      x = try x.plus(try Op.embedding(positions.weight, ids: Variable(try batch.positions())))
    }
    for layer in weights.layers {
      try Interrupt.check()
      let qkv = try affine(layer.qkv, x, norm: layer.attentionNorm)
      let mixed = try Op.attention(
        qkv, lengths: lengths, heads: config.heads, kvHeads: config.kvHeads,
        ropeBase: config.positions == .rotary ? config.ropeBase : 0)
      x = try affine(layer.output, mixed, residual: x)
      let up = try affine(layer.up, x, norm: layer.mlpNorm)
      x = try affine(layer.down, up, residual: x, input: config.activation == .gelu ? .gelu : .swiglu)
    }
    return try normed(weights.norm, x)
  }

  /// The logits of every token's successor, [N, vocab].
  public func logits(_ batch: TokenBatch) throws -> Variable {
    try batch.check(config)
    return try headLogits(try hidden(batch))
  }

  /// log pi(token | tokens before it) of the response tokens, packed one response after another.
  public func tokenLogps(_ rows: TokenRows, temperature: Double = 1) throws -> Variable {
    try tokenLogps(try states(rows), rows, temperature)
  }

  func tokenLogps(_ states: Variable, _ rows: TokenRows, _ temperature: Double) throws -> Variable {
    let targets = Variable(try rows.responsePredictions().targets)
    return try Op.tokenLogps(states, weight: weights.output.weight, ids: targets, temperature: temperature)
  }

  /// The hidden states that predict the response tokens, [N, dim].
  func states(_ rows: TokenRows) throws -> Variable {
    try rows.batch.check(config)
    let places = Variable(try rows.responsePredictions().rows)
    return try Op.embedding(try hidden(rows.batch), ids: places)
  }

  /// The logits of what follows each sequence's last token, [n, vocab].
  public func lastLogits(_ batch: TokenBatch) throws -> Variable {
    try batch.check(config)
    let segments = batch.segments
    if let empty = (0..<segments.count).first(where: { segments.length($0) == 0 }) {
      throw Failure(.value, "sequence \(empty + 1) is empty")
    }
    let last = (0..<segments.count).map { Int64(segments.range($0).upperBound - 1) }
    let rows = Variable(try Tensor(last, shape: [last.count]))
    return try headLogits(try Op.embedding(try hidden(batch), ids: rows))
  }

  func headLogits(_ states: Variable) throws -> Variable {
    try Op.linear(states, weights.output.weight)
  }

  /// LayerNorm where the norm has a bias, else RMSNorm.
  private func normed(_ norm: Affine, _ x: Variable) throws -> Variable {
    guard let bias = norm.bias else {
      return try Op.rmsNorm(x, weight: norm.weight, epsilon: config.normEpsilon)
    }
    return try Op.layerNorm(x, weight: norm.weight, bias: bias, epsilon: config.normEpsilon)
  }

  /// A linear map of the rows after `norm`, or after the activation `input`.
  private func affine(
    _ map: Affine, _ x: Variable, norm: Affine? = nil, residual: Variable? = nil,
    input: Op.LinearInput = .plain
  ) throws -> Variable {
    let input = norm.map(normalised) ?? input
    let y = try Op.linear(x, map.weight, bias: map.bias, residual: residual, input: input)
    return try map.adapted(y, x, input)
  }

  private func normalised(_ norm: Affine) -> Op.LinearInput {
    guard let bias = norm.bias else { return .rmsNorm(weight: norm.weight, epsilon: config.normEpsilon) }
    return .layerNorm(weight: norm.weight, bias: bias, epsilon: config.normEpsilon)
  }
}
