/// The model of a tokenizer: the ids of one piece that the pre-tokenizer cut.
import Base

protocol TokenModel: Sendable {
  /// Appends the ids of a piece, which has at least one byte.
  func encode(_ piece: UnsafeBufferPointer<UInt8>, into ids: inout [Int32]) throws
  /// What a tokenizer.json says of the model, with the names of its tokens by id.
  func json(names: TokenTable) -> JSONValue
}

extension TokenModel {
  /// The tokens as a tokenizer.json lists them, in the order of their ids.
  func vocabulary(_ names: TokenTable) -> JSONValue {
    .object(
      (0..<names.count).map {
        JSONMember(String(decoding: names[$0], as: UTF8.self), .integer($0))
      })
  }
}

/// UTF-8 character by character; a byte that is not UTF-8 counts as a character of its own.
enum Characters {
  /// Bytes of the character at `i`.
  @inline(__always)
  static func length(_ bytes: UnsafeBufferPointer<UInt8>, at i: Int) -> Int {
    UTF8Text.sequenceLength(bytes, at: i) ?? 1
  }

  /// The scalar at `i` and its bytes; for a byte that is not UTF-8 a value beyond every scalar.
  @inline(__always)
  static func scalar(_ bytes: UnsafeBufferPointer<UInt8>, at i: Int) -> (value: UInt32, length: Int) {
    let lead = bytes[i]
    if lead < 0x80 { return (UInt32(lead), 1) }
    guard let length = UTF8Text.sequenceLength(bytes, at: i) else { return (notUTF8 + UInt32(lead), 1) }
    var value = UInt32(lead) & (0x7F >> UInt32(length))
    for j in i + 1..<i + length { value = value << 6 | UInt32(bytes[j] & 0x3F) }
    return (value, length)
  }

  static let notUTF8: UInt32 = 0x110000

  /// Appends a scalar as UTF-8; what `scalar` gave for a byte becomes that byte again.
  @inline(__always)
  static func append(_ value: UInt32, to out: inout [UInt8]) {
    switch value {
    case 0..<0x80: out.append(UInt8(value))
    case 0x80..<0x800:
      out.append(UInt8(0xC0 | value >> 6))
      out.append(UInt8(0x80 | value & 0x3F))
    case 0x800..<0x10000:
      out.append(UInt8(0xE0 | value >> 12))
      out.append(UInt8(0x80 | value >> 6 & 0x3F))
      out.append(UInt8(0x80 | value & 0x3F))
    case 0x10000..<notUTF8:
      out.append(UInt8(0xF0 | value >> 18))
      out.append(UInt8(0x80 | value >> 12 & 0x3F))
      out.append(UInt8(0x80 | value >> 6 & 0x3F))
      out.append(UInt8(0x80 | value & 0x3F))
    default: out.append(UInt8(truncatingIfNeeded: value))
    }
  }
}
