/// Cuts text into the words that GPT-2's byte-pair merges never cross.
///
/// The rule is the regular expression of Radford et al. 2019 (encoder.py), written by hand with Unicode
/// categories:
///
///     's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
///
/// A byte that is not UTF-8 counts as a character that is neither letter, number nor space.
enum GPT2Split {
  enum Kind: UInt8 {
    case other, letter, number, space
  }

  /// The kinds of U+0000..U+FFFF, from Swift's Unicode tables.
  private static let basicPlane: [Kind] = (0..<0x10000).map {
    Unicode.Scalar(UInt32($0)).map(classify) ?? .other
  }

  private static func classify(_ scalar: Unicode.Scalar) -> Kind {
    if scalar.properties.isWhitespace { return .space }
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: return .letter
    case .decimalNumber, .letterNumber, .otherNumber: return .number
    default: return .other
    }
  }

  /// Calls `word` with the range of each word; together they are all of `bytes`.
  /// - Parameter digitsAlone: cut each number character off first, as some newer vocabularies do.
  static func forEachWord(
    _ bytes: UnsafeBufferPointer<UInt8>, digitsAlone: Bool = false, _ word: (Range<Int>) throws -> Void
  ) rethrows {
    var reader = Reader(bytes: bytes, end: bytes.count, table: basicPlane)
    if !digitsAlone { return try reader.words(from: 0, word) }
    var start = 0
    var i = 0
    while i < bytes.count {
      let (kind, length) = reader.character(at: i)
      if kind == .number {
        reader.end = i
        try reader.words(from: start, word)
        reader.end = bytes.count
        try word(i..<i + length)
        start = i + length
      }
      i += length
    }
    try reader.words(from: start, word)
  }

  private struct Reader {
    let bytes: UnsafeBufferPointer<UInt8>
    var end: Int
    let table: [Kind]

    /// Kind and bytes of the character at `i`.
    func character(at i: Int) -> (Kind, Int) {
      let lead = bytes[i]
      if lead < 0x80 { return (table[Int(lead)], 1) }
      guard let length = UTF8Text.sequenceLength(bytes, at: i) else { return (.other, 1) }
      var scalar = UInt32(lead) & (0x7F >> UInt32(length))
      for j in i + 1..<i + length { scalar = scalar << 6 | UInt32(bytes[j] & 0x3F) }
      if scalar < 0x10000 { return (table[Int(scalar)], length) }
      return (Unicode.Scalar(scalar).map(classify) ?? .other, length)
    }

    func words(from begin: Int, _ word: (Range<Int>) throws -> Void) rethrows {
      var start = begin
      while start < end {
        let next = wordEnd(start)
        try word(start..<next)
        start = next
      }
    }

    private func wordEnd(_ start: Int) -> Int {
      if let after = contraction(start) { return after }
      // An optional space, then a run of one kind.
      let first = bytes[start] == 0x20 && start + 1 < end ? start + 1 : start
      let kind = character(at: first).0
      if kind != .space { return runEnd(from: first, kind).end }
      // Space before a word leaves its last character to the word, unless it is alone.
      let run = runEnd(from: start, .space)
      return run.end == end || run.last == start ? run.end : run.last
    }

    /// Where the run ends, and where its last character starts.
    private func runEnd(from start: Int, _ kind: Kind) -> (end: Int, last: Int) {
      var i = start
      var last = start
      while i < end {
        let (found, length) = character(at: i)
        if found != kind { break }
        last = i
        i += length
      }
      return (i, last)
    }

    private func contraction(_ start: Int) -> Int? {
      if bytes[start] != UInt8(ascii: "'") || start + 1 >= end { return nil }
      switch bytes[start + 1] {
      case UInt8(ascii: "s"), UInt8(ascii: "t"), UInt8(ascii: "m"), UInt8(ascii: "d"): return start + 2
      case UInt8(ascii: "r"), UInt8(ascii: "v"):
        return start + 2 < end && bytes[start + 2] == UInt8(ascii: "e") ? start + 3 : nil
      case UInt8(ascii: "l"):
        return start + 2 < end && bytes[start + 2] == UInt8(ascii: "l") ? start + 3 : nil
      default: return nil
      }
    }
  }
}
