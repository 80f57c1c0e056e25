/// Parses the expressions of templates, with Jinja's precedences.
///
/// From loose to tight: `a if b else c`, `or`, `and`, `not`, comparisons and `in`, `+ -`, `~`, `* / // %`, `**`,
/// signs, then `.name [item] (call)`, then `|filter` and `is test`.
import Base

extension TemplateParser {
  mutating func expression(withConditional: Bool = true) throws -> TemplateExpression {
    try nested { try withConditional ? $0.conditionalExpression() : $0.disjunction() }
  }

  /// An expression, or several with commas: a tuple without brackets.
  mutating func expressionOrTuple(withConditional: Bool = true, ends: [String] = [], inBrackets: Bool = false)
    throws -> TemplateExpression
  {
    var parts: [TemplateExpression] = []
    var isTuple = false
    while true {
      if !parts.isEmpty { try expectMark(",") }
      if isTupleEnd(ends) { break }
      parts.append(try expression(withConditional: withConditional))
      if !isMark(",") { break }
      isTuple = true
    }
    if !isTuple, let only = parts.first { return only }
    if !isTuple && !inBrackets { throw failure("expected an expression, got \(described)") }
    return .tuple(parts)
  }

  private func isTupleEnd(_ ends: [String]) -> Bool {
    switch token.kind {
    case .outputEnd, .blockEnd, .mark(")"): return true
    case .name(let word): return ends.contains(word)
    default: return false
    }
  }

  private mutating func conditionalExpression() throws -> TemplateExpression {
    let (wasLenient, unknownBefore) = (isLenient, unknown.count)
    defer { isLenient = wasLenient }
    var value = try disjunction()
    var links = 0
    while skipName("if") {
      // Only now is it known that what is before `if` is part of a condition.
      unknown.removeLast(unknown.count - unknownBefore)
      isLenient = true
      links += 1
      if links > 4 { throw failure("more than 4 conditions without brackets") }
      let condition = try disjunction()
      let otherwise = skipName("else") ? try nested { try $0.conditionalExpression() } : nil
      value = .conditional(condition: condition, then: value, otherwise: otherwise)
    }
    return value
  }

  private mutating func disjunction() throws -> TemplateExpression {
    var parts = [try conjunction()]
    while skipName("or") { parts.append(try conjunction()) }
    return parts.count == 1 ? parts[0] : .or(parts)
  }

  private mutating func conjunction() throws -> TemplateExpression {
    var parts = [try negation()]
    while skipName("and") { parts.append(try negation()) }
    return parts.count == 1 ? parts[0] : .and(parts)
  }

  private mutating func negation() throws -> TemplateExpression {
    if skipName("not") { return .not(try nested { try $0.negation() }) }
    return try comparison()
  }

  private mutating func comparison() throws -> TemplateExpression {
    let first = try sum()
    var rest: [(sign: String, TemplateExpression)] = []
    while true {
      if case .mark(let mark) = token.kind, ["==", "!=", "<", "<=", ">", ">="].contains(mark) {
        advance()
        rest.append((mark, try sum()))
      } else if skipName("in") {
        rest.append(("in", try sum()))
      } else if isName("not"), peek(1).kind == .name("in") {
        position += 2
        rest.append(("not in", try sum()))
      } else {
        return rest.isEmpty ? first : .comparison(first, rest)
      }
    }
  }

  private mutating func arithmetic(
    _ signs: [String], _ part: (inout TemplateParser) throws -> TemplateExpression
  ) throws -> TemplateExpression {
    let first = try part(&self)
    var rest: [(sign: String, TemplateExpression)] = []
    while case .mark(let mark) = token.kind, signs.contains(mark) {
      advance()
      rest.append((mark, try part(&self)))
    }
    return rest.isEmpty ? first : .arithmetic(first, rest)
  }

  private mutating func sum() throws -> TemplateExpression {
    try arithmetic(["+", "-"]) { try $0.joined() }
  }

  private mutating func joined() throws -> TemplateExpression {
    var parts = [try product()]
    while skipMark("~") { parts.append(try product()) }
    return parts.count == 1 ? parts[0] : .joined(parts)
  }

  private mutating func product() throws -> TemplateExpression {
    try arithmetic(["*", "/", "//", "%"]) { try $0.arithmetic(["**"]) { try $0.signed() } }
  }

  private mutating func signed(withFilters: Bool = true) throws -> TemplateExpression {
    var value: TemplateExpression
    if skipMark("-") {
      value = .negative(try nested { try $0.signed(withFilters: false) })
    } else if skipMark("+") {
      value = .positive(try nested { try $0.signed(withFilters: false) })
    } else {
      value = try primary()
    }
    var suffixes: [TemplateSuffix] = []
    try appendPostfix(to: &suffixes)
    if withFilters { try appendFilters(to: &suffixes) }
    if !suffixes.isEmpty { value = .chain(value, suffixes) }
    return value
  }

  // MARK: Primary

  private mutating func primary() throws -> TemplateExpression {
    switch token.kind {
    case .name(let word):
      switch word {
      case "true", "True": advance(); return .constant(.bool(true))
      case "false", "False": advance(); return .constant(.bool(false))
      case "none", "None": advance(); return .constant(.none)
      default: return .name(reading(try identifier()))
      }
    case .string(let units):
      var text = units
      advance()
      while case .string(let more) = token.kind {
        text += more
        advance()
      }
      return .constant(.text(TemplateText(text)))
    case .integer(let value): advance(); return .constant(.int(value))
    case .float(let value): advance(); return .constant(.float(value))
    case .mark("("):
      advance()
      let value = try nested { try $0.expressionOrTuple(inBrackets: true) }
      try expectMark(")")
      return value
    case .mark("["): return try nested { try .list($0.elements()) }
    case .mark("{"): return try nested { try $0.dictionary() }
    default: throw failure("expected an expression, got \(described)")
    }
  }

