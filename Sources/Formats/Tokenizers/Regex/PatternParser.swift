/// Parses a regular expression of a tokenizer.json into a tree.
///
/// The syntax is that of Oniguruma (Ruby's), which `tokenizers` uses: `^` and `$` are at every line, `\h` is a
/// hexadecimal digit, `\s`, `\w`, `\d` and `\p{...}` are Unicode's. What is not done here is refused by name:
/// back references, named groups, conditions, set intersection.
import Base

/// A parsed pattern.
indirect enum PatternNode {
  case empty
  case set(ScalarSet)
  case sequence([PatternNode])
  case choice([PatternNode])
  case repeated(PatternNode, least: Int, most: Int, mode: RepeatMode)
  case look(PatternNode, ahead: Bool, negated: Bool)
  case atomic(PatternNode)
  case boundary(Boundary)
}

enum RepeatMode: Int32 { case greedy, lazy, possessive }

enum Boundary: Int32 { case textStart, textEnd, lastLineEnd, lineStart, lineEnd, word, notWord }

struct PatternParser {
  private let pattern: [Unicode.Scalar]
  private var at = 0
  private var depth = 0
  private var ignoresCase = false
  private var dotMatchesAll = false

  static func parse(_ pattern: String) throws -> PatternNode {
    var parser = PatternParser(pattern: Array(pattern.unicodeScalars))
    let node = try parser.choice()
    if parser.at < parser.pattern.count { throw parser.failure("an unmatched ')'") }
    return node
  }

  private init(pattern: [Unicode.Scalar]) { self.pattern = pattern }

  private func failure(_ problem: String) -> Failure {
    let text = String(String.UnicodeScalarView(pattern))
    return Failure(.format, "regular expression '\(Quoted.name(text))': \(problem) at character \(at + 1)")
  }

  private var next: Unicode.Scalar? { at < pattern.count ? pattern[at] : nil }

  private mutating func take(_ text: String) -> Bool {
    let wanted = Array(text.unicodeScalars)
    guard at + wanted.count <= pattern.count, Array(pattern[at..<at + wanted.count]) == wanted else {
      return false
    }
    at += wanted.count
    return true
  }

  // MARK: structure

  private mutating func enter(_ what: String) throws {
    depth += 1
    if depth > 64 { throw failure("\(what) nested deeper than 64") }
  }

  private mutating func choice() throws -> PatternNode {
    try enter("groups")
    defer { depth -= 1 }
    var branches = [try sequence()]
    while take("|") { branches.append(try sequence()) }
    return branches.count == 1 ? branches[0] : .choice(branches)
  }

  private mutating func sequence() throws -> PatternNode {
    var parts: [PatternNode] = []
    while let scalar = next, scalar != "|", scalar != ")" {
      guard let atom = try atom() else { continue }
      parts.append(try quantified(atom))
    }
    return parts.isEmpty ? .empty : parts.count == 1 ? parts[0] : .sequence(parts)
  }

  private mutating func quantified(_ atom: PatternNode) throws -> PatternNode {
    var node = atom
    var count = 0
    while let scalar = next {
      var least = 0
      var most = Int.max
      var isCounted = false
      switch scalar {
      case "*": at += 1
      case "+": at += 1; least = 1
      case "?": at += 1; most = 1
      case "{":
        guard let counts = counts() else { return node }
        (least, most) = counts
        isCounted = true
      default: return node
      }
      count += 1
      if count > 8 { throw failure("more than 8 repetitions of one part") }
      if least > most || least > 1000 || (most != Int.max && most > 1000) {
        throw failure("a repetition beyond {0,1000}")
      }
      let mode: RepeatMode = take("?") ? .lazy : !isCounted && take("+") ? .possessive : .greedy
      node = .repeated(node, least: least, most: most, mode: mode)
    }
    return node
  }

  /// `{2}`, `{2,}`, `{,3}` or `{2,3}`; nil, with nothing taken, where the brace is a character.
  private mutating func counts() -> (Int, Int)? {
    let start = at
    at += 1
    let least = number()
    let hasComma = take(",")
    let most = hasComma ? number() : least
    if take("}"), least != nil || most != nil { return (least ?? 0, most ?? Int.max) }
    at = start
    return nil
  }

  private mutating func number() -> Int? {
    var value: Int?
    while let scalar = next, scalar.value >= 48, scalar.value <= 57 {
      value = min(10_000, (value ?? 0) * 10 + Int(scalar.value - 48))
      at += 1
    }
    return value
  }

