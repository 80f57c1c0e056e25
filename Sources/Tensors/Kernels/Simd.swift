/// Loads, stores and sums of eight floats that compile to single instructions.

public typealias Vector = SIMD8<Float>
public typealias Floats = UnsafePointer<Float>
public typealias MutableFloats = UnsafeMutablePointer<Float>

@inlinable @inline(__always)
public func load(_ p: Floats) -> Vector { UnsafeRawPointer(p).loadUnaligned(as: Vector.self) }

@inlinable @inline(__always)
public func load(_ p: MutableFloats) -> Vector { UnsafeRawPointer(p).loadUnaligned(as: Vector.self) }

@inlinable @inline(__always)
public func store(_ v: Vector, _ p: MutableFloats) {
  UnsafeMutableRawPointer(p).storeBytes(of: v, as: Vector.self)
}

/// The sum of the lanes, in a fixed order.
@inlinable @inline(__always)
public func sum(_ v: Vector) -> Float {
  let four = v.lowHalf + v.highHalf
  let two = four.lowHalf + four.highHalf
  return two[0] + two[1]
}

/// The dot product, with four accumulators.
@inlinable @inline(__always)
public func dot(_ a: Floats, _ b: Floats, _ count: Int) -> Float {
  var (s0, s1, s2, s3) = (Vector(), Vector(), Vector(), Vector())
  var i = 0
  while i + 32 <= count {
    s0 = s0.addingProduct(load(a + i), load(b + i))
    s1 = s1.addingProduct(load(a + i + 8), load(b + i + 8))
    s2 = s2.addingProduct(load(a + i + 16), load(b + i + 16))
    s3 = s3.addingProduct(load(a + i + 24), load(b + i + 24))
    i += 32
  }
  while i + 8 <= count {
    s0 = s0.addingProduct(load(a + i), load(b + i))
    i += 8
  }
  var total = sum((s0 + s1) + (s2 + s3))
  while i < count {
    total += a[i] * b[i]
    i += 1
  }
  return total
}

/// y += factor * x.
@inlinable @inline(__always)
public func addScaled(_ y: MutableFloats, _ factor: Float, _ x: Floats, _ count: Int) {
  let f = Vector(repeating: factor)
  var i = 0
  while i + 8 <= count {
    store(load(y + i).addingProduct(f, load(x + i)), y + i)
    i += 8
  }
  while i < count {
    y[i] += factor * x[i]
    i += 1
  }
}
