/// Elementary functions of eight f32 numbers at once, within 2 units in the last place.
///
/// Multiply-adds are written `addingProduct`, rounding adds and subtracts 12582912, and selection is
/// `replacing(with:where:)`: each function then compiles to vector code without calls. Zeros, infinities,
/// NaN, denormal arguments and denormal results are those of the C library, which f64 uses directly.
///
///     VectorMath.exp(SIMD8<Float>(repeating: 1))[0]      // 2.7182817
public enum VectorMath {
  public typealias Lanes = SIMD8<Float>

  @inlinable @inline(__always)
  public static func splat(_ x: Float) -> Lanes { Lanes(repeating: x) }

  @inlinable @inline(__always)
  static func bits(_ x: Lanes) -> SIMD8<Int32> { unsafeBitCast(x, to: SIMD8<Int32>.self) }

  @inlinable @inline(__always)
  static func lanes(_ bits: SIMD8<Int32>) -> Lanes { unsafeBitCast(bits, to: Lanes.self) }

  @inlinable @inline(__always)
  static func integers(_ x: Int32) -> SIMD8<Int32> { SIMD8<Int32>(repeating: x) }

  @inlinable @inline(__always)
  public static func abs(_ x: Lanes) -> Lanes { lanes(bits(x) & integers(0x7fff_ffff)) }

  /// The magnitude of `x` with the sign of `y`.
  @inlinable @inline(__always)
  public static func copySign(_ x: Lanes, _ y: Lanes) -> Lanes {
    lanes((bits(x) & integers(0x7fff_ffff)) | (bits(y) & integers(Int32.min)))
  }

  /// The smaller of each pair; `x` if `y` is NaN, and NaN if `x` is.
  @inlinable @inline(__always)
  public static func min(_ x: Lanes, _ y: Float) -> Lanes {
    x.replacing(with: splat(y), where: x .> splat(y))
  }

  @inlinable @inline(__always)
  public static func max(_ x: Lanes, _ y: Float) -> Lanes {
    x.replacing(with: splat(y), where: x .< splat(y))
  }

  /// 2^n for whole n in -126...127.
  @inlinable @inline(__always)
  static func power2(_ n: SIMD8<Int32>) -> Lanes { lanes((n &+ integers(127)) &<< integers(23)) }

  /// Adding 1.5 * 2^23 = 12582912 rounds to a whole number, half to even, in the low bits:
  /// x = n log 2 + r with |r| <= log 2 / 2; n as a whole number and as f32.
  @inlinable @inline(__always)
  static func reduce(_ x: Lanes) -> (n: SIMD8<Int32>, r: Lanes) {
    let shift = splat(12_582_912)
    let shifted = shift.addingProduct(x, splat(1.44269504))
    let n = shifted - shift
    let r = x.addingProduct(n, splat(-0x1.62e4p-1)).addingProduct(n, splat(-0x1.7f7d1cp-20))
    return (bits(shifted) &- bits(shift), r)
  }

  /// e^x. Scaling in two steps reaches denormal results.
  @inlinable @inline(__always)
  public static func exp(_ x: Lanes) -> Lanes {
    let (n, r) = reduce(max(min(x, 89), -104))
    var p = splat(8.37312452e-3).addingProduct(splat(1.37805939e-3), r)
    p = splat(4.16695364e-2).addingProduct(p, r)
    p = splat(1.66664720e-1).addingProduct(p, r)
    p = splat(4.99999851e-1).addingProduct(p, r)
    p = splat(1).addingProduct(p, r)
    p = splat(1).addingProduct(p, r)
    let half = n &>> integers(1)
    return p * power2(half) * power2(n &- half)
  }

  /// e^x - 1 for x <= 0 without loss near 0.
  @inlinable @inline(__always)
  static func expMinus1OfNegative(_ x: Lanes) -> Lanes {
    let (n, r) = reduce(max(x, -30))
    var p = splat(1.3981999507e-3).addingProduct(splat(1.9875691500e-4), r)
    p = splat(8.3334519073e-3).addingProduct(p, r)
    p = splat(4.1665795894e-2).addingProduct(p, r)
    p = splat(1.6666665459e-1).addingProduct(p, r)
    p = splat(5.0000001201e-1).addingProduct(p, r)
    let q = r.addingProduct(p, r * r)
    let scale = power2(n)
    return (scale - splat(1)).addingProduct(scale, q)
  }

