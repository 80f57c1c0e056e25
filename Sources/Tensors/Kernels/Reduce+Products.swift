/// Products, squared deviations, logic, and running sums and products.
import Base

extension Reduce {
  /// The product over `dimensions` (none: all), in the tensor's own type; of bools, in `.i64`.
  public static func product(_ x: Tensor, _ dimensions: [Int], keeping: Bool) throws -> Tensor {
    let x = x.dtype == .bool ? try x.cast(to: .i64) : x
    let f = try folded(x, dimensions)
    switch x.dtype {
    case .f32:
      return try each(f, keeping: keeping) { (p: UnsafeMutablePointer<Float>, step, count) in
        var total: Float = 1
        for i in 0..<count { total *= p[i &* step] }
        return total
      }
    case .f64:
      return try each(f, keeping: keeping) { (p: UnsafeMutablePointer<Double>, step, count) in
        var total = 1.0
        for i in 0..<count { total *= p[i &* step] }
        return total
      }
    case .i64, .bool:
      return try each(f, keeping: keeping) { (p: UnsafeMutablePointer<Int64>, step, count) in
        var total: Int64 = 1
        for i in 0..<count { total = total &* p[i &* step] }
        return total
      }
    }
  }

  /// For each element, the product of all others over `dimensions`: the product before it times the product
  /// after it, so that zeros need no special case.
  public static func productsOfOthers(_ x: Tensor, _ dimensions: [Int]) throws -> Tensor {
    let dims = dimensions.isEmpty ? Array(0..<x.rank) : dimensions.sorted()
    let others = (0..<x.rank).filter { !dims.contains($0) }
    let order = others + dims
    let packed = try x.permuted(order).cast(to: .f64).contiguous()
    let result = try Tensor(uninitialized: packed.shape, .f64)
    let count = Shape(known: dims.map { x.shape[$0] }).elementCount
    let (p, r) = (packed.pointer(Double.self), result.pointer(Double.self))
    withExtendedLifetime((packed, result)) {
      for start in stride(from: 0, to: packed.elementCount, by: max(count, 1)) {
        var before = 1.0
        for i in start..<start + count {
          r[i] = before
          before *= p[i]
        }
        var after = 1.0
        for i in stride(from: start + count - 1, through: start, by: -1) {
          r[i] *= after
          after *= p[i]
        }
      }
    }
    var back = [Int](repeating: 0, count: x.rank)
    for (i, d) in order.enumerated() { back[d] = i }
    return try result.permuted(back).cast(to: x.dtype)
  }

  /// The sum of squared distances from the mean, in two passes.
  @inlinable @inline(__always)
  public static func squaredDeviations(_ count: Int, _ element: (Int) -> Double) -> Double {
    var sum = 0.0
    for i in 0..<count { sum += element(i) }
    let mean = sum / Double(count)
    var total = 0.0
    for i in 0..<count {
      let d = element(i) - mean
      total += d * d
    }
    return total
  }

  /// `stopsAt` if an element over `dimensions` equals it, else its opposite: any for true, all for false.
  public static func logic(_ x: Tensor, _ dimensions: [Int], keeping: Bool, stopsAt: Bool) throws -> Tensor {
    try each(folded(x.cast(to: .bool), dimensions), keeping: keeping) {
      (p: UnsafeMutablePointer<Bool>, step, count) in
      for i in 0..<count where p[i &* step] == stopsAt { return stopsAt }
      return !stopsAt
    }
  }

  /// Calls `body` for each line along one dimension with source, target, the distance between elements, and
  /// their number.
  @inlinable @inline(__always)
  public static func scan<T: TensorScalar>(
    _ x: Tensor, _ dimension: Int,
    _ body: (UnsafeMutablePointer<T>, UnsafeMutablePointer<T>, Int, Int) -> Void
  ) throws -> Tensor {
    let f = try folded(x.contiguous(), [dimension])
    let result = try Tensor(uninitialized: x.shape, x.dtype)
    let (from, to) = (f.tensor.pointer(T.self), result.pointer(T.self))
    let (count, inner) = (f.count, f.inner)
    withExtendedLifetime((f.tensor, result)) {
      Parallel.ranges(f.resultCount, grain: grain(count)) { range in
        for i in range {
          let outer = i / Swift.max(inner, 1)
          let start = outer &* count &* inner &+ i &- outer &* inner
          body(from + start, to + start, inner, count)
        }
      }
    }
    return result
  }
}
