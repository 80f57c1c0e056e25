/// The fused operations with labelled arguments, for Swift that composes models.
///
///     let mixed = try Op.attention(qkv, lengths: [3, 5], heads: 8, kvHeads: 2, ropeBase: 10_000)
import Tensors

extension Op {
  /// What `linear` does to each row before the product.
  public enum LinearInput {
    case plain, gelu, swiglu, geglu
    case layerNorm(weight: Variable, bias: Variable, epsilon: Double)
    case rmsNorm(weight: Variable, epsilon: Double)
  }

  /// residual + f(x) weight^T + bias, with f given by `input`. `x` is [..., I], `weight` [O, I], the result
  /// [..., O].
  public static func linear(
    _ x: Variable, _ weight: Variable, bias: Variable? = nil, residual: Variable? = nil,
    input: LinearInput = .plain
  ) throws -> Variable {
    try linear(x, .variable(weight), bias: bias, residual: residual, input: input)
  }

  public static func layerNorm(_ x: Variable, weight: Variable, bias: Variable, epsilon: Double) throws
    -> Variable
  {
    try layerNorm([x, weight, bias], [.number(epsilon)])[0]
  }

  public static func rmsNorm(_ x: Variable, weight: Variable, epsilon: Double) throws -> Variable {
    try rmsNorm([x, weight], [.number(epsilon)])[0]
  }

  /// Causal self-attention of packed sequences. `qkv` is [N, (heads + 2 kvHeads) D], the result [N, heads D].
  /// A `ropeBase` of 0 means no rotary positions; a `scale` of 0, 1 / sqrt(D); a `softcap` or `window` of 0,
  /// none.
  public static func attention(
    _ qkv: Variable, lengths: [Int], heads: Int, kvHeads: Int, ropeBase: Double = 0,
    ropeDivisors: [Double] = [], scale: Double = 0, softcap: Double = 0, window: Int = 0
  ) throws -> Variable {
    try attention(
      [qkv],
      [
        .integers(lengths), .integer(heads), .integer(kvHeads), .number(ropeBase), .number(scale),
        .number(softcap), .integer(window), .numbers(ropeDivisors),
      ])[0]
  }

  /// Attention of `queries`, [N, heads D], over the keys and values of each sequence's memory, [M, 2 heads D]. `bias`,
  /// [buckets, heads], is added by relative positions; a `scale` of 0 is 1 / sqrt(D).
  public static func crossAttention(
    _ queries: Variable, _ memory: Variable, bias: Variable? = nil, lengths: [Int], memoryLengths: [Int],
    heads: Int, scale: Double = 0, isCausal: Bool = false, maxDistance: Int = 128
  ) throws -> Variable {
    try crossAttention(
      [queries, memory, bias],
      [
        .integers(lengths), .integers(memoryLengths), .integer(heads), .number(scale), .flag(isCausal),
        .integer(maxDistance),
      ])[0]
  }

  /// The rows of `weight` at `ids`, which count from 0.
  public static func embedding(_ weight: Variable, ids: Variable) throws -> Variable {
    try embedding([weight, ids])[0]
  }

  /// The sum of each of consecutive runs of `x`, which have the given lengths.
  public static func segmentSum(_ x: Variable, lengths: [Int]) throws -> Variable {
    try segmentSum([x], [.integers(lengths)])[0]
  }

  /// `parts` of one shape along a new dimension.
  public static func stack(_ parts: [Variable], dimension: Int = 0) throws -> Variable {
    try stack(parts, [.integer(dimension)])[0]
  }
}
