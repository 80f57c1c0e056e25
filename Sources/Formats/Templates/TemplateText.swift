/// The strings of templates: Unicode scalars, each with two marks.
///
/// Templates count, slice and compare by scalar, as Python does. A scalar also carries where it came from:
/// `inputBit` marks what the caller supplied, `generatedBit` what an assistant's turn is made of. The marks
/// survive slicing, stripping, joining and replacing, and no comparison sees them.
import Base

struct TemplateText: Sendable {
  static let inputBit: UInt32 = 1 << 31
  static let generatedBit: UInt32 = 1 << 30
  private static let scalarMask: UInt32 = (1 << 21) - 1

  var units: [UInt32]
  /// What `safe` and `escape` give: text that is added to it is escaped.
  var isMarkup = false

  init(_ units: [UInt32]) { self.units = units }
  init(_ units: ArraySlice<UInt32>) { self.units = Array(units) }
  init(_ text: String, marks: UInt32 = 0) { units = text.unicodeScalars.map { $0.value | marks } }

  static func scalar(_ unit: UInt32) -> UInt32 { unit & scalarMask }

  static func character(_ unit: UInt32) -> Unicode.Scalar { Unicode.Scalar(scalar(unit)) ?? "\u{FFFD}" }

  var count: Int { units.count }
  var isEmpty: Bool { units.isEmpty }

  var string: String {
    var view = String.UnicodeScalarView()
    for unit in units { view.append(Self.character(unit)) }
    return String(view)
  }

  /// Whether this is the text `other`, scalar by scalar.
  func equals(_ other: String) -> Bool {
    units.count == other.unicodeScalars.count
      && zip(units, other.unicodeScalars).allSatisfy { Self.scalar($0) == $1.value }
  }

  func precedes(_ other: TemplateText) -> Bool {
    units.lexicographicallyPrecedes(other.units) { Self.scalar($0) < Self.scalar($1) }
  }

  // MARK: Searching

  func matches(_ other: TemplateText, at start: Int) -> Bool {
    if start < 0 || other.count > count - start { return false }
    for i in 0..<other.count where Self.scalar(units[start + i]) != Self.scalar(other.units[i]) {
      return false
    }
    return true
  }

  /// The first place from `start` at which `other` stands.
  func find(_ other: TemplateText, from start: Int = 0) -> Int? {
    var i = start
    while i <= count - other.count {
      if matches(other, at: i) { return i }
      i += 1
    }
    return nil
  }

  func findLast(_ other: TemplateText) -> Int? {
    var i = count - other.count
    while i >= 0 {
      if matches(other, at: i) { return i }
      i -= 1
    }
    return nil
  }

  /// The parts between occurrences of `separator`, which is not empty; at most `limit` cuts.
  func split(_ separator: TemplateText, limit: Int) -> [TemplateText] {
    var parts: [TemplateText] = []
    var from = 0
    while parts.count < limit, let at = find(separator, from: from) {
      parts.append(TemplateText(units[from..<at]))
      from = at + separator.count
    }
    parts.append(TemplateText(units[from...]))
    return parts
  }

  /// The same, cut from the end.
  func splitFromEnd(_ separator: TemplateText, limit: Int) -> [TemplateText] {
    var parts: [TemplateText] = []
    var (end, at) = (count, count - separator.count)
    while at >= 0 && parts.count < limit {
      if matches(separator, at: at) {
        parts.append(TemplateText(units[(at + separator.count)..<end]))
        end = at
        at -= separator.count
      } else {
        at -= 1
      }
    }
    return [TemplateText(units[..<end])] + parts.reversed()
  }

  /// The words between runs of white space; after `limit` cuts the rest is one word.
  func words(limit: Int) -> [TemplateText] {
    var parts: [TemplateText] = []
    var i = 0
    while true {
      while i < count, Self.isSpace(units[i]) { i += 1 }
      if i == count { return parts }
      if parts.count == limit { return parts + [TemplateText(units[i...])] }
      let from = i
      while i < count, !Self.isSpace(units[i]) { i += 1 }
      parts.append(TemplateText(units[from..<i]))
    }
  }

