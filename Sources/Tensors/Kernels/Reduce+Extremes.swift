/// Largest and smallest elements and their positions. NaN counts as the extreme, and the first of equal
/// elements wins.
import Base

extension Reduce {
  /// The largest element over `dimensions` (none: all), or the smallest.
  public static func extreme(_ x: Tensor, _ dimensions: [Int], keeping: Bool, largest: Bool) throws -> Tensor
  {
    let f = try folded(x, dimensions)
    try refuseEmpty(f)
    switch x.dtype {
    case .f32:
      return try each(f, keeping: keeping) { (p: UnsafeMutablePointer<Float>, step, count) in
        if step == 1 { return largest ? rowMax(p, count) : -rowMax(p, count, sign: -1) }
        return p[position(p, step, count, largest ? { $0 > $1 } : { $0 < $1 }) &* step]
      }
    case .f64:
      return try each(f, keeping: keeping) { (p: UnsafeMutablePointer<Double>, step, count) in
        p[position(p, step, count, largest ? { $0 > $1 } : { $0 < $1 }) &* step]
      }
    case .i64:
      return try each(f, keeping: keeping) { (p: UnsafeMutablePointer<Int64>, step, count) in
        p[position(p, step, count, largest ? { $0 > $1 } : { $0 < $1 }) &* step]
      }
    case .bool:
      return try each(f, keeping: keeping) { (p: UnsafeMutablePointer<Bool>, step, count) in
        for i in 0..<count where p[i &* step] == largest { return largest }
        return !largest
      }
    }
  }

  /// The position, from 0, of the largest or smallest element in row-major order over `dimensions`.
  public static func positions(_ x: Tensor, _ dimensions: [Int], keeping: Bool, largest: Bool) throws
    -> Tensor
  {
    let f = try folded(x, dimensions)
    try refuseEmpty(f)
    switch x.dtype {
    case .f32:
      return try each(f, keeping: keeping) { (p: UnsafeMutablePointer<Float>, step, count) in
        if step != 1 { return Int64(position(p, step, count, largest ? { $0 > $1 } : { $0 < $1 })) }
        return Int64(first(largest ? rowMax(p, count) : -rowMax(p, count, sign: -1), p, count))
      }
    case .f64:
      return try each(f, keeping: keeping) { (p: UnsafeMutablePointer<Double>, step, count) in
        Int64(position(p, step, count, largest ? { $0 > $1 } : { $0 < $1 }))
      }
    case .i64:
      return try each(f, keeping: keeping) { (p: UnsafeMutablePointer<Int64>, step, count) in
        Int64(position(p, step, count, largest ? { $0 > $1 } : { $0 < $1 }))
      }
    case .bool:
      return try each(f, keeping: keeping) { (p: UnsafeMutablePointer<Bool>, step, count) in
        for i in 0..<count where p[i &* step] == largest { return Int64(i) }
        return 0
      }
    }
  }

  /// Elements picked from one dimension: `result[..., 0, ...] = x[..., positions[..., 0, ...], ...]`,
  /// positions from 0.
  public static func picked(_ x: Tensor, _ dimension: Int, _ positions: Tensor, keeping: Bool) throws
    -> Tensor
  {
    let f = try folded(x, [dimension])
    switch x.dtype {
    case .f32: return try picked(f, positions, keeping, Float.self)
    case .f64: return try picked(f, positions, keeping, Double.self)
    case .i64: return try picked(f, positions, keeping, Int64.self)
    case .bool: return try picked(f, positions, keeping, Bool.self)
    }
  }

  private static func picked<T: TensorScalar>(
    _ f: Folded, _ positions: Tensor, _ keeping: Bool, _ type: T.Type
  ) throws
    -> Tensor
  {
    let result = try Tensor(uninitialized: f.shape(keeping: keeping), f.tensor.dtype)
    let (from, to, at) = (f.tensor.pointer(T.self), result.pointer(T.self), positions.pointer(Int64.self))
    return withExtendedLifetime((f.tensor, positions)) {
      for i in 0..<f.resultCount {
        let outer = i / max(f.inner, 1)
        to[i] = from[outer * f.count * f.inner + Int(at[i]) * f.inner + i - outer * f.inner]
      }
      return result
    }
  }

