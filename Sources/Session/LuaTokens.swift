/// The tokens of an unfinished input, for its colours and its completion. Any bytes have tokens.
///
/// An input may have lines that are commands of the prompt and no Lua: `?name`, `!shell`, `%time`.
public struct LuaTokens: Sequence, IteratorProtocol {
  public enum Kind: Sendable { case name, number, string, comment, command, symbol }

  public struct Token: Sendable {
    public let kind: Kind
    public let range: Range<Int>
    /// The end of the string or comment is missing.
    public var isOpen = false
    /// A comment that ends with its line.
    public var isLine = false
  }

  /// The reserved words.
  public static let keywords = Set(words.split(whereSeparator: \.isWhitespace).map(String.init))

  /// The string that stdlib/display/keywords.lua returns: the reserved words with white space between them.
  static let words: String = {
    let text = PackageResources.keywords_lua
    let string = LuaTokens(text).first { $0.kind == .string }
    return String(decoding: string.map { text[$0.range].dropFirst(2).dropLast(2) } ?? [], as: UTF8.self)
  }()

  private let text: [UInt8]
  private let hasCommands: Bool
  private var position = 0
  private var isLineStart = true

  /// Without `hasCommands`, every line is Lua.
  public init(_ text: [UInt8], hasCommands: Bool = true) {
    self.text = text
    self.hasCommands = hasCommands
  }

  public mutating func next() -> Token? {
    while position < text.count, Self.isBlank(text[position]) {
      if text[position] == 10 { isLineStart = true }
      position += 1
    }
    guard position < text.count else { return nil }
    let start = position
    let first = text[start]
    if hasCommands, isLineStart, let end = commandEnd(first) {
      position = end
      isLineStart = false
      return Token(kind: .command, range: start..<end)
    }
    isLineStart = false
    func token(_ kind: Kind, isOpen: Bool = false, isLine: Bool = false) -> Token {
      Token(kind: kind, range: start..<position, isOpen: isOpen, isLine: isLine)
    }
    switch first {
    case UInt8(ascii: "-") where byte(1) == UInt8(ascii: "-"):
      position += 2
      if let isOpen = skipLongBracket() { return token(.comment, isOpen: isOpen) }
      skipLine()
      return token(.comment, isOpen: position == text.count, isLine: true)
    case UInt8(ascii: "\""), UInt8(ascii: "'"): return token(.string, isOpen: skipQuoted(first))
    case UInt8(ascii: "["):
      if let isOpen = skipLongBracket() { return token(.string, isOpen: isOpen) }
      position += 1
      return token(.symbol)
    case _ where Self.isDigit(first) || first == UInt8(ascii: ".") && Self.isDigit(byte(1)):
      skipNumber()
      return token(.number)
    case _ where Self.isNamePart(first):
      while position < text.count, Self.isNamePart(text[position]) { position += 1 }
      return token(.name)
    default:
      position += 1
      return token(.symbol)
    }
  }

