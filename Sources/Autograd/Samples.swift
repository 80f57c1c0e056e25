/// A seeded source of sample tensors, so that a failing check repeats.
import Base
import Tensors

public struct Samples {
  private var random: Philox

  public init(seed: UInt64) { random = Philox(seed: seed, stream: "samples") }

  /// Standard normal numbers.
  @inline(never)
  public mutating func normal(_ shape: Shape, _ dtype: DType = .f64, scale: Double = 1, shift: Double = 0)
    throws
    -> Tensor
  {
    let values = (0..<shape.elementCount).map { _ in shift + scale * random.normal() }
    return try Tensor(values, shape: shape).cast(to: dtype)
  }

  /// Uniform numbers.
  @inline(never)
  public mutating func uniform(_ shape: Shape, _ low: Double, _ high: Double, _ dtype: DType = .f64) throws
    -> Tensor
  {
    let values = (0..<shape.elementCount).map { _ in low + (high - low) * random.uniform() }
    return try Tensor(values, shape: shape).cast(to: dtype)
  }

  /// Whole numbers in a range.
  @inline(never)
  public mutating func integers(_ shape: Shape, _ range: Range<Int>) throws -> Tensor {
    try Tensor(
      (0..<shape.elementCount).map { _ in Int64(range.lowerBound + random.below(range.count)) }, shape: shape)
  }

  /// True or false with equal chance.
  @inline(never)
  public mutating func flags(_ shape: Shape) throws -> Tensor {
    try Tensor((0..<shape.elementCount).map { _ in random.below(2) == 1 }, shape: shape)
  }

  /// Numbers that differ by at least 0.1, in random order: for sorts, maxima and medians, whose gradients
  /// jump at ties.
  @inline(never)
  public mutating func distinct(_ shape: Shape) throws -> Tensor {
    let order = try random.permutation(shape.elementCount)
    return try Tensor(order.map { Double($0) * 0.1 - 0.05 * Double(shape.elementCount) }, shape: shape)
  }
}
