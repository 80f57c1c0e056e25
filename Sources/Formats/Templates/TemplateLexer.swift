/// Splits a template into text and tokens, with the white-space control of Jinja.
///
/// As transformers sets Jinja up: the line end after a block tag goes (trim_blocks), white space before a
/// block tag or comment that begins a line goes (lstrip_blocks), `-` and `+` beside a tag overrule both, and
/// one line end at the end of the template is dropped.
import Base

struct TemplateToken {
  enum Kind: Equatable {
    case text([UInt32]), blockBegin, blockEnd, outputBegin, outputEnd
    case name(String), string([UInt32]), integer(Int), float(Double), mark(String), end
  }
  let kind: Kind
  let line: Int
}

struct TemplateLexer {
  private let source: [UInt32]
  private let name: String
  private var position = 0
  private var line = 1
  private var tokens: [TemplateToken] = []
  /// Whether the last tag ended with a line end, so that text after it begins a line.
  private var isLineStart = true

  static func tokens(of text: String, name: String) throws -> [TemplateToken] {
    var lexer = TemplateLexer(text, name)
    try lexer.run()
    return lexer.tokens
  }

  private init(_ text: String, _ name: String) {
    self.name = name
    var units: [UInt32] = []
    var isAfterReturn = false
    for scalar in text.unicodeScalars {
      if scalar == "\r" {
        units.append(10)
      } else if scalar != "\n" || !isAfterReturn {
        units.append(scalar.value)
      }
      isAfterReturn = scalar == "\r"
    }
    if units.last == 10 { units.removeLast() }
    source = units
  }

  private func failure(_ problem: String) -> Failure {
    Failure(.format, "\(name): \(problem) (line \(line))")
  }

  private func unit(_ i: Int) -> UInt32 { i >= 0 && i < source.count ? source[i] : 0 }

  private func starts(_ text: StaticString, at i: Int) -> Bool {
    for k in 0..<text.utf8CodeUnitCount where unit(i + k) != UInt32(text.utf8Start[k]) { return false }
    return true
  }

  private mutating func add(_ kind: TemplateToken.Kind) {
    tokens.append(TemplateToken(kind: kind, line: line))
  }

  private mutating func move(to place: Int) {
    for i in position..<place where source[i] == 10 { line += 1 }
    if place > position { isLineStart = source[place - 1] == 10 }
    position = place
  }

  private func skipSpace(_ i: Int) -> Int {
    var i = i
    while i < source.count, TemplateText.isSpace(source[i]) { i += 1 }
    return i
  }

  // MARK: Text

  private mutating func run() throws {
    while position < source.count {
      try Interrupt.check()
      var begin = position
      while begin < source.count,
        !(source[begin] == 123 && (unit(begin + 1) == 123 || unit(begin + 1) == 37 || unit(begin + 1) == 35))
      {
        begin += 1
      }
      if begin == source.count {
        add(.text(Array(source[position...])))
        move(to: begin)
        break
      }
      let opener = unit(begin + 1)
      let sign = unit(begin + 2)
      addText(upTo: begin, sign: sign, isOutput: opener == 123)
      let after = begin + 2 + (sign == 45 || sign == 43 ? 1 : 0)
      switch opener {
      case 35: try skipComment(begin)
      case 37:
        if let inside = rawBegin(after) {
          try addRaw(inside)
        } else {
          move(to: after)
          add(.blockBegin)
          try addTokens(isOutput: false)
        }
      default:
        move(to: after)
        add(.outputBegin)
        try addTokens(isOutput: true)
      }
    }
    add(.end)
  }

  /// Adds the text before a tag, without the white space that the tag removes.
  private mutating func addText(upTo begin: Int, sign: UInt32, isOutput: Bool) {
    var stop = begin
    if sign == 45 {
      while stop > position, TemplateText.isSpace(source[stop - 1]) { stop -= 1 }
    } else if sign != 43 && !isOutput {
      var from = begin
      while from > position, source[from - 1] != 10 { from -= 1 }
      if (from > position || isLineStart) && source[from..<begin].allSatisfy(TemplateText.isSpace) {
        stop = from
      }
    }
    if stop > position { add(.text(Array(source[position..<stop]))) }
    move(to: begin)
  }

