/// The "K" types: blocks of 256 elements in sub-blocks of 16 or 32, each with a scale that is quantised itself.
import Base

extension GGUFBlocks {
  /// 16 scales and minima of four bits, 64 bytes of four, d, dmin.
  static func q2_K(_ p: Bytes, _ y: Floats) {
    let (d, dmin) = (half(p + 80), half(p + 82))
    for sub in 0..<16 {
      let (scale, minimum) = (d * Float(p[sub] & 15), dmin * Float(p[sub] >> 4))
      let (q, shift) = twoBits(p + 16, sub)
      for i in 0..<16 { y[16 * sub + i] = scale * Float(q[i] >> shift & 3) - minimum }
    }
  }

  /// Where the two-bit numbers of a sub-block of 16 are: 128 elements in 32 bytes, 32 of them at each shift.
  @inline(__always)
  private static func twoBits(_ p: Bytes, _ sub: Int) -> (q: Bytes, shift: UInt8) {
    (p + 32 * (sub / 8) + 16 * (sub % 2), UInt8(2 * (sub / 2 % 4)))
  }

  /// 256 third bits, 64 bytes of four, 16 scales of six bits in 12 bytes, d. A third bit that is not set takes four off.
  static func q3_K(_ p: Bytes, _ y: Floats) {
    let (d, packed) = (half(p + 108), p + 96)
    for sub in 0..<16 {
      let low = sub < 8 ? packed[sub] & 15 : packed[sub - 8] >> 4
      let high = packed[8 + sub % 4] >> UInt8(2 * (sub / 4)) & 3
      let scale = d * Float(Int32(low | high << 4) &- 32)
      let (q, shift) = twoBits(p + 32, sub)
      let (mask, bit) = (p + 16 * (sub % 2), UInt8(sub / 2))
      for i in 0..<16 {
        y[16 * sub + i] = scale * Float(Int32(q[i] >> shift & 3) &- (mask[i] >> bit & 1 == 1 ? 0 : 4))
      }
    }
  }

  /// Scale and minimum of a sub-block of 32: eight pairs of six bits in 12 bytes.
  @inline(__always)
  private static func scaleAndMinimum(_ s: Bytes, _ sub: Int) -> (scale: Float, minimum: Float) {
    if sub < 4 { return (Float(s[sub] & 63), Float(s[sub + 4] & 63)) }
    return (
      Float(s[sub + 4] & 15 | (s[sub - 4] >> 6) << 4), Float(s[sub + 4] >> 4 | (s[sub] >> 6) << 4)
    )
  }

  /// d, dmin, eight scales and minima, 128 bytes of two.
  static func q4_K(_ p: Bytes, _ y: Floats) {
    let (d, dmin) = (half(p), half(p + 2))
    for sub in 0..<8 {
      let own = scaleAndMinimum(p + 4, sub)
      let (scale, minimum) = (d * own.scale, dmin * own.minimum)
      let (q, shift) = (p + 16 + 32 * (sub / 2), UInt8(4 * (sub % 2)))
      for i in 0..<32 { y[32 * sub + i] = scale * Float(q[i] >> shift & 15) - minimum }
    }
  }

  /// d, dmin, eight scales and minima, 256 fifth bits, 128 bytes of two.
  static func q5_K(_ p: Bytes, _ y: Floats) {
    let (d, dmin, high) = (half(p), half(p + 2), p + 16)
    for sub in 0..<8 {
      let own = scaleAndMinimum(p + 4, sub)
      let (scale, minimum) = (d * own.scale, dmin * own.minimum)
      let (q, shift, bit) = (p + 48 + 32 * (sub / 2), UInt8(4 * (sub % 2)), UInt8(sub))
      for i in 0..<32 {
        y[32 * sub + i] = scale * Float(q[i] >> shift & 15 | (high[i] >> bit & 1) << 4) - minimum
      }
    }
  }

  /// 256 low halves, 256 pairs of high bits, 16 signed scales, d: d s (q - 32).
  static func q6_K(_ p: Bytes, _ y: Floats) {
    let d = half(p + 208)
    for sub in 0..<16 {
      let scale = d * Float(Int8(bitPattern: p[192 + sub]))
      // 128 elements take 64 bytes of low halves, twice over, and 32 bytes of high bits, four times over.
      let (half, quarter, side) = (sub / 8, sub / 2 % 4, 16 * (sub % 2))
      let (low, lowShift) = (p + 64 * half + 32 * (quarter % 2) + side, UInt8(4 * (quarter / 2)))
      let (high, highShift) = (p + 128 + 32 * half + side, UInt8(2 * quarter))
      for i in 0..<16 {
        y[16 * sub + i] =
          scale * Float(Int32(low[i] >> lowShift & 15 | (high[i] >> highShift & 3) << 4) &- 32)
      }
    }
  }
}
