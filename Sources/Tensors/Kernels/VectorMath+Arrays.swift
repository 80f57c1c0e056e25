/// The vector functions over arrays in memory, eight numbers at a time.
extension VectorMath {
  /// Eight numbers from any address.
  @inlinable @inline(__always)
  public static func load(_ p: UnsafePointer<Float>) -> Lanes {
    UnsafeRawPointer(p).loadUnaligned(as: Lanes.self)
  }

  @inlinable @inline(__always)
  public static func store(_ x: Lanes, _ p: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(p).storeBytes(of: x, as: Lanes.self)
  }

  /// The first `count` < 8 numbers, padded with `fill`.
  @inlinable @inline(__always)
  public static func load(_ p: UnsafePointer<Float>, first count: Int, fill: Float = 0) -> Lanes {
    var x = splat(fill)
    for i in 0..<count { x[i] = p[i] }
    return x
  }

  @inlinable @inline(__always)
  public static func store(_ x: Lanes, _ p: UnsafeMutablePointer<Float>, first count: Int) {
    for i in 0..<count { p[i] = x[i] }
  }

  /// `to[i] = f(x[i])` for i in 0..<count; `to` may be `x`.
  @inlinable @inline(__always)
  public static func map(
    _ x: UnsafePointer<Float>, _ to: UnsafeMutablePointer<Float>, _ count: Int, _ f: (Lanes) -> Lanes
  ) {
    var i = 0
    while i &+ 8 <= count {
      store(f(load(x + i)), to + i)
      i &+= 8
    }
    if i < count { store(f(load(x + i, first: count &- i)), to + i, first: count &- i) }
  }

  /// `to[i] = f(x[i], y[i])` for i in 0..<count; `to` may be `x` or `y`.
  @inlinable @inline(__always)
  public static func zip(
    _ x: UnsafePointer<Float>, _ y: UnsafePointer<Float>, _ to: UnsafeMutablePointer<Float>, _ count: Int,
    _ f: (Lanes, Lanes) -> Lanes
  ) {
    var i = 0
    while i &+ 8 <= count {
      store(f(load(x + i), load(y + i)), to + i)
      i &+= 8
    }
    if i < count {
      let rest = count &- i
      store(f(load(x + i, first: rest), load(y + i, first: rest)), to + i, first: rest)
    }
  }
}