  private mutating func elements() throws -> [TemplateExpression] {
    advance()
    var parts: [TemplateExpression] = []
    while !isMark("]") {
      if !parts.isEmpty { try expectMark(",") }
      if isMark("]") { break }
      parts.append(try expression())
    }
    try expectMark("]")
    return parts
  }

  private mutating func dictionary() throws -> TemplateExpression {
    advance()
    var parts: [(key: TemplateExpression, value: TemplateExpression)] = []
    while !isMark("}") {
      if !parts.isEmpty { try expectMark(",") }
      if isMark("}") { break }
      let key = try expression()
      try expectMark(":")
      parts.append((key, try expression()))
    }
    try expectMark("}")
    return .dict(parts)
  }

  // MARK: Suffixes

  private mutating func appendPostfix(to suffixes: inout [TemplateSuffix]) throws {
    while true {
      if isMark(".") {
        advance()
        if case .integer(let position) = token.kind {
          advance()
          suffixes.append(.item(.constant(.int(position))))
        } else {
          suffixes.append(.attribute(try identifier("an attribute")))
        }
      } else if isMark("[") {
        advance()
        suffixes.append(try nested { try $0.subscription() })
      } else if isMark("(") {
        suffixes.append(.call(try arguments()))
      } else {
        return
      }
    }
  }

  /// What is between `[` and `]`, of which the first is taken.
  private mutating func subscription() throws -> TemplateSuffix {
    func isEnd(_ parser: TemplateParser) -> Bool { parser.isMark(":") || parser.isMark("]") }
    if skipMark("]") { return .item(.tuple([])) }
    var bounds: [TemplateExpression?] = [isEnd(self) ? nil : try expression()]
    if let only = bounds[0], skipMark("]") { return .item(only) }
    if isMark(",") {
      var parts = bounds.compactMap { $0 }
      while skipMark(",") { if !isMark("]") { parts.append(try expression()) } }
      try expectMark("]")
      return .item(.tuple(parts))
    }
    while bounds.count < 3, skipMark(":") { bounds.append(isEnd(self) ? nil : try expression()) }
    try expectMark("]")
    return .slice(bounds[0], bounds[1], bounds.count > 2 ? bounds[2] : nil)
  }

  private mutating func appendFilters(to suffixes: inout [TemplateSuffix]) throws {
    while true {
      if skipMark("|") {
        suffixes.append(try filter())
      } else if skipName("is") {
        suffixes.append(try test())
      } else if isMark("(") {
        suffixes.append(.call(try arguments()))
      } else {
        return
      }
    }
  }

  /// `|a|b(1)`, from the first bar.
  mutating func filters() throws -> [TemplateSuffix] {
    var list: [TemplateSuffix] = []
    while skipMark("|") { list.append(try filter()) }
    return list
  }

  private mutating func dottedName(_ what: String) throws -> String {
    var word = try identifier(what)
    while skipMark(".") { word += "." + (try identifier(what)) }
    return word
  }

  /// A filter, of which the bar is taken.
  mutating func filter() throws -> TemplateSuffix {
    let word = try dottedName("a filter")
    if !isLenient && !TemplateFilters.names.contains(word) {
      unknown.append(failure("No filter named '\(Quoted.name(word))'."))
    }
    return .filter(word, isMark("(") ? try arguments() : TemplateArguments())
  }

  private mutating func test() throws -> TemplateSuffix {
    let isNegated = skipName("not")
    let word = try dottedName("a test")
    if !isLenient && !TemplateTests.names.contains(word) {
      unknown.append(failure("No test named '\(Quoted.name(word))'."))
    }
    var given = TemplateArguments()
    switch token.kind {
    case .mark("("): given = try arguments()
    case .name(let next) where ["else", "or", "and"].contains(next): break
    case .name("is"): throw failure("tests cannot be chained with 'is'")
    case .name, .string, .integer, .float, .mark("["), .mark("{"):
      let value = try primary()
      var suffixes: [TemplateSuffix] = []
      try appendPostfix(to: &suffixes)
      given.positional = [suffixes.isEmpty ? value : .chain(value, suffixes)]
    default: break
    }
    return .test(word, given, isNegated: isNegated)
  }

  private mutating func arguments() throws -> TemplateArguments {
    try expectMark("(")
    var given = TemplateArguments()
    var isFirst = true
    while !isMark(")") {
      if !isFirst { try expectMark(",") }
      if isMark(")") { break }
      isFirst = false
      if skipMark("**") {
        if given.dict != nil { throw failure("a second '**' among the arguments") }
        given.dict = try expression()
      } else if skipMark("*") {
        if given.list != nil { throw failure("a second '*' among the arguments") }
        given.list = try expression()
      } else if case .name(let word) = token.kind, peek(1).kind == .mark("=") {
        position += 2
        given.named.append((word, try expression()))
      } else {
        if !given.named.isEmpty || given.dict != nil || given.list != nil {
          throw failure("a positional argument after a named one")
        }
        given.positional.append(try expression())
      }
    }
    advance()
    return given
  }
}
