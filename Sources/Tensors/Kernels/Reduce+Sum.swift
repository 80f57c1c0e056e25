/// Sums. Those of f32 use blocks of vector accumulators whose totals are added in f64, so that a sum of a
/// million numbers is as exact as one of a thousand.
import Base

extension Reduce {
  /// Elements summed in f32 before they are added to the f64 total: 64 additions in each of 32 accumulators.
  private static let block = 2_048
  /// Elements of one piece of a single long sum.
  private static let piece = 65_536

  /// The sum over `dimensions` (none: all), in the tensor's own type; true counts as 1 and gives `.i64`.
  ///
  ///     try Reduce.sum(Tensor([1, 2, 3] as [Float], shape: [3])).item()   // 6
  public static func sum(_ x: Tensor, _ dimensions: [Int] = [], keeping: Bool = false) throws -> Tensor {
    let x = x.dtype == .bool ? try x.cast(to: .i64) : x
    if x.dtype == .i64 {
      return try each(folded(x, dimensions), keeping: keeping) {
        (p: UnsafeMutablePointer<Int64>, step, count) in
        var total: Int64 = 0
        for i in 0..<count { total &+= p[i &* step] }
        return total
      }
    }
    let f = try folded(x, dimensions)
    if f.inner == 1 && f.outer == 1 && f.count > piece { return try long(f, keeping) }
    let result = try Tensor(uninitialized: f.shape(keeping: keeping), x.dtype)
    withExtendedLifetime((f.tensor, result)) {
      x.dtype == .f32 ? sum32(f, result.pointer(Float.self)) : sum64(f, result.pointer(Double.self))
    }
    return result
  }

  /// One sum of many elements, cut into pieces for the threads.
  private static func long(_ f: Folded, _ keeping: Bool) throws -> Tensor {
    let pieces = (f.count + piece - 1) / piece
    var partial = [Double](repeating: 0, count: pieces)
    partial.withUnsafeMutableBufferPointer { partial in
      let partial = UncheckedBuffer(base: partial)
      Parallel.ranges(f.count, grain: piece) { range in
        let start = range.lowerBound
        partial.base[start / piece] =
          f.tensor.dtype == .f32
          ? row(f.tensor.pointer(Float.self) + start, range.count)
          : row(f.tensor.pointer(Double.self) + start, range.count)
      }
    }
    return try Tensor(scalar: partial.reduce(0, +), f.tensor.dtype).reshaped(f.shape(keeping: keeping))
  }

  private struct UncheckedBuffer: @unchecked Sendable { let base: UnsafeMutableBufferPointer<Double> }

  private static func sum32(_ f: Folded, _ to: UnsafeMutablePointer<Float>) {
    let (from, count, inner) = (f.tensor.pointer(Float.self), f.count, f.inner)
    if f.outer == 1 && inner > 1 {
      Parallel.ranges(inner, grain: Swift.max(64, grain(count))) { range in
        columns(from + range.lowerBound, count, inner, to + range.lowerBound, range.count)
      }
      return
    }
    Parallel.ranges(f.outer, grain: grain(count * inner)) { range in
      for o in range {
        let p = from + o * count * inner
        if inner == 1 {
          to[o] = Float(row(p, count))
        } else {
          columns(p, count, inner, to + o * inner, inner)
        }
      }
    }
  }

  private static func sum64(_ f: Folded, _ to: UnsafeMutablePointer<Double>) {
    let (from, count, inner) = (f.tensor.pointer(Double.self), f.count, f.inner)
    if f.outer == 1 && inner > 1 {
      Parallel.ranges(inner, grain: Swift.max(64, grain(count))) { range in
        columns(from + range.lowerBound, count, inner, to + range.lowerBound, range.count)
      }
      return
    }
    Parallel.ranges(f.outer, grain: grain(count * inner)) { range in
      for o in range {
        let p = from + o * count * inner
        if inner == 1 { to[o] = row(p, count) } else { columns(p, count, inner, to + o * inner, inner) }
      }
    }
  }

  /// The sum of `count` adjacent elements.
  public static func row(_ p: UnsafePointer<Float>, _ count: Int) -> Double {
    var total = 0.0
    var start = 0
    while start < count {
      let end = Swift.min(start + block, count)
      var (a, b, c, d) = (VectorMath.splat(0), VectorMath.splat(0), VectorMath.splat(0), VectorMath.splat(0))
      var i = start
      while i &+ 32 <= end {
        a += VectorMath.load(p + i)
        b += VectorMath.load(p + i + 8)
        c += VectorMath.load(p + i + 16)
        d += VectorMath.load(p + i + 24)
        i &+= 32
      }
      while i &+ 8 <= end {
        a += VectorMath.load(p + i)
        i &+= 8
      }
      if i < end { b += VectorMath.load(p + i, first: end &- i) }
      total += Double(((a + b) + (c + d)).sum())
      start = end
    }
    return total
  }

  public static func row(_ p: UnsafePointer<Double>, _ count: Int) -> Double {
    var total = 0.0
    var start = 0
    while start < count {
      let end = Swift.min(start + block, count)
      var (a, b) = (SIMD4<Double>(), SIMD4<Double>())
      var i = start
      while i &+ 8 <= end {
        a += UnsafeRawPointer(p + i).loadUnaligned(as: SIMD4<Double>.self)
        b += UnsafeRawPointer(p + i + 4).loadUnaligned(as: SIMD4<Double>.self)
        i &+= 8
      }
      var rest = 0.0
      while i < end {
        rest += p[i]
        i &+= 1
      }
      total += (a + b).sum() + rest
      start = end
    }
    return total
  }

  /// The sums of the first `width` columns of [count, inner]: 64 rows at a time in the own type, then added
  /// to the total.
  private static func columns(
    _ p: UnsafePointer<Float>, _ count: Int, _ inner: Int, _ to: UnsafeMutablePointer<Float>, _ width: Int
  ) {
    withUnsafeTemporaryAllocation(of: Double.self, capacity: width) { total in
      withUnsafeTemporaryAllocation(of: Float.self, capacity: width) { partial in
        for j in 0..<width { total[j] = 0 }
        for start in stride(from: 0, to: count, by: 64) {
          for j in 0..<width { partial[j] = 0 }
          for i in start..<Swift.min(start + 64, count) {
            let row = p + i * inner
            for j in 0..<width { partial[j] += row[j] }
          }
          for j in 0..<width { total[j] += Double(partial[j]) }
        }
        for j in 0..<width { to[j] = Float(total[j]) }
      }
    }
  }

  private static func columns(
    _ p: UnsafePointer<Double>, _ count: Int, _ inner: Int, _ to: UnsafeMutablePointer<Double>, _ width: Int
  ) {
    withUnsafeTemporaryAllocation(of: Double.self, capacity: width) { partial in
      for j in 0..<width { to[j] = 0 }
      for start in stride(from: 0, to: count, by: 64) {
        for j in 0..<width { partial[j] = 0 }
        for i in start..<Swift.min(start + 64, count) {
          let row = p + i * inner
          for j in 0..<width { partial[j] += row[j] }
        }
        for j in 0..<width { to[j] += partial[j] }
      }
    }
  }
}