  private mutating func atom() throws -> PatternNode? {
    guard let scalar = next else { return .empty }
    switch scalar {
    case "(": return try group()
    case "[": return .set(try set())
    case ".":
      at += 1
      var all = ScalarSet(ranges: dotMatchesAll ? [] : [10...10])
      all.negated = true
      return .set(all)
    case "^": at += 1; return .boundary(.lineStart)
    case "$": at += 1; return .boundary(.lineEnd)
    case "\\": return try escape()
    case "*", "+", "?": throw failure("a '\(scalar)' with nothing to repeat")
    default:
      at += 1
      return .set(literal(scalar.value))
    }
  }

  private mutating func group() throws -> PatternNode? {
    at += 1
    let flags = (ignoresCase, dotMatchesAll)
    var wrap: (PatternNode) -> PatternNode = { $0 }
    if take("?") {
      if take(":") {
      } else if take("=") {
        wrap = { .look($0, ahead: true, negated: false) }
      } else if take("!") {
        wrap = { .look($0, ahead: true, negated: true) }
      } else if take("<=") {
        wrap = { .look($0, ahead: false, negated: false) }
      } else if take("<!") {
        wrap = { .look($0, ahead: false, negated: true) }
      } else if take(">") {
        wrap = { .atomic($0) }
      } else if try switches() {
        // Flags hold to the end of the group around them.
        return nil
      }
    }
    let node = try choice()
    if !take(")") { throw failure("an unclosed group") }
    (ignoresCase, dotMatchesAll) = flags
    return wrap(node)
  }

  /// `(?i)` or `(?i:`; true for the former, which has no group of its own.
  private mutating func switches() throws -> Bool {
    var on = true
    while let scalar = next {
      at += 1
      switch scalar {
      case "-": on = false
      case "i": ignoresCase = on
      case "m": dotMatchesAll = on
      case ":": return false
      case ")": return true
      default:
        at -= 1
        throw failure("the group '(?\(scalar)', which is not supported,")
      }
    }
    throw failure("an unclosed group")
  }

  // MARK: classes and escapes

  private func literal(_ value: UInt32) -> ScalarSet {
    var set = ScalarSet(value...value)
    if ignoresCase { for other in CaseFolding.equals(of: value) { set.insert(other...other) } }
    return set
  }

  private mutating func set() throws -> ScalarSet {
    try enter("classes")
    defer { depth -= 1 }
    at += 1
    var set = ScalarSet()
    let negated = take("^")
    var isFirst = true
    while let scalar = next {
      if scalar == "]" && !isFirst {
        at += 1
        set.negated = negated
        return set
      }
      isFirst = false
      if scalar == "&", at + 1 < pattern.count, pattern[at + 1] == "&" {
        throw failure("the set intersection '&&', which is not supported,")
      }
      if scalar == "[" {
        if at + 1 < pattern.count, pattern[at + 1] == ":" {
          set.insert(try posix())
        } else {
          let inner = try self.set()
          if inner.negated { throw failure("a negated class inside of a class, which is not supported,") }
          set.insert(inner)
        }
        continue
      }
      let low = try member()
      guard let from = low.value else { set.insert(low.set); continue }
      if next == "-", at + 1 < pattern.count, pattern[at + 1] != "]" {
        at += 1
        guard let to = try member().value, to >= from else { throw failure("a bad range in a class") }
        set.insert(from...to)
        if ignoresCase {
          if to - from >= 0x400 {
            throw failure("a range of more than 1,024 characters under (?i), not supported,")
          }
          for value in from...to { for other in CaseFolding.equals(of: value) { set.insert(other...other) } }
        }
      } else {
        set.insert(literal(from))
      }
    }
    throw failure("an unclosed class")
  }

  /// One member of a class: a scalar, or a class like `\s`.
  private mutating func member() throws -> (value: UInt32?, set: ScalarSet) {
    guard let scalar = next else { throw failure("an unclosed class") }
    if scalar != "\\" {
      at += 1
      return (scalar.value, ScalarSet())
    }
    if let set = try classEscape() { return (nil, set) }
    return (try scalarEscape(), ScalarSet())
  }

  private mutating func posix() throws -> ScalarSet {
    at += 2
    let negated = take("^")
    var name = ""
    while let scalar = next, scalar != ":" {
      name.unicodeScalars.append(scalar)
      at += 1
    }
    if !take(":]") { throw failure("an unclosed class") }
    switch name {
    case "space": return ScalarSet(properties: ScalarProperties.whiteSpace, negated: negated)
    case "digit": return ScalarSet(properties: ScalarProperties.named["Nd"] ?? 0, negated: negated)
    case "word": return ScalarSet(properties: ScalarProperties.word, negated: negated)
    default: throw failure("the class [:\(Quoted.name(name)):], which is not supported,")
    }
  }

