/// Parses the statements of a template: what stands between `{%` and `%}`.
import Base

struct TemplateParser {
  var tokens: [TemplateToken]
  let name: String
  var position = 0
  var depth = 0
  /// Identifiers in the order they were met.
  private(set) var names: [String] = []
  private var numbers: [[UInt8]: Int] = [:]
  /// Names that the open macro reads.
  private var read: Set<Int> = []
  private var loops = 0
  /// Inside a condition an unknown filter or test is refused only when it is reached.
  var isLenient = false
  /// The refusals of unknown filters and tests elsewhere.
  var unknown: [Failure] = []

  init(_ text: String, name: String) throws {
    self.name = name
    tokens = try TemplateLexer.tokens(of: text, name: name)
  }

  mutating func template() throws -> [TemplateStatement] {
    let body = try statements(until: [])
    if token.kind != .end { throw failure("unexpected \(described)") }
    if let first = unknown.first { throw first }
    return body
  }

  // MARK: Tokens

  var token: TemplateToken { tokens[min(position, tokens.count - 1)] }
  func peek(_ ahead: Int) -> TemplateToken { tokens[min(position + ahead, tokens.count - 1)] }

  mutating func advance() { position += 1 }

  func failure(_ problem: String) -> Failure { Failure(.format, "\(name): \(problem) (line \(token.line))") }

  var described: String {
    switch token.kind {
    case .text: return "text"
    case .blockBegin: return "'{%'"
    case .blockEnd: return "'%}'"
    case .outputBegin: return "'{{'"
    case .outputEnd: return "'}}'"
    case .name(let word): return "'\(Quoted.name(word))'"
    case .string: return "a string"
    case .integer, .float: return "a number"
    case .mark(let mark): return "'\(mark)'"
    case .end: return "the end of the template"
    }
  }

  func isMark(_ mark: String) -> Bool { token.kind == .mark(mark) }
  func isName(_ word: String) -> Bool { token.kind == .name(word) }

  mutating func skipMark(_ mark: String) -> Bool {
    if isMark(mark) { advance(); return true }
    return false
  }

  mutating func skipName(_ word: String) -> Bool {
    if isName(word) { advance(); return true }
    return false
  }

  mutating func expectMark(_ mark: String) throws {
    if !skipMark(mark) { throw failure("expected '\(mark)', got \(described)") }
  }

  mutating func expectName(_ word: String) throws {
    if !skipName(word) { throw failure("expected '\(word)', got \(described)") }
  }

  mutating func identifier(_ what: String = "a name") throws -> String {
    guard case .name(let word) = token.kind, !(word.utf8.first.map { $0 >= 48 && $0 <= 57 } ?? true) else {
      throw failure("expected \(what), got \(described)")
    }
    advance()
    return word
  }

  mutating func number(of word: String) -> Int {
    let key = Array(word.utf8)
    if let number = numbers[key] { return number }
    numbers[key] = names.count
    names.append(word)
    return names.count - 1
  }

  mutating func reading(_ word: String) -> Int {
    let number = number(of: word)
    read.insert(number)
    return number
  }

  mutating func nested<T>(_ body: (inout TemplateParser) throws -> T) throws -> T {
    depth += 1
    defer { depth -= 1 }
    if depth > Limits.templateNestingMax {
      throw failure("nested deeper than \(Limits.templateNestingMax)")
    }
    return try body(&self)
  }

  // MARK: Statements

  /// Statements up to a tag that begins with one of these words, which is not taken.
  private mutating func statements(until ends: [String]) throws -> [TemplateStatement] {
    var body: [TemplateStatement] = []
    while true {
      try Interrupt.check()
      switch token.kind {
      case .text(let units):
        body.append(.text(TemplateText(units)))
        advance()
      case .outputBegin:
        let line = token.line
        advance()
        body.append(.output(try expressionOrTuple(), line: line))
        if token.kind != .outputEnd { throw failure("expected '}}', got \(described)") }
        advance()
      case .blockBegin:
        advance()
        if case .name(let word) = token.kind, ends.contains(word) { return body }
        if let statement = try nested({ try $0.statement() }) { body.append(statement) }
      default: return body
      }
    }
  }

