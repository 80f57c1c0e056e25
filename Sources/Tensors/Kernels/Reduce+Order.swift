/// Positions of medians and quantiles, by selection along one dimension.
import Base

extension Reduce {
  /// The position, from 0, of the lower median along a dimension, or of the first NaN.
  public static func medianPositions(_ x: Tensor, _ dimension: Int, keeping: Bool) throws -> Tensor {
    try positions(x, dimension, keeping) { ($0 - 1) / 2 }
  }

  /// The positions of the elements below and above quantile `q`, and the weight of the upper one.
  public static func quantilePositions(
    _ x: Tensor, _ q: Double, _ dimension: Int, keeping: Bool
  ) throws -> (low: Tensor, high: Tensor, weight: Double) {
    try x.checkDimension(dimension)
    let h = q * Double(max(x.shape[dimension] - 1, 0))
    let k = Int(h)
    let low = try positions(x, dimension, keeping) { min(k, $0 - 1) }
    let high = try positions(x, dimension, keeping) { min(k + 1, $0 - 1) }
    return (low, high, h - Double(k))
  }

  /// The position of the element of rank `rank(count)` along a dimension.
  private static func positions(
    _ x: Tensor, _ dimension: Int, _ keeping: Bool, _ rank: (Int) -> Int
  ) throws -> Tensor {
    let f = try folded(x, [dimension])
    if f.count == 0 && f.resultCount > 0 {
      throw Failure(.shape, "no elements to choose from in a tensor of \(x.shape)", argument: 1)
    }
    switch x.dtype {
    case .f32:
      return try each(f, keeping: keeping) { (p: UnsafeMutablePointer<Float>, step, count) in
        ranked(p, step, count, rank(count), Sorting.key)
      }
    case .f64:
      return try each(f, keeping: keeping) { (p: UnsafeMutablePointer<Double>, step, count) in
        ranked(p, step, count, rank(count), Sorting.key)
      }
    case .i64:
      return try each(f, keeping: keeping) { (p: UnsafeMutablePointer<Int64>, step, count) in
        ranked(p, step, count, rank(count)) { UInt64(bitPattern: $0) ^ 1 << 63 }
      }
    case .bool:
      return try each(f, keeping: keeping) { (p: UnsafeMutablePointer<Bool>, step, count) in
        ranked(p, step, count, rank(count)) { $0 ? 1 : 0 }
      }
    }
  }

  @inline(__always)
  private static func ranked<T: Equatable>(
    _ p: UnsafePointer<T>, _ step: Int, _ count: Int, _ rank: Int, _ key: (T) -> UInt64
  ) -> Int64 {
    for i in 0..<count {
      if Parallel.isTimeToLook(i) && Parallel.isCut { return 0 }
      if p[i &* step] != p[i &* step] { return Int64(i) }
    }
    return Int64(Sorting.position(rank, of: count) { key(p[$0 &* step]) })
  }
}
