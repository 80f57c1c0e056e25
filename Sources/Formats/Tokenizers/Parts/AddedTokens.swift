/// Tokens that are found in text before everything else: control tokens, and words added to a vocabulary.
///
/// At each place the longest one that matches counts. Those that are not `normalized` are looked for in the
/// text as given, the others in the normalized text between them.
import Base

/// One entry of `added_tokens`.
public struct AddedToken: Sendable, Equatable {
  public var id: Int
  public var content: String
  /// Matches only between characters that are no word characters.
  public var singleWord = false
  /// The match takes white space before it, or after it, along.
  public var lstrip = false
  public var rstrip = false
  /// The text is looked for after normalization.
  public var normalized = false
  /// A control token: decoding can leave it out, encoding can ignore it.
  public var special = true

  /// A control token.
  public init(id: Int, content: String) {
    self.id = id
    self.content = content
  }

  init(_ part: Part) throws {
    id = try part.count("id")
    content = try part.text("content")
    singleWord = try part.flag("single_word")
    lstrip = try part.flag("lstrip")
    rstrip = try part.flag("rstrip")
    normalized = try part.flag("normalized")
    special = try part.flag("special")
  }

  var json: JSONValue {
    [
      "id": .integer(id), "content": .string(content), "single_word": .bool(singleWord),
      "lstrip": .bool(lstrip), "rstrip": .bool(rstrip), "normalized": .bool(normalized),
      "special": .bool(special),
    ]
  }
}

/// Finds the tokens of one pass.
struct AddedTokenMatcher: Sendable {
  private let tokens: [AddedToken]
  private let contents: TokenTable
  /// For each first byte the lengths of the tokens that begin with it, the longest first.
  private let lengths: [[Int]]

  /// - Parameter content: what each token looks like in the text.
  init(_ tokens: [AddedToken], content: (AddedToken) throws -> [UInt8]) rethrows {
    self.tokens = tokens
    let texts = try tokens.map(content)
    contents = TokenTable(texts)
    var found = [Set<Int>](repeating: [], count: 256)
    for text in texts { if let first = text.first { found[Int(first)].insert(text.count) } }
    lengths = found.map { $0.sorted(by: >) }
  }

  var isEmpty: Bool { tokens.isEmpty }

  /// Calls `part` with what the text is made of: ranges without an id, and tokens.
  func split(
    _ text: UnsafeBufferPointer<UInt8>, splitsSpecials: Bool, _ part: (Range<Int>, _ id: Int?) throws -> Void
  ) throws {
    var end = 0
    var i = 0
    while i < text.count {
      if i & 0xFFFFF == 0xFFFFF { try Interrupt.check() }
      guard let (token, length) = longest(text, i) else {
        i += 1
        continue
      }
      var start = i
      var stop = i + length
      i = stop
      if splitsSpecials && token.special { continue }
      if token.singleWord && (isWord(text, before: start) || isWord(text, at: stop)) { continue }
      if token.lstrip {
        while start > end, let length = spaceBefore(text, start) { start -= length }
        start = max(start, end)
      }
      if token.rstrip {
        while stop < text.count {
          let (value, length) = Characters.scalar(text, at: stop)
          if !CharacterClass.isWhitespace(value) { break }
          stop += length
        }
      }
      if end < start { try part(end..<start, nil) }
      try part(start..<stop, token.id)
      end = stop
    }
    if end < text.count { try part(end..<text.count, nil) }
  }

  private func longest(_ text: UnsafeBufferPointer<UInt8>, _ start: Int) -> (AddedToken, Int)? {
    for length in lengths[Int(text[start])] where length <= text.count - start {
      if let at = contents.id(of: UnsafeBufferPointer(rebasing: text[start..<start + length])) {
        return (tokens[Int(at)], length)
      }
    }
    return nil
  }

  private func isWord(_ text: UnsafeBufferPointer<UInt8>, at i: Int) -> Bool {
    i < text.count && CharacterClass.isWord(Characters.scalar(text, at: i).value)
  }

  private func isWord(_ text: UnsafeBufferPointer<UInt8>, before i: Int) -> Bool {
    var start = i - 1
    while start > 0 && i - start < 4 && text[start] & 0xC0 == 0x80 { start -= 1 }
    return i > 0 && isWord(text, at: start)
  }

  private func spaceBefore(_ text: UnsafeBufferPointer<UInt8>, _ i: Int) -> Int? {
    var start = i - 1
    while start > 0 && i - start < 4 && text[start] & 0xC0 == 0x80 { start -= 1 }
    return CharacterClass.isWhitespace(Characters.scalar(text, at: start).value) ? i - start : nil
  }
}