  /// The lines, by every line end that Python knows.
  func lines(keepingEnds: Bool) -> [TemplateText] {
    var parts: [TemplateText] = []
    var from = 0
    var i = 0
    while i < count {
      let scalar = Self.scalar(units[i])
      guard Self.lineEnds.contains(scalar) else {
        i += 1
        continue
      }
      let stop = i
      i += scalar == 13 && i + 1 < count && Self.scalar(units[i + 1]) == 10 ? 2 : 1
      parts.append(TemplateText(units[from..<(keepingEnds ? i : stop)]))
      from = i
    }
    if from < count { parts.append(TemplateText(units[from...])) }
    return parts
  }

  private static let lineEnds: Set<UInt32> = [10, 11, 12, 13, 28, 29, 30, 0x85, 0x2028, 0x2029]

  func replacing(_ old: TemplateText, with new: TemplateText, limit: Int) -> TemplateText {
    var out: [UInt32] = []
    var done = 0
    if old.isEmpty {
      for (i, unit) in units.enumerated() {
        if i < limit { out += new.units }
        out.append(unit)
      }
      if count < limit { out += new.units }
      return TemplateText(out)
    }
    var from = 0
    while done < limit, let at = find(old, from: from) {
      out += units[from..<at]
      out += new.units
      from = at + old.count
      done += 1
    }
    return TemplateText(out + units[from...])
  }

  // MARK: White space and case

  static func isSpace(_ unit: UInt32) -> Bool {
    switch scalar(unit) {
    case 9...13, 28...32, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000:
      return true
    default: return false
    }
  }

  func stripped(_ characters: TemplateText?, left: Bool, right: Bool) -> TemplateText {
    let set = characters.map { Set($0.units.map(Self.scalar)) }
    func goes(_ unit: UInt32) -> Bool { set?.contains(Self.scalar(unit)) ?? Self.isSpace(unit) }
    var from = 0
    var to = count
    if left { while from < to, goes(units[from]) { from += 1 } }
    if right { while to > from, goes(units[to - 1]) { to -= 1 } }
    return TemplateText(units[from..<to])
  }

  /// Each scalar replaced by a text that keeps its marks.
  func mapped(_ map: (Unicode.Scalar) -> String) -> TemplateText {
    var out: [UInt32] = []
    out.reserveCapacity(count)
    for unit in units {
      let marks = unit & ~Self.scalarMask
      for scalar in map(Self.character(unit)).unicodeScalars { out.append(scalar.value | marks) }
    }
    return TemplateText(out)
  }

  func lowercased() -> TemplateText { mapped { $0.properties.lowercaseMapping } }
  func uppercased() -> TemplateText { mapped { $0.properties.uppercaseMapping } }

  func capitalized() -> TemplateText {
    var isFirst = true
    return mapped { scalar in
      defer { isFirst = false }
      return isFirst ? scalar.properties.titlecaseMapping : scalar.properties.lowercaseMapping
    }
  }

  /// Every run of cased characters begins with a capital.
  func titled() -> TemplateText {
    var isInside = false
    return mapped { scalar in
      let capital = !isInside
      isInside = scalar.properties.isCased
      return capital ? scalar.properties.titlecaseMapping : scalar.properties.lowercaseMapping
    }
  }

  func centred(_ width: Int, _ fill: UInt32) -> TemplateText {
    let space = max(0, width - count)
    let left = space / 2 + (space & width & 1)
    return TemplateText(
      [UInt32](repeating: fill, count: left) + units + [UInt32](repeating: fill, count: space - left))
  }

  func with(marks: UInt32) -> TemplateText { TemplateText(units.map { $0 | marks }) }
}

extension TemplateText: Equatable {
  static func == (a: TemplateText, b: TemplateText) -> Bool {
    a.units.count == b.units.count
      && zip(a.units, b.units).allSatisfy { scalar($0) == scalar($1) }
  }
}
