/// Sums of tensors of one shape, for the accumulation of gradients.
import Base

extension Tensor {
  /// The elementwise sum with a tensor of the same shape and type.
  public func adding(_ other: Tensor) throws -> Tensor {
    if shape != other.shape || dtype != other.dtype {
      throw Failure(.shape, "cannot add \(other.dtype.rawValue) \(other.shape) to \(dtype.rawValue) \(shape)")
    }
    let result = try Tensor(uninitialized: shape, dtype)
    switch dtype {
    case .f32: try Strided.zip(self, other, result) { (x: Float, y: Float) in x + y }
    case .f64: try Strided.zip(self, other, result) { (x: Double, y: Double) in x + y }
    case .i64: try Strided.zip(self, other, result) { (x: Int64, y: Int64) in x &+ y }
    case .bool: try Strided.zip(self, other, result) { (x: Bool, y: Bool) in x || y }
    }
    return result
  }

  /// Adds a tensor of the same shape and type: in place if this tensor or `other` is the sole owner of its
  /// storage, else into new storage. The sum has the same bits in each case. Throws if shapes or types
  /// differ.
  ///
  ///     var sum = try Tensor([1, 2] as [Float], shape: [2])
  ///     try sum.add(Tensor([3, 4] as [Float], shape: [2]))   // sum is [4, 6]
  public mutating func add(_ other: consuming Tensor) throws {
    let both =
      dtype == .f32 && other.dtype == .f32 && shape == other.shape && isContiguous && other.isContiguous
    if both && isSoleOwner() {
      add(into: self, other)
    } else if both && other.isSoleOwner() {
      add(into: other, self)
      self = other
    } else {
      self = try adding(other)
    }
  }

  private func add(into sum: Tensor, _ term: Tensor) {
    let (x, y) = (sum.pointer(Float.self), term.pointer(Float.self))
    Parallel.ranges(sum.elementCount, grain: 1 << 15) { range in
      for i in range { x[i] += y[i] }
    }
  }

  /// Sums over the dimensions that broadcasting expanded, so that the result has the shape `target`: the
  /// gradient of a broadcast.
  public func summed(to target: Shape) throws -> Tensor {
    if shape == target { return self }
    let lead = rank - target.count
    let stretched = (0..<rank).filter { $0 < lead || (target[$0 - lead] == 1 && shape[$0] != 1) }
    if stretched.isEmpty { return try reshaped(target) }
    return try Reduce.sum(self, stretched, keeping: true).reshaped(target).cast(to: dtype)
  }
}
