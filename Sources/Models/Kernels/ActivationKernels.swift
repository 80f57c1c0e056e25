/// Rows of exponentials, and the gated and smooth activations, on eight floats at a time.
import Base
import Tensors

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

enum ActivationKernels {
  /// Elements per piece of the elementwise kernels.
  static let grain = 16_384

  static func log(_ x: Float) -> Float { logf(x) }

  /// y = exp(x - max x); returns the maximum and the sum of y.
  @inline(__always)
  static func exponentials(_ x: Floats, _ y: MutableFloats, _ count: Int) -> (peak: Float, sum: Float) {
    var peak = -Float.infinity
    var i = 0
    if count >= 8 {
      var m = load(x)
      i = 8
      while i + 8 <= count {
        let v = load(x + i)
        m = m.replacing(with: v, where: v .> m)
        i += 8
      }
      peak = maximum(m)
    }
    while i < count {
      if x[i] > peak { peak = x[i] }
      i += 1
    }
    let p = Vector(repeating: peak)
    var total = Vector()
    i = 0
    while i + 8 <= count {
      let e = VectorMath.exp(load(x + i) - p)
      store(e, y + i)
      total += e
      i += 8
    }
    var rest: Float = 0
    if i < count {
      // The tail goes through the same vector function, so that a row's bits do not depend on where it ends.
      var tail = Vector(repeating: -Float.infinity)
      for lane in 0..<count - i { tail[lane] = x[i + lane] - peak }
      let e = VectorMath.exp(tail)
      for lane in 0..<count - i {
        y[i + lane] = e[lane]
        rest += e[lane]
      }
    }
    return (peak, sum(total) + rest)
  }

  @inline(__always)
  static func scale(_ x: MutableFloats, _ factor: Float, _ count: Int) {
    let f = Vector(repeating: factor)
    var i = 0
    while i + 8 <= count {
      store(load(x + i) * f, x + i)
      i += 8
    }
    while i < count {
      x[i] *= factor
      i += 1
    }
  }

  /// p = exp(scores - lse) and ds = p * (dp - d) for the first `valid` elements, 0 for the others.
  @inline(__always)
  static func softmaxGradient(
    _ p: MutableFloats, _ ds: MutableFloats, _ lse: Float, _ d: Float, valid: Int, total: Int
  ) {
    let (l, dd) = (Vector(repeating: lse), Vector(repeating: d))
    var i = 0
    while i + 8 <= valid {
      let e = VectorMath.exp(load(p + i) - l)
      store(e, p + i)
      store(e * (load(ds + i) - dd), ds + i)
      i += 8
    }
    if i < valid {
      var tail = Vector(repeating: -Float.infinity)
      for lane in 0..<valid - i { tail[lane] = p[i + lane] - lse }
      let e = VectorMath.exp(tail)
      for lane in 0..<valid - i {
        p[i + lane] = e[lane]
        ds[i + lane] = e[lane] * (ds[i + lane] - d)
      }
      i = valid
    }
    while i < total {
      p[i] = 0
      ds[i] = 0
      i += 1
    }
  }

  private static let geluA: Float = 0.797_884_56  // sqrt(2 / pi)
  private static let geluB: Float = 0.044_715

  /// gelu(x) = x/2 (1 + tanh(a (x + b x^3))) = x sigmoid(2a (x + b x^3)).
  @inline(__always)
  static func gelu(_ x: Vector) -> Vector {
    let cubic = x.addingProduct(x * x * x, Vector(repeating: geluB))
    return x * VectorMath.sigmoid(cubic * (2 * geluA))
  }

  /// gelu, and d gelu / dx = s + x s (1 - s) 2a (1 + 3 b x^2), s = sigmoid(2a (x + b x^3)).
  @inline(__always)
  static func geluBoth(_ x: Vector) -> (Vector, Vector) {
    let cubic = x.addingProduct(x * x * x, Vector(repeating: geluB))
    let s = VectorMath.sigmoid(cubic * (2 * geluA))
    let value = x * s
    let slope = Vector(repeating: 2 * geluA).addingProduct(x * x, Vector(repeating: 6 * geluA * geluB))
    return (value, s.addingProduct(value * (Vector(repeating: 1) - s), slope))
  }

  @inline(__always)
  static func silu(_ x: Vector) -> Vector { x * VectorMath.sigmoid(x) }

  /// silu, and d silu / dx = s + x s (1 - s).
  @inline(__always)
  static func siluBoth(_ x: Vector) -> (Vector, Vector) {
    let s = VectorMath.sigmoid(x)
    let value = x * s
    return (value, s.addingProduct(value, Vector(repeating: 1) - s))
  }

  /// The gate silu(a) b again, if there is room for it, and with its gradient dy: da = dy b silu'(a), db = dy silu(a).
  @inline(__always)
  static func gateGradient(
    _ a: Floats, _ b: Floats, _ dy: Floats, _ gated: MutableFloats?, _ da: MutableFloats, _ db: MutableFloats,
    _ count: Int
  ) {
    var i = 0
    while i + 8 <= count {
      let (value, slope) = siluBoth(load(a + i))
      let (other, up) = (load(b + i), load(dy + i))
      if let gated { store(value * other, gated + i) }
      store(up * other * slope, da + i)
      store(up * value, db + i)
      i += 8
    }
    while i < count {
      let (value, slope) = siluBoth(Vector(repeating: a[i]))
      gated?[i] = value[0] * b[i]
      da[i] = dy[i] * b[i] * slope[0]
      db[i] = dy[i] * value[0]
      i += 1
    }
  }

  /// y = f(x) and dx = dy f'(x), where `f` gives both.
  @inline(__always)
  static func both(
    _ x: Floats, _ dy: Floats, _ y: MutableFloats, _ dx: MutableFloats, _ count: Int, _ f: (Vector) -> (Vector, Vector)
  ) {
    var i = 0
    while i + 8 <= count {
      let (value, slope) = f(load(x + i))
      store(value, y + i)
      store(load(dy + i) * slope, dx + i)
      i += 8
    }
    while i < count {
      let (value, slope) = f(Vector(repeating: x[i]))
      y[i] = value[0]
      dx[i] = dy[i] * slope[0]
      i += 1
    }
  }

  /// y[i] = f(x[i]) over `count` elements, tails through the same vector function.
  @inline(__always)
  static func map(_ x: Floats, _ y: MutableFloats, _ count: Int, _ f: (Vector) -> Vector) {
    var i = 0
    while i + 8 <= count {
      store(f(load(x + i)), y + i)
      i += 8
    }
    if i < count {
      var tail = Vector()
      for lane in 0..<count - i { tail[lane] = x[i + lane] }
      let v = f(tail)
      for lane in 0..<count - i { y[i + lane] = v[lane] }
    }
  }

  /// z[i] = f(x[i], y[i]).
  @inline(__always)
  static func zip(_ x: Floats, _ y: Floats, _ z: MutableFloats, _ count: Int, _ f: (Vector, Vector) -> Vector) {
    var i = 0
    while i + 8 <= count {
      store(f(load(x + i), load(y + i)), z + i)
      i += 8
    }
    if i < count {
      var (a, b) = (Vector(), Vector())
      for lane in 0..<count - i {
        a[lane] = x[i + lane]
        b[lane] = y[i + lane]
      }
      let v = f(a, b)
      for lane in 0..<count - i { z[i + lane] = v[lane] }
    }
  }
}
