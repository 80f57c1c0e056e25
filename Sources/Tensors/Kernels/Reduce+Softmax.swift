/// Softmax, its logarithm and log-sum-exp over rows, forward and backward.
import Base

extension Reduce {
  /// Rows along one dimension: a packed tensor with that dimension last, and the order to restore.
  struct Rows {
    let tensor: Tensor
    let count: Int
    let length: Int
    let dimension: Int

    init(_ x: Tensor, _ dimension: Int) throws {
      try x.checkDimension(dimension)
      tensor = try x.transposed(dimension, x.rank - 1).contiguous()
      length = x.shape[dimension]
      count = length == 0 ? 0 : x.elementCount / length
      self.dimension = dimension
    }

    /// A result in the order of `tensor`, returned in the original order.
    func restored(_ y: Tensor) throws -> Tensor { try y.transposed(dimension, y.rank - 1).contiguous() }
  }

  /// e^(x - max) / sum along one dimension.
  public static func softmax(_ x: Tensor, _ dimension: Int) throws -> Tensor {
    let rows = try Rows(x, dimension)
    let result = try Tensor(uninitialized: rows.tensor.shape, x.dtype)
    let n = rows.length
    withExtendedLifetime((rows.tensor, result)) {
      if x.dtype == .f32 {
        let (p, r) = (rows.tensor.pointer(Float.self), result.pointer(Float.self))
        each(rows) { row in softmaxRow(p + row * n, r + row * n, n) }
      } else {
        let (p, r) = (rows.tensor.pointer(Double.self), result.pointer(Double.self))
        each(rows) { row in
          let (from, to) = (p + row * n, r + row * n)
          let top = from[position(from, 1, n) { $0 > $1 }]
          for i in 0..<n { to[i] = Libm.exp(from[i] - top) }
          let sum = Reduce.row(to, n)
          for i in 0..<n { to[i] /= sum }
        }
      }
    }
    return try rows.restored(result)
  }

  /// x - max - log sum e^(x - max) along one dimension.
  public static func logSoftmax(_ x: Tensor, _ dimension: Int) throws -> Tensor {
    let rows = try Rows(x, dimension)
    let result = try Tensor(uninitialized: rows.tensor.shape, x.dtype)
    let n = rows.length
    withExtendedLifetime((rows.tensor, result)) {
      if x.dtype == .f32 {
        let (p, r) = (rows.tensor.pointer(Float.self), result.pointer(Float.self))
        each(rows) { row in
          let from = p + row * n
          let top = rowMax(from, n)
          let shift = VectorMath.splat(top)
          let rest = VectorMath.splat(Float(Libm.log(sumExp(from, n, top))))
          VectorMath.map(from, r + row * n, n) { $0 - shift - rest }
        }
      } else {
        let (p, r) = (rows.tensor.pointer(Double.self), result.pointer(Double.self))
        each(rows) { row in
          let (from, to) = (p + row * n, r + row * n)
          let top = from[position(from, 1, n) { $0 > $1 }]
          let rest = Libm.log(sumExp(from, n, top))
          for i in 0..<n { to[i] = from[i] - top - rest }
        }
      }
    }
    return try rows.restored(result)
  }

  /// y (g - sum g y), the gradient of softmax with result y.
  public static func softmaxGradient(_ y: Tensor, _ g: Tensor, _ dimension: Int) throws -> Tensor {
    try gradient(y, g, dimension) { y, g, r, n in
      var sums = VectorMath.splat(0)
      var i = 0
      while i &+ 8 <= n {
        sums = sums.addingProduct(VectorMath.load(y + i), VectorMath.load(g + i))
        i &+= 8
      }
      var sum = Double(sums.sum())
      while i < n {
        sum += Double(y[i] * g[i])
        i &+= 1
      }
      let mean = VectorMath.splat(Float(sum))
      VectorMath.zip(y, g, r, n) { y, g in y * (g - mean) }
    } _: { y, g, r, n in
      var sum = 0.0
      for i in 0..<n { sum += y[i] * g[i] }
      for i in 0..<n { r[i] = y[i] * (g[i] - sum) }
    }
  }

  /// g - e^y sum g, the gradient of log-softmax with result y.
  public static func logSoftmaxGradient(_ y: Tensor, _ g: Tensor, _ dimension: Int) throws -> Tensor {
    try gradient(y, g, dimension) { y, g, r, n in
      let sum = VectorMath.splat(Float(Reduce.row(g, n)))
      VectorMath.zip(y, g, r, n) { y, g in g - VectorMath.exp(y) * sum }
    } _: { y, g, r, n in
      let sum = Reduce.row(g, n)
      for i in 0..<n { r[i] = g[i] - Libm.exp(y[i]) * sum }
    }
  }