  /// Where a tag's end leaves off: after white space for `-`, after one line end otherwise.
  private func afterEnd(_ end: Int, isStripping: Bool, isKeeping: Bool) -> Int {
    if isStripping { return skipSpace(end) }
    return !isKeeping && unit(end) == 10 ? end + 1 : end
  }

  private mutating func skipComment(_ begin: Int) throws {
    var i = begin + 2
    while i < source.count, !starts("#}", at: i) { i += 1 }
    if i >= source.count { throw failure("a comment without #}") }
    let sign = i > begin + 2 ? source[i - 1] : 0
    move(to: afterEnd(i + 2, isStripping: sign == 45, isKeeping: sign == 43))
  }

  /// The place after `raw %}`, if that stands here.
  private func rawBegin(_ place: Int) -> Int? {
    var i = skipSpace(place)
    guard starts("raw", at: i) else { return nil }
    i = skipSpace(i + 3)
    if starts("-%}", at: i) { return skipSpace(i + 3) }
    return starts("%}", at: i) ? i + 2 : nil
  }

  private mutating func addRaw(_ inside: Int) throws {
    move(to: inside)
    var begin = inside
    while begin < source.count {
      if starts("{%", at: begin) {
        let sign = unit(begin + 2)
        var i = skipSpace(begin + 2 + (sign == 45 || sign == 43 ? 1 : 0))
        if starts("endraw", at: i) {
          i = skipSpace(i + 6)
          let isSigned = unit(i) == 45 || unit(i) == 43
          if starts("%}", at: isSigned ? i + 1 : i) {
            addText(upTo: begin, sign: sign, isOutput: false)
            let end = (isSigned ? i + 1 : i) + 2
            return move(to: afterEnd(end, isStripping: unit(i) == 45, isKeeping: unit(i) == 43))
          }
        }
      }
      begin += 1
    }
    // As in Jinja, raw text that is empty needs no end.
    if inside < source.count { throw failure("raw without endraw") }
  }

  // MARK: Tokens

  private mutating func addTokens(isOutput: Bool) throws {
    var open: [UInt32] = []
    while true {
      let i = position
      guard i < source.count else {
        throw failure(isOutput ? "an expression without }}" : "a tag without %}")
      }
      let c = source[i]
      if open.isEmpty {
        let isSigned = c == 45 || (c == 43 && !isOutput)
        if starts(isOutput ? "}}" : "%}", at: isSigned ? i + 1 : i) {
          let end = i + (isSigned ? 3 : 2)
          add(isOutput ? .outputEnd : .blockEnd)
          let isKeeping = isOutput || c == 43
          return move(to: afterEnd(end, isStripping: c == 45, isKeeping: isKeeping))
        }
      }
      if TemplateText.isSpace(c) {
        move(to: skipSpace(i))
      } else if isDigit(c) {
        try addNumber()
      } else if c == 34 || c == 39 {
        try addString(c)
      } else if isWord(c) {
        var end = i
        while isWord(unit(end)) { end += 1 }
        add(.name(TemplateText(source[i..<end]).string))
        move(to: end)
      } else {
        try addMark(&open)
      }
    }
  }

  private func isDigit(_ c: UInt32) -> Bool { c >= 48 && c <= 57 }

  private func isWord(_ c: UInt32) -> Bool {
    if c < 128 { return isDigit(c) || c == 95 || (c | 32 >= 97 && c | 32 <= 122) }
    let properties = TemplateText.character(c).properties
    return properties.isIDContinue
  }

  private mutating func addMark(_ open: inout [UInt32]) throws {
    for mark in ["//", "**", "==", "!=", ">=", "<="] as [StaticString] where starts(mark, at: position) {
      add(.mark(mark.description))
      return move(to: position + 2)
    }
    let c = source[position]
    guard let scalar = Unicode.Scalar(c), "+-/*%~[](){}><=.:|,;".unicodeScalars.contains(scalar) else {
      throw failure("unexpected character '\(Quoted.name(TemplateText([c]).string))'")
    }
    if scalar == "(" || scalar == "[" || scalar == "{" { open.append(c == 40 ? 41 : c + 2) }
    if scalar == ")" || scalar == "]" || scalar == "}" {
      guard let wanted = open.popLast() else { throw failure("unexpected '\(scalar)'") }
      if wanted != c { throw failure("unexpected '\(scalar)', expected '\(TemplateText.character(wanted))'") }
    }
    add(.mark(String(Character(scalar))))
    move(to: position + 1)
  }

