/// Running sums and products along one dimension, and their gradients.
import Base

extension Reduce {
  /// Sums of the elements up to each, or from each on.
  public static func runningSums(_ x: Tensor, _ dimension: Int, reversed: Bool) throws -> Tensor {
    let x = x.dtype == .bool ? try x.cast(to: .i64) : x
    switch x.dtype {
    case .f32:
      return try scan(x, dimension) { (p: UnsafeMutablePointer<Float>, r, step, count) in
        var total = 0.0
        for k in 0..<count {
          if Parallel.isTimeToLook(k) && Parallel.isCut { return }
          let i = (reversed ? count - 1 - k : k) &* step
          total += Double(p[i])
          r[i] = Float(total)
        }
      }
    case .f64:
      return try scan(x, dimension) { (p: UnsafeMutablePointer<Double>, r, step, count) in
        var total = 0.0
        for k in 0..<count {
          if Parallel.isTimeToLook(k) && Parallel.isCut { return }
          let i = (reversed ? count - 1 - k : k) &* step
          total += p[i]
          r[i] = total
        }
      }
    case .i64, .bool:
      return try scan(x, dimension) { (p: UnsafeMutablePointer<Int64>, r, step, count) in
        var total: Int64 = 0
        for k in 0..<count {
          if Parallel.isTimeToLook(k) && Parallel.isCut { return }
          let i = (reversed ? count - 1 - k : k) &* step
          total &+= p[i]
          r[i] = total
        }
      }
    }
  }

  /// Products of the elements up to each.
  public static func runningProducts(_ x: Tensor, _ dimension: Int) throws -> Tensor {
    let x = x.dtype == .bool ? try x.cast(to: .i64) : x
    switch x.dtype {
    case .f32:
      return try scan(x, dimension) { (p: UnsafeMutablePointer<Float>, r, step, count) in
        var total: Float = 1
        for i in 0..<count {
          if Parallel.isTimeToLook(i) && Parallel.isCut { return }
          total *= p[i &* step]
          r[i &* step] = total
        }
      }
    case .f64:
      return try scan(x, dimension) { (p: UnsafeMutablePointer<Double>, r, step, count) in
        var total = 1.0
        for i in 0..<count {
          if Parallel.isTimeToLook(i) && Parallel.isCut { return }
          total *= p[i &* step]
          r[i &* step] = total
        }
      }
    case .i64, .bool:
      return try scan(x, dimension) { (p: UnsafeMutablePointer<Int64>, r, step, count) in
        var total: Int64 = 1
        for i in 0..<count {
          if Parallel.isTimeToLook(i) && Parallel.isCut { return }
          total = total &* p[i &* step]
          r[i &* step] = total
        }
      }
    }
  }

  /// The gradient of running products y of x: y[k - 1] S[k], with S[k] = g[k] + x[k + 1] S[k + 1]. No
  /// division, so zeros need no special case.
  public static func runningProductsGradient(_ x: Tensor, _ y: Tensor, _ g: Tensor, _ dimension: Int) throws
    -> Tensor
  {
    let type = x.dtype
    let last = x.rank - 1
    let rows = try [x, y, g].map { try $0.transposed(dimension, last).cast(to: .f64).contiguous() }
    let result = try Tensor(uninitialized: rows[0].shape, .f64)
    let count = x.shape[dimension]
    let (p, q, s) = (rows[0].pointer(Double.self), rows[1].pointer(Double.self), rows[2].pointer(Double.self))
    let r = result.pointer(Double.self)
    withExtendedLifetime((rows, result)) {
      for start in stride(from: 0, to: x.elementCount, by: Swift.max(count, 1)) {
        var rest = 0.0
        for i in stride(from: start + count - 1, through: start, by: -1) {
          rest = s[i] + (i + 1 < start + count ? p[i + 1] * rest : 0)
          r[i] = (i > start ? q[i - 1] : 1) * rest
        }
      }
    }
    return try result.transposed(dimension, last).cast(to: type)
  }
}
