/// Sums of tensors of one shape, as gradients are accumulated.
import Base

extension Tensor {
  /// The elementwise sum with a tensor of the same shape and type.
  public func adding(_ other: Tensor) throws -> Tensor {
    if shape != other.shape || dtype != other.dtype {
      throw Failure(.shape, "cannot add \(other.dtype.rawValue) \(other.shape) to \(dtype.rawValue) \(shape)")
    }
    let result = try Tensor(uninitialized: shape, dtype)
    switch dtype {
    case .f32: Strided.zip(self, other, result) { (x: Float, y: Float) in x + y }
    case .f64: Strided.zip(self, other, result) { (x: Double, y: Double) in x + y }
    case .i64: Strided.zip(self, other, result) { (x: Int64, y: Int64) in x &+ y }
    case .bool: Strided.zip(self, other, result) { (x: Bool, y: Bool) in x || y }
    }
    return result
  }

  /// Adds over the dimensions that broadcasting stretched, so that the result has `target`'s shape: the gradient of
  /// a broadcast.
  public func summed(to target: Shape) throws -> Tensor {
    if shape == target { return self }
    let lead = rank - target.count
    let stretched = (0..<rank).filter { $0 < lead || (target[$0 - lead] == 1 && shape[$0] != 1) }
    if stretched.isEmpty { return try reshaped(target) }
    return try Reduce.sum(self, stretched, keeping: true).reshaped(target).cast(to: dtype)
  }
}
