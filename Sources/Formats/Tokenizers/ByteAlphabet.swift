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

  private static let byteOf: [UInt32: UInt8] = {
    var table: [UInt32: UInt8] = [:]
    for (byte, scalar) in scalars.enumerated() { table[scalar.value] = UInt8(byte) }
    return table
  }()

  /// The printable form of bytes.
  static func printable<S: Sequence>(_ bytes: S) -> String where S.Element == UInt8 {
    var text = String.UnicodeScalarView()
    for byte in bytes { text.append(scalars[Int(byte)]) }
    return String(text)
  }

  /// The bytes that `text` stands for, or nil when a character stands for none.
  static func bytes<S: StringProtocol>(_ text: S) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      let value = scalar.value
      if value >= 33 && value <= 126 {
        bytes.append(UInt8(value))
      } else if let byte = byteOf[value] {
        bytes.append(byte)
      } else {
        return nil
      }
    }
    return bytes
  }
}
