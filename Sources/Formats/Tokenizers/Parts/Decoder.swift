/// The decoders of a tokenizer.json: tokens become text.
import Base

indirect enum Decoder: Sendable {
  case byteLevel
  case byteFallback
  case fuse
  case replace(Delimiter, [UInt8])
  case strip([UInt8], start: Int, stop: Int)
  case metaspace([UInt8], dropsFirst: Bool)
  case wordPiece(prefix: [UInt8], cleansUp: Bool)
  case bpe(suffix: [UInt8])
  case sequence([Decoder])

  init(_ part: Part) throws {
    switch try part.type() {
    case "Sequence": self = .sequence(try part.list("decoders").map { try Decoder($0) })
    case "ByteLevel": self = .byteLevel
    case "ByteFallback": self = .byteFallback
    case "Fuse": self = .fuse
    case "Replace":
      self = .replace(try Delimiter(try part.key("pattern")), Array(try part.text("content").utf8))
    case "Strip":
      self = .strip(
        try part.character("content"), start: try part.count("start"), stop: try part.count("stop"))
    case "Metaspace":
      self = .metaspace(
        try part.character("replacement"), dropsFirst: try PreTokenizer.PrependScheme(part) != .never)
    case "WordPiece":
      self = .wordPiece(prefix: Array(try part.text("prefix").utf8), cleansUp: try part.flag("cleanup"))
    case "BPEDecoder": self = .bpe(suffix: Array(try part.text("suffix").utf8))
    default: throw try part.unsupported("decoder")
    }
  }

  func apply(to tokens: [[UInt8]]) throws -> [UInt8] { Array(try chain(tokens).joined()) }

  private func chain(_ tokens: [[UInt8]]) throws -> [[UInt8]] {
    switch self {
    case .sequence(let parts): return try parts.reduce(tokens) { try $1.chain($0) }
    case .byteLevel:
      return [Array(try Self.each(tokens) { ByteAlphabet.bytes($1) ?? $1 }.joined())]
    case .fuse: return [Array(tokens.joined())]
    case .byteFallback: return Self.joinBytes(tokens)
    case .replace(let delimiter, let content):
      return try Self.each(tokens) { try Self.replace(delimiter, content, in: $1) }
    case .strip(let character, let start, let stop):
      return try Self.each(tokens) { Self.strip($1, character, start, stop) }
    case .metaspace(let replacement, let dropsFirst):
      return try Self.each(tokens) { i, token in
        let space: [UInt8] = i == 0 && dropsFirst ? [] : [UInt8(ascii: " ")]
        return try Self.replace(.string(replacement), space, in: token)
      }
    case .wordPiece(let prefix, let cleansUp):
      return try Self.each(tokens) { i, token in
        var text = token
        if i > 0 { text = token.starts(with: prefix) ? Array(token.dropFirst(prefix.count)) : [0x20] + token }
        return cleansUp ? try Self.cleanedUp(text) : text
      }
    case .bpe(let suffix):
      return try Self.each(tokens) { i, token in
        try Self.replace(.string(suffix), i == tokens.count - 1 ? [] : [0x20], in: token)
      }
    }
  }

  /// A new text for each token, by its place. Throws at Ctrl-C.
  private static func each(
    _ tokens: [[UInt8]], _ text: (_ place: Int, _ token: [UInt8]) throws -> [UInt8]
  ) throws -> [[UInt8]] {
    try tokens.enumerated().map { i, token in
      if i & 0x3FFF == 0x3FFF { try Interrupt.check() }
      return try text(i, token)
    }
  }

  private static func replace(_ delimiter: Delimiter, _ content: [UInt8], in text: [UInt8]) throws -> [UInt8]
  {
    var out: [UInt8] = []
    out.reserveCapacity(text.count)
    try text.withUnsafeBufferPointer { bytes in
      try delimiter.forEachPiece(bytes, in: 0..<bytes.count) { range, isMatch in
        if isMatch { out.append(contentsOf: content) } else { out.append(contentsOf: bytes[range]) }
      }
    }
    return out
  }

  /// Runs of `<0x41>` become text; if they are not UTF-8, one U+FFFD a byte.
  private static func joinBytes(_ tokens: [[UInt8]]) -> [[UInt8]] {
    var out: [[UInt8]] = []
    var run: [UInt8] = []
    func flush() {
      if run.isEmpty { return }
      if String(validating: run, as: UTF8.self) != nil {
        out.append(run)
      } else {
        for _ in run { out.append([0xEF, 0xBF, 0xBD]) }
      }
      run = []
    }
    for token in tokens {
      if let byte = byte(of: token) {
        run.append(byte)
      } else {
        flush()
        out.append(token)
      }
    }
    flush()
    return out
  }

  private static func byte(of token: [UInt8]) -> UInt8? {
    guard token.count == 6, token.starts(with: Array("<0x".utf8)), token[5] == UInt8(ascii: ">") else {
      return nil
    }
    return UInt8(String(decoding: token[3..<5], as: UTF8.self), radix: 16)
  }

  private static func strip(_ text: [UInt8], _ character: [UInt8], _ start: Int, _ stop: Int) -> [UInt8] {
    var text = text[...]
    for _ in 0..<start {
      if !text.starts(with: character) { break }
      text = text.dropFirst(character.count)
    }
    for _ in 0..<stop {
      if !text.suffix(character.count).elementsEqual(character) { break }
      text = text.dropLast(character.count)
    }
    return Array(text)
  }

  /// The spaces that English does not have before punctuation and contractions, taken out.
  private static func cleanedUp(_ text: [UInt8]) throws -> [UInt8] {
    var text = text
    for (from, to) in [
      (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"),
      (" do not", " don't"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ] { text = try replace(.string(Array(from.utf8)), Array(to.utf8), in: text) }
    return text
  }
}
