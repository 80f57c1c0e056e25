/// Positions of medians and quantiles, by sorting positions along one dimension.
import Base

extension Reduce {
  /// The position, from 0, of the lower median along a dimension, or of the first NaN.
  public static func medianPositions(_ x: Tensor, _ dimension: Int, keeping: Bool) throws -> Tensor {
    try sortedPositions(x, dimension, keeping) { ($0 - 1) / 2 }
  }

  /// The positions of the elements below and above quantile `q`, and the weight of the upper one.
  public static func quantilePositions(
    _ x: Tensor, _ q: Double, _ dimension: Int, keeping: Bool
  ) throws -> (low: Tensor, high: Tensor, weight: Double) {
    try x.checkDimension(dimension)
    let h = q * Double(max(x.shape[dimension] - 1, 0))
    let k = Int(h)
    let low = try sortedPositions(x, dimension, keeping) { min(k, $0 - 1) }
    let high = try sortedPositions(x, dimension, keeping) { min(k + 1, $0 - 1) }
    return (low, high, h - Double(k))
  }

  /// The position of the element of rank `rank(count)` along a dimension.
  private static func sortedPositions(
    _ x: Tensor, _ dimension: Int, _ keeping: Bool, _ rank: (Int) -> Int
  ) throws -> Tensor {
    let f = try folded(x, [dimension])
    if f.count == 0 && f.resultCount > 0 {
      throw Failure(.shape, "no elements to choose from in a tensor of \(x.shape)", argument: 1)
    }
    switch x.dtype {
    case .f32:
      return try each(f, keeping: keeping) { (p: UnsafeMutablePointer<Float>, step, count) in
        ranked(p, step, count, rank(count)) { $0 < $1 }
      }
    case .f64:
      return try each(f, keeping: keeping) { (p: UnsafeMutablePointer<Double>, step, count) in
        ranked(p, step, count, rank(count)) { $0 < $1 }
      }
    case .i64:
      return try each(f, keeping: keeping) { (p: UnsafeMutablePointer<Int64>, step, count) in
        ranked(p, step, count, rank(count)) { $0 < $1 }
      }
    case .bool:
      return try each(f, keeping: keeping) { (p: UnsafeMutablePointer<Bool>, step, count) in
        ranked(p, step, count, rank(count)) { !$0 && $1 }
      }
    }
  }

  @inline(__always)
  private static func ranked<T: Equatable>(
    _ p: UnsafePointer<T>, _ step: Int, _ count: Int, _ rank: Int, _ isLess: (T, T) -> Bool
  ) -> Int64 {
    for i in 0..<count where p[i &* step] != p[i &* step] { return Int64(i) }
    let order = (0..<count).sorted { a, b in
      let (x, y) = (p[a &* step], p[b &* step])
      return isLess(x, y) || (x == y && a < b)
    }
    return Int64(order[rank])
  }
}
