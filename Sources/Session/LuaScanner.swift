/// Finds the `local` statements of a Lua chunk by its tokens, so that strings and comments are never changed.
struct LuaScanner {
  private let text: [UInt8]
  private let tokens: [LuaTokens.Token]
  private var position = 0

  private init(_ text: [UInt8]) {
    self.text = text
    tokens = LuaTokens(text, hasCommands: false).filter { $0.kind != .comment }
  }

  /// True if a line added to the text would be inside a string or a long comment.
  ///
  ///     LuaScanner.endsInside(Array("x = [[one".utf8))   // true
  static func endsInside(_ text: [UInt8]) -> Bool {
    var last: LuaTokens.Token?
    for token in LuaTokens(text, hasCommands: false) { last = token }
    guard let last else { return false }
    return last.isOpen && !last.isLine && last.range.upperBound == text.count
  }

  /// A letter or `_`, with which names and keywords begin.
  static func isNameStart(_ byte: UInt8) -> Bool {
    LuaTokens.isNamePart(byte) && !(48...57).contains(byte)
  }

  /// The first byte of the last token; nil without tokens.
  static func lastToken(of text: [UInt8]) -> UInt8? {
    LuaScanner(text).tokens.last.map { text[$0.range.lowerBound] }
  }

  /// The chunk with each `<const>` of a `local` statement replaced by blanks; nil if it has no `local`
  /// statement.
  ///
  ///     LuaScanner.withoutConstants(Array("local x <const> = '<const>'".utf8))   // "local x         = '<const>'"
  static func withoutConstants(_ text: [UInt8]) -> [UInt8]? {
    var scanner = LuaScanner(text)
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

  /// The next token that is no comment; nil at the end.
  private mutating func next() -> Range<Int>? {
    guard position < tokens.count else { return nil }
    position += 1
    return tokens[position - 1].range
  }
}
