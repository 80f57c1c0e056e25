/// The text of JSON strings: escapes to bytes and back, and UTF-8 checked sequence by sequence.
import Base

enum JSONText {
  /// The 16-bit unit of `\uXXXX` at a backslash, or nil.
  static func unit(_ bytes: UnsafeBufferPointer<UInt8>, at start: Int) -> UInt16? {
    guard start + 6 <= bytes.count, bytes[start] == UInt8(ascii: "\\"), bytes[start + 1] == UInt8(ascii: "u")
    else {
      return nil
    }
    var unit: UInt16 = 0
    for i in start + 2..<start + 6 {
      guard let digit = hexadecimalDigit(bytes[i]) else { return nil }
      unit = unit << 4 | UInt16(digit)
    }
    return unit
  }

  static func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 48...57: return byte - 48
    case 65...70: return byte - 55
    case 97...102: return byte - 87
    default: return nil
    }
  }

  /// The text of a checked string without its quotes.
  static func decode(_ bytes: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) -> String {
    let raw = UnsafeBufferPointer(rebasing: bytes[range])
    if !raw.contains(UInt8(ascii: "\\")) { return String(decoding: raw, as: UTF8.self) }
    var out: [UInt8] = []
    out.reserveCapacity(raw.count)
    var i = range.lowerBound
    while i < range.upperBound {
      if bytes[i] != UInt8(ascii: "\\") {
        out.append(bytes[i])
        i += 1
        continue
      }
      switch bytes[i + 1] {
      case UInt8(ascii: "b"): out.append(8)
      case UInt8(ascii: "f"): out.append(12)
      case UInt8(ascii: "n"): out.append(10)
      case UInt8(ascii: "r"): out.append(13)
      case UInt8(ascii: "t"): out.append(9)
      case UInt8(ascii: "u"):
        i += appendScalar(bytes, i, &out)
        continue
      default: out.append(bytes[i + 1])
      }
      i += 2
    }
    return String(decoding: out, as: UTF8.self)
  }

  /// Appends the scalar of one or two `\u` escapes; the number of bytes read.
  private static func appendScalar(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int, _ out: inout [UInt8])
    -> Int
  {
    let high = UInt32(unit(bytes, at: start) ?? 0xFFFD)
    if high & 0xFC00 != 0xD800 {
      out.append(contentsOf: String(Unicode.Scalar(high) ?? "\u{FFFD}").utf8)
      return 6
    }
    let low = UInt32(unit(bytes, at: start + 6) ?? 0xDC00)
    let scalar = 0x10000 + ((high & 0x3FF) << 10 | low & 0x3FF)
    out.append(contentsOf: String(Unicode.Scalar(scalar) ?? "\u{FFFD}").utf8)
    return 12
  }
}

enum UTF8Text {
  /// Bytes of the well-formed sequence at `start` (no overlong form, no surrogate, at most U+10FFFF), or nil.
  @inline(__always)
  static func sequenceLength(_ bytes: UnsafeBufferPointer<UInt8>, at start: Int) -> Int? {
    let lead = bytes[start]
    if lead < 0x80 { return 1 }
    let length: Int
    var low: UInt8 = 0x80
    var high: UInt8 = 0xBF
    switch lead {
    case 0xC2...0xDF: length = 2
    case 0xE0: length = 3; low = 0xA0
    case 0xED: length = 3; high = 0x9F
    case 0xE1...0xEF: length = 3
    case 0xF0: length = 4; low = 0x90
    case 0xF1...0xF3: length = 4
    case 0xF4: length = 4; high = 0x8F
    default: return nil
    }
    if start + length > bytes.count || bytes[start + 1] < low || bytes[start + 1] > high { return nil }
    for i in start + 2..<start + length where bytes[i] & 0xC0 != 0x80 { return nil }
    return length
  }
}