  /// The natural logarithm; -inf at 0 and NaN below.
  @inlinable @inline(__always)
  public static func log(_ x: Lanes) -> Lanes {
    let denormal = x .< splat(0x1p-126)
    let a = x.replacing(with: x * splat(0x1p23), where: denormal)
    // a = 2^e m with m in [2/3, 4/3)
    let e = (bits(a) &- integers(0x3f2a_aaab)) & integers(Int32(bitPattern: 0xff80_0000))
    let m = lanes(bits(a) &- e)
    let shift = splat(12_582_912)
    var i = lanes((e &>> integers(23)) &+ bits(shift)) - shift
    i = i.replacing(with: i - splat(23), where: denormal)
    let f = m - splat(1)
    let s = f * f
    var p = splat(-0.121483256).addingProduct(splat(-0.130310059), s)
    var q = splat(0.139814854).addingProduct(splat(0.140869141), s)
    p = splat(-0.166846126).addingProduct(p, s)
    q = splat(0.200120345).addingProduct(q, s)
    p = splat(-0.249996200).addingProduct(p, s)
    p = p.addingProduct(q, f)
    p = splat(0.333331972).addingProduct(p, f)
    p = splat(-0.5).addingProduct(p, f)
    p = f.addingProduct(p, s)
    var result = p.addingProduct(i, splat(0.693147182))
    result.replace(with: splat(-.infinity), where: x .== splat(0))
    result.replace(with: splat(.nan), where: x .< splat(0))
    result.replace(with: x, where: x .== splat(.infinity))
    return result.replacing(with: x, where: x .!= x)
  }

  /// log(1 + x) without loss near 0: the rounding error of 1 + x is corrected to first order.
  @inlinable @inline(__always)
  public static func log1p(_ x: Lanes) -> Lanes {
    let u = splat(1) + x
    let rest = (x - (u - splat(1))) / u
    let result = log(u) + rest.replacing(with: splat(0), where: (u .== splat(.infinity)) .| (u .== splat(0)))
    return result.replacing(with: x, where: abs(x) .< splat(0x1p-24))
  }

  /// The hyperbolic tangent, from e^(-2|x|) - 1.
  @inlinable @inline(__always)
  public static func tanh(_ x: Lanes) -> Lanes {
    let q = expMinus1OfNegative(abs(x) * splat(-2))
    return copySign((splat(0) - q) / (q + splat(2)), x).replacing(with: x, where: x .!= x)
  }

  /// 1 / (1 + e^-x), from e^-|x| so that neither side overflows.
  @inlinable @inline(__always)
  public static func sigmoid(_ x: Lanes) -> Lanes {
    let e = exp(splat(0) - abs(x))
    return splat(1).replacing(with: e, where: x .< splat(0)) / (splat(1) + e)
  }

  /// log(1 + e^-|x|): what softplus and log-sigmoid add to their linear part.
  @inlinable @inline(__always)
  public static func log1pExpOfNegativeAbs(_ x: Lanes) -> Lanes { log1p(exp(splat(0) - abs(x))) }

  /// The error function. Minimax polynomials, odd near 0, and 1 - e^p beyond.
  @inlinable @inline(__always)
  public static func erf(_ x: Lanes) -> Lanes {
    let t = min(abs(x), 4)
    let s = t * t
    var far = splat(3.83197126e-4).addingProduct(splat(-1.72853470e-5), t)
    far = splat(2.42546219e-2).addingProduct(splat(-3.88396438e-3), t).addingProduct(far, s)
    far = splat(-1.06777877e-1).addingProduct(far, t)
    far = splat(-6.34846687e-1).addingProduct(far, t)
    far = splat(-1.28717512e-1).addingProduct(far, t)
    far = (splat(0) - t).addingProduct(far, t)
    let outer = splat(1) - exp(far)
    var near = splat(4.99119423e-3).addingProduct(splat(-5.96761703e-4), s)
    near = splat(-2.67681349e-2).addingProduct(near, s)
    near = splat(1.12819925e-1).addingProduct(near, s)
    near = splat(-3.76125336e-1).addingProduct(near, s)
    near = splat(1.28379166e-1).addingProduct(near, s)
    near = t.addingProduct(near, t)
    return copySign(near.replacing(with: outer, where: t .> splat(0.927734375)), x).replacing(
      with: x, where: x .!= x)
  }
}
