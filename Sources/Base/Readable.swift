/// Text from outside in messages: a name in a file may contain any bytes.
extension String {
  /// Bytes of a message that are shown; a name of megabytes would make a message of megabytes.
  private static let longestMessage = 4000

  /// The text with control characters escaped, and cut in the middle if it is long. Newlines and tabs stay.
  ///
  ///     "a\u{1B}[2Jb".readable      // "a\\27[2Jb"
  public var readable: String {
    func isPlain(_ scalar: Unicode.Scalar) -> Bool {
      scalar.value >= 0x20 && !(0x7F...0x9F).contains(scalar.value) || scalar == "\n" || scalar == "\t"
    }
    var text = self
    if text.utf8.count > Self.longestMessage {
      let half = Self.longestMessage / 2
      let hidden = text.utf8.count - 2 * half
      text =
        String(decoding: text.utf8.prefix(half), as: UTF8.self) + " ... (\(hidden) bytes) ... "
        + String(decoding: text.utf8.suffix(half), as: UTF8.self)
    }
    if text.unicodeScalars.allSatisfy(isPlain) { return text }
    return text.unicodeScalars.map { isPlain($0) ? String($0) : "\\\($0.value)" }.joined()
  }
}