  /// The gradient of `picked`: zeros of `shape` with each value at its position.
  public static func placed(_ values: Tensor, _ positions: Tensor, _ dimension: Int, into shape: Shape) throws
    -> Tensor
  {
    let result = try Tensor(zeros: shape, values.dtype)
    let f = try folded(result, [dimension])
    let (packed, at) = (try values.contiguous(), try positions.contiguous())
    switch values.dtype {
    case .f32: place(f, packed, at, Float.self)
    case .f64: place(f, packed, at, Double.self)
    case .i64: place(f, packed, at, Int64.self)
    case .bool: place(f, packed, at, Bool.self)
    }
    return result
  }

  private static func place<T: TensorScalar>(
    _ f: Folded, _ values: Tensor, _ positions: Tensor, _ type: T.Type
  ) {
    let (to, from, at) = (f.tensor.pointer(T.self), values.pointer(T.self), positions.pointer(Int64.self))
    withExtendedLifetime((f.tensor, values, positions)) {
      for i in 0..<f.resultCount {
        let outer = i / max(f.inner, 1)
        to[outer * f.count * f.inner + Int(at[i]) * f.inner + i - outer * f.inner] = from[i]
      }
    }
  }

  static func refuseEmpty(_ f: Folded) throws {
    if f.count == 0 && (f.resultCount > 0 || f.dropped.count == 0) {
      throw Failure(.shape, "no elements to choose from in a tensor of \(f.tensor.shape)", argument: 1)
    }
  }

  /// The first position of an extreme element; NaN is more extreme than every number.
  @inline(__always)
  static func position<T: Comparable>(
    _ p: UnsafePointer<T>, _ step: Int, _ count: Int, _ beats: (T, T) -> Bool
  ) -> Int {
    var best = 0
    var value = p[0]
    if value != value { return 0 }
    for i in 1..<Swift.max(count, 1) {
      let x = p[i &* step]
      if x != x { return i }
      if beats(x, value) {
        value = x
        best = i
      }
    }
    return best
  }

  /// The first position of a number that is among `count` adjacent elements, NaN included.
  private static func first(_ x: Float, _ p: UnsafePointer<Float>, _ count: Int) -> Int {
    let wanted = VectorMath.splat(x)
    var i = 0
    while i &+ 8 <= count {
      let y = VectorMath.load(p + i)
      if any(x != x ? y .!= y : y .== wanted) { break }
      i &+= 8
    }
    while i < count - 1 && !(p[i] == x || (x != x && p[i] != p[i])) { i &+= 1 }
    return i
  }

  /// The largest of `sign` times each of `count` > 0 adjacent elements; NaN if one of them is.
  public static func rowMax(_ p: UnsafePointer<Float>, _ count: Int, sign: Float = 1) -> Float {
    let s = VectorMath.splat(sign)
    var (a, b) = (VectorMath.splat(-.infinity), VectorMath.splat(-.infinity))
    var poison = SIMDMask<SIMD8<Int32>>(repeating: false)
    var i = 0
    while i &+ 16 <= count {
      let (x, y) = (VectorMath.load(p + i) * s, VectorMath.load(p + i + 8) * s)
      a.replace(with: x, where: x .> a)
      b.replace(with: y, where: y .> b)
      poison .|= (x .!= x) .| (y .!= y)
      i &+= 16
    }
    a.replace(with: b, where: b .> a)
    var top = a.max()
    var isPoisoned = any(poison)
    while i < count {
      let x = p[i] * sign
      if x > top { top = x }
      if x != x { isPoisoned = true }
      i &+= 1
    }
    return isPoisoned ? .nan : top
  }
}
