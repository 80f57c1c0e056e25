/// What a piece is cut at, and where the matches go.
import Base

/// `SplitDelimiterBehavior` of `tokenizers`.
enum SplitBehavior: String {
  case removed = "Removed"
  case isolated = "Isolated"
  case mergedWithPrevious = "MergedWithPrevious"
  case mergedWithNext = "MergedWithNext"
  case contiguous = "Contiguous"

  init(_ part: Part, _ key: String, otherwise: SplitBehavior? = nil) throws {
    if let otherwise, part.value[key] == nil {
      self = otherwise
      return
    }
    let text = try part.text(key)
    guard let behavior = SplitBehavior(rawValue: text) else {
      throw part.failure("\(key) '\(Quoted.name(text))' is not known")
    }
    self = behavior
  }
}

/// What is looked for in a piece.
enum Delimiter: Sendable {
  case pattern(Pattern)
  case string([UInt8])
  /// One character that the function takes.
  case characters(@Sendable (UInt32) -> Bool)
  /// A run of word characters, or of what is neither word nor white space.
  case words

  /// `{"String": ...}` or `{"Regex": ...}`.
  init(_ part: Part) throws {
    if part.value["String"] != nil {
      self = .string(Array(try part.text("String").utf8))
    } else if part.value["Regex"] != nil {
      do { self = .pattern(try part.patterns.compiled(try part.text("Regex"))) } catch let failure as Failure
        where failure.isRefusal
      {
        throw part.failure(failure.message)
      }
    } else {
      throw part.failure("expected a 'String' or a 'Regex'")
    }
  }

  /// Calls `piece` with every part of a range of `bytes`: the matches, and what is between them.
  func forEachPiece(
    _ bytes: UnsafeBufferPointer<UInt8>, in range: Range<Int>, _ piece: (Range<Int>, Bool) throws -> Void
  ) throws {
    switch self {
    case .pattern(let pattern): try pattern.forEachPiece(bytes, in: range, piece)
    case .string(let text):
      guard let first = text.first else { return try piece(range, false) }
      var end = range.lowerBound
      var i = end
      while i + text.count <= range.upperBound {
        if bytes[i] == first, bytes[i..<i + text.count].elementsEqual(text) {
          if end < i { try piece(end..<i, false) }
          try piece(i..<i + text.count, true)
          i += text.count
          end = i
        } else {
          i += 1
        }
      }
      if end < range.upperBound { try piece(end..<range.upperBound, false) }
    case .words:
      func kind(_ value: UInt32) -> Int {
        CharacterClass.isWord(value) ? 1 : CharacterClass.isWhitespace(value) ? 0 : 2
      }
      var start = range.lowerBound
      while start < range.upperBound {
        let first = kind(Characters.scalar(bytes, at: start).value)
        var end = start
        while end < range.upperBound {
          let (value, length) = Characters.scalar(bytes, at: end)
          if kind(value) != first { break }
          end += length
        }
        try piece(start..<end, first > 0)
        start = end
      }
    case .characters(let matches):
      var end = range.lowerBound
      var i = end
      while i < range.upperBound {
        let (value, length) = Characters.scalar(bytes, at: i)
        if matches(value) {
          if end < i { try piece(end..<i, false) }
          try piece(i..<i + length, true)
          end = i + length
        }
        i += length
      }
      if end < range.upperBound { try piece(end..<range.upperBound, false) }
    }
  }

  /// Appends the pieces that a behaviour makes of a range; with `inverted` what is between the matches counts
  /// as match.
  func split(
    _ bytes: UnsafeBufferPointer<UInt8>, in range: Range<Int>, _ behavior: SplitBehavior, inverted: Bool,
    to pieces: inout [Range<Int>]
  ) throws {
    let start = pieces.count
    var wasMatch = false
    try forEachPiece(bytes, in: range) { piece, found in
      let isMatch = found != inverted
      defer { wasMatch = isMatch }
      let last = pieces.count - 1
      let hasLast = last >= start
      switch behavior {
      case .isolated: pieces.append(piece)
      case .removed: if !isMatch { pieces.append(piece) }
      case .contiguous:
        if isMatch == wasMatch && hasLast {
          pieces[last] = pieces[last].lowerBound..<piece.upperBound
        } else {
          pieces.append(piece)
        }
      case .mergedWithPrevious:
        if isMatch && !wasMatch && hasLast {
          pieces[last] = pieces[last].lowerBound..<piece.upperBound
        } else {
          pieces.append(piece)
        }
      case .mergedWithNext:
        // A match waits for what follows it; a match after a match stands alone.
        if hasLast && wasMatch && !isMatch {
          pieces[last] = pieces[last].lowerBound..<piece.upperBound
        } else {
          pieces.append(piece)
        }
      }
    }
    pieces.removeSubrange(start..<pieces.count, where: \.isEmpty)
  }
}

extension Array {
  /// Removes the elements of a range that hold a condition.
  fileprivate mutating func removeSubrange(_ range: Range<Int>, where condition: (Element) -> Bool) {
    var to = range.lowerBound
    for from in range where !condition(self[from]) {
      if to != from { self[to] = self[from] }
      to += 1
    }
    removeLast(range.upperBound - to)
  }
}
