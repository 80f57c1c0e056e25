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
    let result = try Tensor(zeros: target, dtype)
    var strides = shape
    for i in 0..<rank { strides[i] = i >= lead && target[i - lead] == shape[i] ? result.strides[i - lead] : 0 }
    let view = Tensor(storage: result.storage, dtype: dtype, shape: shape, strides: strides, offset: 0)
    switch dtype {
    case .f32: Strided.fold(self, view) { (sum: Float, x: Float) in sum + x }
    case .f64: Strided.fold(self, view) { (sum: Double, x: Double) in sum + x }
    case .i64: Strided.fold(self, view) { (sum: Int64, x: Int64) in sum &+ x }
    case .bool: Strided.fold(self, view) { (sum: Bool, x: Bool) in sum || x }
    }
    return result
  }
}
