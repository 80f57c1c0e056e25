/// The forward pass that training records.
import Autograd
import Base
import Tensors

extension Transformer {
  /// The hidden state after the last norm of every token of packed sequences, [N, dim].
  public func hidden(_ batch: TokenBatch) throws -> Variable {
    let lengths = (0..<batch.segments.count).map(batch.segments.length)
    var x = try Op.embedding(try parameter("embedding.weight"), ids: Variable(batch.ids))
    if config.positions == .learned {
      let positions = Variable(try batch.positions())
      x = try x.plus(try Op.embedding(try parameter("positions.weight"), ids: positions))
    }
    for layer in 0..<config.layers {
      try Interrupt.check()
      let at = "layers.\(layer)"
      let qkv = try affine("\(at).attention.qkv", x, norm: "\(at).attention_norm")
      let mixed = try Op.attention(
        qkv, lengths: lengths, heads: config.heads, kvHeads: config.kvHeads,
        ropeBase: config.positions == .rotary ? config.ropeBase : 0)
      x = try affine("\(at).attention.output", mixed, residual: x)
      let up = try affine("\(at).mlp.up", x, norm: "\(at).mlp_norm")
      x = try affine("\(at).mlp.down", up, residual: x, input: config.activation == .gelu ? .gelu : .swiglu)
    }
    return try normed("norm", x)
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
    return try Op.tokenLogps(states, weight: try headWeight(), ids: targets, temperature: temperature)
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
    try Op.linear(states, try headWeight())
  }

  private func normed(_ name: String, _ x: Variable) throws -> Variable {
    let weight = try parameter("\(name).weight")
    switch config.norm {
    case .layer:
      return try Op.layerNorm(
        x, weight: weight, bias: try parameter("\(name).bias"), epsilon: config.normEpsilon)
    case .rms: return try Op.rmsNorm(x, weight: weight, epsilon: config.normEpsilon)
    }
  }

  /// A linear map of the rows after `norm`, or after the activation `input`.
  private func affine(
    _ name: String, _ x: Variable, norm: String? = nil, residual: Variable? = nil,
    input: Op.LinearInput = .plain
  ) throws -> Variable {
    try Op.linear(
      x, try parameter("\(name).weight"), bias: optional("\(name).bias"), residual: residual,
      input: try norm.map(normalised) ?? input)
  }

  private func normalised(_ norm: String) throws -> Op.LinearInput {
    let weight = try parameter("\(norm).weight")
    switch config.norm {
    case .layer:
      return .layerNorm(weight: weight, bias: try parameter("\(norm).bias"), epsilon: config.normEpsilon)
    case .rms: return .rmsNorm(weight: weight, epsilon: config.normEpsilon)
    }
  }
}