  private mutating func escape() throws -> PatternNode {
    if at + 1 < pattern.count {
      let boundaries: [Unicode.Scalar: Boundary] = [
        "A": .textStart, "z": .textEnd, "Z": .lastLineEnd, "b": .word, "B": .notWord,
      ]
      if let boundary = boundaries[pattern[at + 1]] {
        at += 2
        return .boundary(boundary)
      }
    }
    if let set = try classEscape() { return .set(set) }
    return .set(literal(try scalarEscape()))
  }

  /// `\s` and its like; nil where the escape is one scalar.
  private mutating func classEscape() throws -> ScalarSet? {
    guard at + 1 < pattern.count else { throw failure("a '\\' at the end") }
    let digit = ScalarProperties.named["Nd"] ?? 0
    let hexadecimal: [ClosedRange<UInt32>] = [0x30...0x39, 0x41...0x46, 0x61...0x66]
    let found: ScalarSet
    switch pattern[at + 1] {
    case "s": found = ScalarSet(properties: ScalarProperties.whiteSpace)
    case "S": found = ScalarSet(properties: ScalarProperties.whiteSpace, negated: true)
    case "d": found = ScalarSet(properties: digit)
    case "D": found = ScalarSet(properties: digit, negated: true)
    case "w": found = ScalarSet(properties: ScalarProperties.word)
    case "W": found = ScalarSet(properties: ScalarProperties.word, negated: true)
    case "h": found = ScalarSet(ranges: hexadecimal)
    case "H": found = ScalarSet(ranges: hexadecimal, negated: true)
    case "p", "P": return try property()
    default: return nil
    }
    at += 2
    return found
  }

  private mutating func property() throws -> ScalarSet {
    var negated = pattern[at + 1] == "P"
    at += 2
    if !take("{") { throw failure("a '\\p' without braces") }
    if take("^") { negated.toggle() }
    var name = ""
    while let scalar = next, scalar != "}" {
      name.unicodeScalars.append(scalar)
      at += 1
    }
    if !take("}") { throw failure("an unclosed '\\p{'") }
    if let properties = ScalarProperties.named[name] {
      return ScalarSet(properties: properties, negated: negated)
    }
    if let ranges = Scripts.ranges[name] { return ScalarSet(ranges: ranges, negated: negated) }
    throw failure("the property '\(Quoted.name(name))', which is not supported,")
  }

  private mutating func scalarEscape() throws -> UInt32 {
    at += 1
    guard let scalar = next else { throw failure("a '\\' at the end") }
    at += 1
    switch scalar {
    case "n": return 10
    case "r": return 13
    case "t": return 9
    case "f": return 12
    case "v": return 11
    case "a": return 7
    case "e": return 27
    case "u": return try hexadecimal(4...4)
    case "x":
      if take("{") {
        let value = try hexadecimal(1...8)
        if !take("}") { throw failure("an unclosed '\\x{'") }
        return value
      }
      return try hexadecimal(1...2)
    case "0": return 0
    default:
      if scalar.properties.isAlphabetic || scalar.properties.numericType != nil {
        throw failure("the escape '\\\(scalar)', which is not supported,")
      }
      return scalar.value
    }
  }

  private mutating func hexadecimal(_ digits: ClosedRange<Int>) throws -> UInt32 {
    var value: UInt32 = 0
    var count = 0
    while count < digits.upperBound, let scalar = next, scalar.isASCII,
      let digit = UInt32(String(scalar), radix: 16)
    {
      value = value << 4 | digit
      count += 1
      at += 1
    }
    if count < digits.lowerBound || value > 0x10FFFF { throw failure("a bad hexadecimal escape") }
    return value
  }
}

/// Scalars that differ in case only.
enum CaseFolding {
  /// The others that `(?i)` takes for this one, of those that map to one scalar.
  static func equals(of value: UInt32) -> [UInt32] {
    guard let scalar = Unicode.Scalar(value) else { return [] }
    var found = Set<UInt32>()
    func add(_ text: String) {
      let scalars = text.unicodeScalars
      if scalars.count == 1, let first = scalars.first { found.insert(first.value) }
    }
    add(scalar.properties.lowercaseMapping)
    add(scalar.properties.uppercaseMapping)
    add(scalar.properties.titlecaseMapping)
    // The long s and the Kelvin and Angstrom signs fold to letters that do not map back to them.
    for (letters, other) in [("sS", UInt32(0x17F)), ("kK", 0x212A), ("åÅ", 0x212B)] {
      let members = letters.unicodeScalars.map(\.value) + [other]
      if members.contains(value) { found.formUnion(members) }
    }
    found.remove(value)
    return found.sorted()
  }
}