  private mutating func blockEnd() throws {
    if token.kind != .blockEnd { throw failure("expected '%}', got \(described)") }
    advance()
  }

  /// The statements of a block up to its end tag, which is taken.
  private mutating func body(of tag: String) throws -> [TemplateStatement] {
    try blockEnd()
    let inside = try statements(until: ["end" + tag])
    if token.kind == .end { throw failure("'\(tag)' without 'end\(tag)'") }
    advance()
    try blockEnd()
    return inside
  }

  /// The body of what is called, or of a loop: what is in it is no longer part of a condition.
  private mutating func strictly<T>(_ body: (inout TemplateParser) throws -> T) rethrows -> T {
    let wasLenient = isLenient
    isLenient = false
    defer { isLenient = wasLenient }
    return try body(&self)
  }

  private mutating func outsideLoops<T>(_ body: (inout TemplateParser) throws -> T) rethrows -> T {
    let outer = loops
    loops = 0
    defer { loops = outer }
    return try body(&self)
  }

  private mutating func statement() throws -> TemplateStatement? {
    let line = token.line
    switch try identifier("a tag") {
    case "if": return try conditional(line)
    case "for": return try strictly { try $0.loop(line) }
    case "set": return try set(line)
    case "with": return try with(line)
    case "macro": return try strictly { try .macro($0.macro()) }
    case "call": return try callBlock(line)
    case "filter": return try filterBlock(line)
    case "generation":
      return try strictly { try $0.outsideLoops { .generation(try $0.body(of: "generation")) } }
    case "print":
      let value = try expressionOrTuple()
      try blockEnd()
      return .output(value, line: line)
    case let word where word == "break" || word == "continue":
      if loops == 0 { throw failure("'\(word)' outside of a loop") }
      try blockEnd()
      return word == "break" ? .breakLoop : .continueLoop
    case let word:
      position -= 1
      let unsupported = ["block", "extends", "include", "import", "from", "autoescape"]
      throw failure(
        unsupported.contains(word)
          ? "the tag '\(word)' is not supported: a chat template is one file"
          : "unknown tag '\(Quoted.name(word))'")
    }
  }

  private mutating func conditional(_ line: Int) throws -> TemplateStatement {
    let wasLenient = isLenient
    isLenient = true
    defer { isLenient = wasLenient }
    var branches: [(condition: TemplateExpression, body: [TemplateStatement])] = []
    var otherwise: [TemplateStatement] = []
    while true {
      let condition = try expressionOrTuple(withConditional: false)
      try blockEnd()
      branches.append((condition, try statements(until: ["elif", "else", "endif"])))
      if skipName("elif") { continue }
      if skipName("else") {
        try blockEnd()
        otherwise = try statements(until: ["endif"])
      }
      if !skipName("endif") { throw failure("'if' without 'endif'") }
      try blockEnd()
      return .conditional(branches, otherwise, line: line)
    }
  }

  private mutating func loop(_ line: Int) throws -> TemplateStatement {
    let target = try target(ends: ["in"])
    try expectName("in")
    let list = try expressionOrTuple(withConditional: false, ends: ["recursive"])
    let condition = skipName("if") ? try expression() : nil
    let isRecursive = skipName("recursive")
    try blockEnd()
    loops += 1
    let inside = try statements(until: ["else", "endfor"])
    loops -= 1
    var otherwise: [TemplateStatement] = []
    if skipName("else") {
      try blockEnd()
      otherwise = try statements(until: ["endfor"])
    }
    if !skipName("endfor") { throw failure("'for' without 'endfor'") }
    try blockEnd()
    return .loop(
      TemplateLoop(
        target: target, list: list, condition: condition, isRecursive: isRecursive, body: inside,
        otherwise: otherwise, line: line))
  }

