/// The pre-tokenizers of a tokenizer.json: they cut the text into the pieces that the model never crosses.
import Base

/// A text and the ranges of its pieces, in order.
struct Pieces {
  var bytes: [UInt8]
  var ranges: [Range<Int>]
  /// The first byte of `bytes` stands at the start of the text that was given.
  var atStart: Bool

  init(_ bytes: [UInt8], atStart: Bool) {
    self.bytes = bytes
    self.atStart = atStart
    ranges = bytes.isEmpty ? [] : [0..<bytes.count]
  }

  /// Writes every piece anew; `rewrite` appends to its first argument.
  mutating func rewrite(
    _ rewrite: (inout [UInt8], UnsafeBufferPointer<UInt8>, _ isFirst: Bool) throws -> Void
  ) rethrows {
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count + bytes.count / 4)
    let startsAtZero = ranges.first?.lowerBound == 0
    try bytes.withUnsafeBufferPointer { bytes in
      for i in ranges.indices {
        let from = out.count
        try rewrite(
          &out, UnsafeBufferPointer(rebasing: bytes[ranges[i]]), atStart && ranges[i].lowerBound == 0)
        ranges[i] = from..<out.count
      }
    }
    atStart = atStart && startsAtZero
    bytes = out
  }

  /// Cuts every piece.
  mutating func split(_ delimiter: Delimiter, _ behavior: SplitBehavior, inverted: Bool = false) throws {
    var cut: [Range<Int>] = []
    cut.reserveCapacity(ranges.count == 1 ? bytes.count / 4 : ranges.count)
    try bytes.withUnsafeBufferPointer { bytes in
      for (i, range) in ranges.enumerated() {
        if i & 0xFFF == 0xFFF { try Interrupt.check() }
        try delimiter.split(bytes, in: range, behavior, inverted: inverted, to: &cut)
      }
    }
    ranges = cut
  }
}

indirect enum PreTokenizer: Sendable {
  case split(Delimiter, SplitBehavior, inverted: Bool)
  case byteLevel(addPrefixSpace: Bool, pattern: Pattern?)
  case metaspace(replacement: [UInt8], scheme: PrependScheme, splits: Bool)
  case fixedLength(Int)
  case sequence([PreTokenizer])

  enum PrependScheme: String { case first, never, always }

  /// GPT-2's pattern (Radford et al. 2019, encoder.py).
  static let gpt2Pattern =
    #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

  /// Compiled once: a file may name it thousands of times.
  private static let gpt2 = Result { try Pattern(gpt2Pattern) }

  init(_ part: Part) throws {
    func characters(_ matches: @escaping @Sendable (UInt32) -> Bool) -> Delimiter { .characters(matches) }
    switch try part.type() {
    case "Sequence": self = .sequence(try part.list("pretokenizers").map { try PreTokenizer($0) })
    case "ByteLevel":
      let splits = try part.flag("use_regex", otherwise: true)
      self = .byteLevel(
        addPrefixSpace: try part.flag("add_prefix_space"),
        pattern: splits ? try Self.gpt2.get() : nil)
    case "Split":
      self = .split(
        try Delimiter(try part.key("pattern")), try SplitBehavior(part, "behavior"),
        inverted: try part.flag("invert"))
    case "Digits":
      let alone = try part.flag("individual_digits")
      self = .split(characters(CharacterClass.isNumeric), alone ? .isolated : .contiguous, inverted: false)
    case "Metaspace": self = try Self.metaspace(part)
    case "Whitespace": self = .split(.words, .removed, inverted: true)
    case "WhitespaceSplit":
      self = .split(characters(CharacterClass.isWhitespace), .removed, inverted: false)
    case "Punctuation":
      self = .split(
        characters(CharacterClass.isPunctuation), try SplitBehavior(part, "behavior", otherwise: .isolated),
        inverted: false)
    case "BertPreTokenizer":
      self = .sequence([
        .split(characters(CharacterClass.isWhitespace), .removed, inverted: false),
        .split(characters(CharacterClass.isPunctuation), .isolated, inverted: false),
      ])
    case "CharDelimiterSplit", "Delimiter":
      self = .split(.string(try part.character("delimiter")), .removed, inverted: false)
    case "FixedLength":
      let length = part.value["length"] == nil ? 5 : try part.count("length")
      if length == 0 { throw try part.key("length").expected("a length from 1") }
      self = .fixedLength(length)
    default: throw try part.unsupported("pre-tokenizer")
    }
  }

  private static func metaspace(_ part: Part) throws -> PreTokenizer {
    .metaspace(
      replacement: try part.character("replacement"), scheme: try PrependScheme(part),
      splits: try part.flag("split", otherwise: true))
  }

  /// The steps, with sequences laid flat.
  var steps: [PreTokenizer] {
    if case .sequence(let parts) = self { return parts.flatMap(\.steps) }
    return [self]
  }

  /// - Parameter writesBytes: a byte-level step writes the printable form of each byte, as `tokenizers` does;
  ///   false where the model takes raw bytes.
  func apply(to pieces: inout Pieces, writesBytes: Bool) throws {
    switch self {
    case .split(let delimiter, let behavior, let inverted):
      try pieces.split(delimiter, behavior, inverted: inverted)
    case .byteLevel(let addPrefixSpace, let pattern):
      let space = UInt8(ascii: " ")
      if addPrefixSpace {
        pieces.rewrite { out, piece, _ in
          if piece.first != space { out.append(space) }
          out.append(contentsOf: piece)
        }
      }
      if let pattern { try pieces.split(.pattern(pattern), .isolated) }
      if writesBytes {
        pieces.rewrite { out, piece, _ in for byte in piece { ByteAlphabet.append(byte, to: &out) } }
      }
    case .metaspace(let replacement, let scheme, let splits):
      pieces.rewrite { out, piece, isFirst in
        let prepends = scheme == .always || (scheme == .first && isFirst)
        let hasOne = piece.first == UInt8(ascii: " ") || piece.starts(with: replacement)
        if prepends && !hasOne { out.append(contentsOf: replacement) }
        for byte in piece {
          if byte == UInt8(ascii: " ") { out.append(contentsOf: replacement) } else { out.append(byte) }
        }
      }
      if splits { try pieces.split(.string(replacement), .mergedWithNext) }
    case .fixedLength(let length):
      var cut: [Range<Int>] = []
      pieces.bytes.withUnsafeBufferPointer { bytes in
        for range in pieces.ranges {
          var start = range.lowerBound
          while start < range.upperBound {
            var end = start
            var left = length
            while left > 0 && end < range.upperBound {
              end += Characters.length(bytes, at: end)
              left -= 1
            }
            cut.append(start..<end)
            start = end
          }
        }
      }
      pieces.ranges = cut
    case .sequence(let parts):
      for part in parts { try part.apply(to: &pieces, writesBytes: writesBytes) }
    }
  }
}

extension PreTokenizer.PrependScheme {
  /// `prepend_scheme`, and the older key `add_prefix_space`, of a Metaspace.
  init(_ part: Part) throws {
    var scheme = Self.always
    if part.value["prepend_scheme"] != nil {
      let text = try part.text("prepend_scheme")
      guard let known = Self(rawValue: text) else {
        throw part.failure(
          "prepend_scheme '\(Quoted.name(text))' is not known: expected first, never or always")
      }
      scheme = known
    }
    if try part.flag("add_prefix_space", otherwise: true) == false {
      if part.value["prepend_scheme"] != nil && scheme != .never {
        throw part.failure("add_prefix_space is false, but prepend_scheme is \(scheme.rawValue)")
      }
      scheme = .never
    }
    self = scheme
  }
}