  @inline(__always)
  private static func gradient(
    _ y: Tensor, _ g: Tensor, _ dimension: Int,
    _ f32: (UnsafePointer<Float>, UnsafePointer<Float>, UnsafeMutablePointer<Float>, Int) -> Void,
    _ f64: (UnsafePointer<Double>, UnsafePointer<Double>, UnsafeMutablePointer<Double>, Int) -> Void
  ) throws -> Tensor {
    let (left, right) = (try Rows(y, dimension), try Rows(g, dimension))
    let result = try Tensor(uninitialized: left.tensor.shape, y.dtype)
    let n = left.length
    withExtendedLifetime((left.tensor, right.tensor, result)) {
      if y.dtype == .f32 {
        let (p, q) = (left.tensor.pointer(Float.self), right.tensor.pointer(Float.self))
        let r = result.pointer(Float.self)
        each(left) { row in f32(p + row * n, q + row * n, r + row * n, n) }
      } else {
        let (p, q) = (left.tensor.pointer(Double.self), right.tensor.pointer(Double.self))
        let r = result.pointer(Double.self)
        each(left) { row in f64(p + row * n, q + row * n, r + row * n, n) }
      }
    }
    return try left.restored(result)
  }

  /// log sum e^x over `dimensions` (none: all); -inf for no elements.
  public static func logSumExp(_ x: Tensor, _ dimensions: [Int], keeping: Bool) throws -> Tensor {
    let f = try folded(x, dimensions)
    let packed =
      f.inner == 1
      ? f : try folded(f.tensor.reshaped([f.outer, f.count, f.inner]).transposed(1, 2).contiguous(), [2])
    let result = try Tensor(uninitialized: f.shape(keeping: keeping), x.dtype)
    let n = f.count
    withExtendedLifetime((packed.tensor, result)) {
      if x.dtype == .f32 {
        let (p, r) = (packed.tensor.pointer(Float.self), result.pointer(Float.self))
        Parallel.ranges(f.resultCount, grain: grain(n)) { range in
          for i in range {
            let top = rowMax(p + i * n, n)
            let shift = abs(top) == .infinity ? 0 : top
            r[i] = Float(Double(shift) + Libm.log(sumExp(p + i * n, n, shift)))
          }
        }
      } else {
        let (p, r) = (packed.tensor.pointer(Double.self), result.pointer(Double.self))
        Parallel.ranges(f.resultCount, grain: grain(n)) { range in
          for i in range {
            let row = p + i * n
            let top = n == 0 ? -.infinity : row[position(row, 1, n) { $0 > $1 }]
            let shift = abs(top) == .infinity ? 0 : top
            r[i] = shift + Libm.log(sumExp(row, n, shift))
          }
        }
      }
    }
    return result
  }

  // MARK: Rows

  @inline(__always)
  private static func each(_ rows: Rows, _ body: (Int) -> Void) {
    Parallel.ranges(rows.count, grain: grain(rows.length)) { for row in $0 { body(row) } }
  }

  /// The softmax of `count` adjacent elements; `to` may be `p`.
  public static func softmaxRow(_ p: UnsafePointer<Float>, _ to: UnsafeMutablePointer<Float>, _ count: Int) {
    let shift = VectorMath.splat(rowMax(p, count))
    VectorMath.map(p, to, count) { VectorMath.exp($0 - shift) }
    let scale = VectorMath.splat(Float(1 / row(to, count)))
    VectorMath.map(to, to, count) { $0 * scale }
  }

  /// sum e^(x - shift) over `count` adjacent elements.
  public static func sumExp(_ p: UnsafePointer<Float>, _ count: Int, _ shift: Float) -> Double {
    let s = VectorMath.splat(shift)
    var total = 0.0
    var i = 0
    while i < count {
      // Blocks of 64 vectors are summed in f32 and added to the f64 total.
      let end = Swift.min(i &+ 512, count)
      var (a, b) = (VectorMath.splat(0), VectorMath.splat(0))
      while i &+ 16 <= end {
        a += VectorMath.exp(VectorMath.load(p + i) - s)
        b += VectorMath.exp(VectorMath.load(p + i + 8) - s)
        i &+= 16
      }
      while i &+ 8 <= end {
        a += VectorMath.exp(VectorMath.load(p + i) - s)
        i &+= 8
      }
      if i < end {
        b += VectorMath.exp(VectorMath.load(p + i, first: end &- i, fill: -.infinity) - s)
        i = end
      }
      total += Double((a + b).sum())
    }
    return total
  }

  static func sumExp(_ p: UnsafePointer<Double>, _ count: Int, _ shift: Double) -> Double {
    var total = 0.0
    for i in 0..<count { total += Libm.exp(p[i] - shift) }
    return total
  }
}