  /// Digits with single underscores between them.
  private func digits(_ start: Int, _ isOne: (UInt32) -> Bool) -> Int {
    var i = start
    while isOne(unit(i)) || (unit(i) == 95 && i > start && isOne(unit(i + 1))) { i += 1 }
    return i
  }

  private mutating func addNumber() throws {
    let start = position
    let prefixes: [(UInt32, Int)] = [(98, 2), (111, 8), (120, 16)]
    if source[start] == 48, let (_, radix) = prefixes.first(where: { $0.0 == unit(start + 1) | 32 }) {
      func isOne(_ c: UInt32) -> Bool {
        Unicode.Scalar(c).flatMap { Character($0).hexDigitValue }.map { $0 < radix } ?? false
      }
      let end = digits(start + 2, isOne)
      if end > start + 2 { return try addInteger(start + 2, end, radix) }
    }
    var end = digits(start, isDigit)
    let whole = end
    if unit(end) == 46, isDigit(unit(end + 1)) { end = digits(end + 1, isDigit) }
    if unit(end) | 32 == 101 {
      let sign = unit(end + 1) == 43 || unit(end + 1) == 45 ? 1 : 0
      if isDigit(unit(end + 1 + sign)) { end = digits(end + 1 + sign, isDigit) }
    }
    if end == whole || (start > 0 && source[start - 1] == 46) { return try addInteger(start, whole, 10) }
    guard let value = Double(text(start, end)) else { throw failure("a number that cannot be read") }
    add(.float(value))
    move(to: end)
  }

  private func text(_ start: Int, _ end: Int) -> String {
    TemplateText(source[start..<end].filter { $0 != 95 }).string
  }

  private mutating func addInteger(_ start: Int, _ end: Int, _ radix: Int) throws {
    guard let value = Int(text(start, end), radix: radix) else { throw failure("a number beyond 64 bits") }
    add(.integer(value))
    move(to: end)
  }

  private mutating func addString(_ quote: UInt32) throws {
    var i = position + 1
    var out: [UInt32] = []
    while true {
      guard i < source.count else { throw failure("a string without its closing quote") }
      let c = source[i]
      if c == quote { break }
      if c == 92 {
        i = try escape(i + 1, &out)
      } else {
        out.append(c)
        i += 1
      }
    }
    add(.string(out))
    move(to: i + 1)
  }

  /// One escape of Python's strings, from the character after the backslash; the place after it.
  private func escape(_ i: Int, _ out: inout [UInt32]) throws -> Int {
    let simple: [UInt32: UInt32] = [
      92: 92, 39: 39, 34: 34, 97: 7, 98: 8, 102: 12, 110: 10, 114: 13, 116: 9, 118: 11,
    ]
    guard i < source.count else { throw failure("a string without its closing quote") }
    let c = source[i]
    if let one = simple[c] {
      out.append(one)
      return i + 1
    }
    if c == 10 { return i + 1 }
    let widths: [UInt32: Int] = [120: 2, 117: 4, 85: 8]
    if let width = widths[c] {
      guard i + width < source.count, let value = UInt32(text(i + 1, i + 1 + width), radix: 16),
        let scalar = Unicode.Scalar(value)
      else { throw failure("an escape without its \(width) hexadecimal digits") }
      out.append(scalar.value)
      return i + 1 + width
    }
    if c >= 48 && c <= 55 {
      var (value, end) = (UInt32(0), i)
      while end < i + 3, unit(end) >= 48, unit(end) <= 55 {
        value = value * 8 + unit(end) - 48
        end += 1
      }
      out.append(value)
      return end
    }
    if c == 78 { throw failure("a character by its name (\\N) is not supported") }
    out += [92, c]
    return i + 1
  }
}
