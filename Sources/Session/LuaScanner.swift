/// Finds the `local` statements of a Lua chunk by its tokens, so that strings and comments are never changed.
struct LuaScanner {
  private let text: [UInt8]
  private var position = 0
  /// The text ends inside a string or a long comment.
  private var isOpen = false

  /// True if a line added to the text would be inside a string or a long comment.
  ///
  ///     LuaScanner.endsInside(Array("x = [[one".utf8))   // true
  static func endsInside(_ text: [UInt8]) -> Bool {
    var scanner = LuaScanner(text: text)
    while scanner.next() != nil {}
    return scanner.isOpen
  }

  /// A letter or `_`, with which names and keywords begin.
  static func isNameStart(_ byte: UInt8) -> Bool { isNamePart(byte) && !(48...57).contains(byte) }

  /// The first byte of the last token; nil without tokens.
  static func lastToken(of text: [UInt8]) -> UInt8? {
    var scanner = LuaScanner(text: text)
    var last: UInt8?
    while let token = scanner.next() { last = text[token.lowerBound] }
    return last
  }

  /// The chunk with each `<const>` of a `local` statement replaced by blanks; nil if it has no `local`
  /// statement.
  ///
  ///     LuaScanner.withoutConstants(Array("local x <const> = '<const>'".utf8))   // "local x         = '<const>'"
  static func withoutConstants(_ text: [UInt8]) -> [UInt8]? {
    var scanner = LuaScanner(text: text)
    var result = text
    var hasLocals = false
    while let token = scanner.next() {
      guard scanner.isWord(token, "local") else { continue }
      hasLocals = true
      // attnamelist of the manual, section 9: Name attrib {',' Name attrib}
      while scanner.next() != nil {
        let afterName = scanner.position
        if let open = scanner.next(), scanner.isWord(open, "<"), let attribute = scanner.next(),
          let close = scanner.next(), scanner.isWord(close, ">")
        {
          if scanner.isWord(attribute, "const") {
            for range in [open, attribute, close] {
              for i in range { result[i] = UInt8(ascii: " ") }
            }
          }
        } else {
          scanner.position = afterName
        }
        let afterAttribute = scanner.position
        guard let comma = scanner.next(), scanner.isWord(comma, ",") else {
          scanner.position = afterAttribute
          break
        }
      }
    }
    return hasLocals ? result : nil
  }

  private func isWord(_ token: Range<Int>, _ word: String) -> Bool { text[token].elementsEqual(word.utf8) }

  private func byte(_ offset: Int = 0) -> UInt8 {
    position + offset < text.count ? text[position + offset] : 0
  }

  private static func isNamePart(_ byte: UInt8) -> Bool {
    byte >= 48 && byte <= 57 || (byte | 32) >= 97 && (byte | 32) <= 122 || byte == 95
  }

  /// The next token: a name, keyword or number; a string; or one byte. Nil at the end.
  private mutating func next() -> Range<Int>? {
    skipBlanksAndComments()
    guard position < text.count else { return nil }
    let start = position
    if Self.isNamePart(byte()) {
      while Self.isNamePart(byte()) { position += 1 }
    } else if byte() == UInt8(ascii: "\"") || byte() == UInt8(ascii: "'") {
      skipQuoted()
    } else if !skipLongBracket() {
      position += 1
    }
    return start..<position
  }

  private mutating func skipBlanksAndComments() {
    while position < text.count {
      if [9, 10, 11, 12, 13, 32].contains(byte()) {
        position += 1
      } else if byte() == UInt8(ascii: "-") && byte(1) == UInt8(ascii: "-") {
        position += 2
        if skipLongBracket() { continue }
        while position < text.count && byte() != 10 { position += 1 }
      } else {
        return
      }
    }
  }

  private mutating func skipQuoted() {
    let quote = byte()
    position += 1
    while position < text.count && byte() != quote {
      position += byte() == UInt8(ascii: "\\") ? 2 : 1
    }
    isOpen = position >= text.count
    position = min(position + 1, text.count)
  }

  /// Skips `[[...]]` or `[==[...]==]`; false if there is none here.
  private mutating func skipLongBracket() -> Bool {
    guard byte() == UInt8(ascii: "[") else { return false }
    var level = 0
    while byte(1 + level) == UInt8(ascii: "=") { level += 1 }
    guard byte(1 + level) == UInt8(ascii: "[") else { return false }
    position += 2 + level
    while position < text.count {
      if byte() == UInt8(ascii: "]"), byte(1 + level) == UInt8(ascii: "]"),
        (0..<level).allSatisfy({ byte(1 + $0) == UInt8(ascii: "=") })
      {
        position += 2 + level
        return true
      }
      position += 1
    }
    isOpen = true
    return true
  }
}