  /// A name, a tuple of names, or `namespace.name`.
  private mutating func target(ends: [String] = [], withNamespace: Bool = false) throws -> TemplateTarget {
    if withNamespace, case .name = token.kind, peek(1).kind == .mark(".") {
      let space = reading(try identifier())
      advance()
      return .attribute(space, try identifier("an attribute"))
    }
    var parts: [TemplateTarget] = []
    var isTuple = false
    while true {
      if skipMark("(") {
        parts.append(try nested { try $0.target(withNamespace: withNamespace) })
        try expectMark(")")
      } else {
        let word = try identifier("a variable")
        if ["true", "false", "none", "True", "False", "None"].contains(word) {
          throw failure("cannot assign to '\(word)'")
        }
        parts.append(.name(number(of: word)))
      }
      if !skipMark(",") { break }
      isTuple = true
      if case .name(let word) = token.kind { if ends.contains(word) { break } } else if !isMark("(") { break }
    }
    return isTuple ? .tuple(parts) : parts[0]
  }

  private mutating func set(_ line: Int) throws -> TemplateStatement {
    let target = try target(withNamespace: true)
    if skipMark("=") {
      let value = try expressionOrTuple()
      try blockEnd()
      return .set(target, value, line: line)
    }
    let filters = isMark("|") ? try self.filters() : []
    return .setBlock(target, filters, try strictly { try $0.body(of: "set") }, line: line)
  }

  private mutating func with(_ line: Int) throws -> TemplateStatement {
    var pairs: [(TemplateTarget, TemplateExpression)] = []
    while token.kind != .blockEnd {
      if !pairs.isEmpty { try expectMark(",") }
      let target = TemplateTarget.name(number(of: try identifier("a variable")))
      try expectMark("=")
      pairs.append((target, try expression()))
    }
    return .with(pairs, try strictly { try $0.body(of: "with") }, line: line)
  }

  private mutating func parameters() throws -> [(name: Int, text: String, standard: TemplateExpression?)] {
    var list: [(name: Int, text: String, standard: TemplateExpression?)] = []
    try expectMark("(")
    while !isMark(")") {
      if !list.isEmpty { try expectMark(",") }
      let word = try identifier("a parameter")
      let standard = skipMark("=") ? try expression() : nil
      if standard == nil, list.last?.standard != nil {
        throw failure("a parameter without default follows one with a default")
      }
      list.append((number(of: word), word, standard))
    }
    advance()
    return list
  }

  private mutating func macro() throws -> TemplateMacro {
    let name = number(of: try identifier("the name of a macro"))
    return try called(name, parameters: parameters(), tag: "macro")
  }

  private mutating func called(
    _ name: Int, parameters: [(name: Int, text: String, standard: TemplateExpression?)], tag: String
  ) throws -> TemplateMacro {
    let outer = read
    read = []
    let body = try outsideLoops { try $0.body(of: tag) }
    let inside = read
    read = outer.union(inside)
    func reads(_ word: String) -> Bool { numbers[Array(word.utf8)].map(inside.contains) ?? false }
    return TemplateMacro(
      name: name, parameters: parameters, body: body, readsCaller: reads("caller"),
      readsRest: reads("varargs"), readsNamedRest: reads("kwargs"))
  }

  private mutating func callBlock(_ line: Int) throws -> TemplateStatement {
    let parameters = isMark("(") ? try self.parameters() : []
    let callee = try expression()
    guard case .chain(_, let suffixes) = callee, case .call? = suffixes.last else {
      throw failure("expected a call after 'call'")
    }
    let name = number(of: "caller")
    return .callBlock(
      callee, try strictly { try $0.called(name, parameters: parameters, tag: "call") }, line: line)
  }

  private mutating func filterBlock(_ line: Int) throws -> TemplateStatement {
    let first = try filter()
    let filters = isMark("|") ? try self.filters() : []
    return .filterBlock([first] + filters, try strictly { try $0.body(of: "filter") }, line: line)
  }
}
