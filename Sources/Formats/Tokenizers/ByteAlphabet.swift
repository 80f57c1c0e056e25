/// GPT-2's printable stand-in for each byte, in which its vocabulary files are written.
///
/// Printable Latin-1 stands for itself; the other 68 bytes become U+0100, U+0101, ... in rising order, so
/// that a space is written Ġ and a line end Ċ.
enum ByteAlphabet {
  private static let scalars: [Unicode.Scalar] = {
    var next: UInt32 = 0x100
    return (0..<256).map { byte in
      if (33...126).contains(byte) || (161...172).contains(byte) || (174...255).contains(byte) {
        return Unicode.Scalar(UInt8(byte))
      }
      defer { next += 1 }
      return Unicode.Scalar(next) ?? "\u{FFFD}"
    }
  }()

  /// The byte of each scalar below U+0200, -1 for those that stand for none.
  private static let byteOf: [Int16] = {
    var table = [Int16](repeating: -1, count: 0x200)
    for (byte, scalar) in scalars.enumerated() { table[Int(scalar.value)] = Int16(byte) }
    return table
  }()

  /// The printable form of bytes.
  static func printable<S: Sequence>(_ bytes: S) -> String where S.Element == UInt8 {
    var text = String.UnicodeScalarView()
    for byte in bytes { text.append(scalars[Int(byte)]) }
    return String(text)
  }

  /// The bytes that UTF-8 `text` stands for, or nil when a character stands for none.
  static func bytes<C: Collection>(_ text: C) -> [UInt8]? where C.Element == UInt8 {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count)
    var lead: UInt32 = 0
    for unit in text {
      if lead == 0 && unit >= 33 && unit <= 126 {
        bytes.append(unit)
      } else if lead == 0 && unit & 0xE0 == 0xC0 {
        lead = UInt32(unit)
      } else if lead != 0 && unit & 0xC0 == 0x80 {
        let scalar = Int(lead & 0x1F) << 6 | Int(unit & 0x3F)
        if scalar >= byteOf.count || byteOf[scalar] < 0 { return nil }
        bytes.append(UInt8(byteOf[scalar]))
        lead = 0
      } else {
        return nil
      }
    }
    return lead == 0 ? bytes : nil
  }

  /// Appends the printable form of a byte as UTF-8.
  static func append(_ byte: UInt8, to out: inout [UInt8]) {
    Characters.append(scalars[Int(byte)].value, to: &out)
  }

  /// The name of a byte's token in vocabularies that are not byte-level: `<0x0A>`.
  static func fallbackName(_ byte: UInt8) -> [UInt8] {
    let digits = Array("0123456789ABCDEF".utf8)
    return Array("<0x".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)], UInt8(ascii: ">")]
  }
}