  public static func isNamePart(_ byte: UInt8) -> Bool {
    isDigit(byte) || (97...122).contains(byte | 32) || byte == 95
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) }

  private static func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }

  private func byte(_ offset: Int) -> UInt8 { position + offset < text.count ? text[position + offset] : 0 }

  /// The end of the part of a command's line that is no Lua.
  private func commandEnd(_ first: UInt8) -> Int? {
    var line = position
    while line < text.count, text[line] != 10 { line += 1 }
    switch first {
    case UInt8(ascii: "?"): return line
    case UInt8(ascii: "!") where byte(1) != UInt8(ascii: "="): return line
    case UInt8(ascii: "$") where byte(1) == 32: return line
    case UInt8(ascii: "%"):
      var end = position + 1
      while end < text.count, Self.isNamePart(text[end]) || text[end] == first { end += 1 }
      return end > position + 1 ? end : nil
    default: return nil
    }
  }

  private mutating func skipLine() {
    while position < text.count, text[position] != 10 { position += 1 }
  }

  /// Skips a string in quotes, which ends with its line; true if its end is missing.
  private mutating func skipQuoted(_ quote: UInt8) -> Bool {
    position += 1
    while position < text.count, text[position] != quote, text[position] != 10 {
      let isEscape = text[position] == UInt8(ascii: "\\")
      if isEscape, byte(1) == UInt8(ascii: "z") {  // \z skips line ends too
        position += 2
        while position < text.count, Self.isBlank(text[position]) { position += 1 }
      } else {
        position += isEscape && position + 1 < text.count ? 2 : 1
      }
    }
    if position < text.count, text[position] == quote {
      position += 1
      return false
    }
    return true
  }

  /// Skips `[[...]]` or `[==[...]==]` and says whether its end is missing; nil if there is none here.
  private mutating func skipLongBracket() -> Bool? {
    guard byte(0) == UInt8(ascii: "[") else { return nil }
    var level = 0
    while byte(1 + level) == UInt8(ascii: "=") { level += 1 }
    guard byte(1 + level) == UInt8(ascii: "[") else { return nil }
    position += 2 + level
    while position < text.count {
      if byte(0) == UInt8(ascii: "]"), byte(1 + level) == UInt8(ascii: "]"),
        (0..<level).allSatisfy({ byte(1 + $0) == UInt8(ascii: "=") })
      {
        position += 2 + level
        return false
      }
      position += 1
    }
    return true
  }

  /// Skips what the lexer of Lua reads as one number, well formed or not.
  private mutating func skipNumber() {
    let isHexadecimal = byte(0) == 48 && byte(1) | 32 == UInt8(ascii: "x")
    let exponent = UInt8(ascii: isHexadecimal ? "p" : "e")
    while position < text.count, Self.isNamePart(text[position]) || text[position] == UInt8(ascii: ".") {
      let isExponent = text[position] | 32 == exponent
      position += 1
      if isExponent, byte(0) == UInt8(ascii: "+") || byte(0) == UInt8(ascii: "-") { position += 1 }
    }
  }
}

extension LuaTokens {
  /// The text with blanks in place of its comments and of what stands in its strings.
  static func code(_ text: ArraySlice<UInt8>) -> [UInt8] {
    var code = Array(text)
    for token in LuaTokens(code)
    where token.kind == .comment || token.kind == .string || token.kind == .command {
      let isString = token.kind == .string
      let end = token.isOpen ? token.range.upperBound : token.range.upperBound - (isString ? 1 : 0)
      for i in token.range.lowerBound + (isString ? 1 : 0)..<Swift.max(end, token.range.lowerBound + 1)
      where code[i] != 10 {
        code[i] = 32
      }
      if isString {  // long brackets too become quotes
        code[token.range.lowerBound] = UInt8(ascii: "\"")
        if !token.isOpen { code[token.range.upperBound - 1] = UInt8(ascii: "\"") }
      }
    }
    return code
  }

  /// What a string in quotes holds, given the text between them; of the escapes, those with a letter or sign.
  static func content(of text: ArraySlice<UInt8>) -> [UInt8] {
    let letters: [UInt8: UInt8] = [97: 7, 98: 8, 102: 12, 110: 10, 114: 13, 116: 9, 118: 11]
    var content: [UInt8] = []
    var isEscaped = false
    for byte in text {
      if isEscaped {
        content.append(letters[byte] ?? byte)
        isEscaped = false
      } else if byte == UInt8(ascii: "\\") {
        isEscaped = true
      } else {
        content.append(byte)
      }
    }
    return content
  }

  /// How a string in quotes writes `content`.
  public static func escaped(_ content: [UInt8], quote: UInt8) -> [UInt8] {
    content.flatMap { byte -> [UInt8] in
      if byte == quote || byte == UInt8(ascii: "\\") { return [UInt8(ascii: "\\"), byte] }
      return byte < 32 ? Array("\\\(byte / 100)\(byte / 10 % 10)\(byte % 10)".utf8) : [byte]
    }
  }
}
