/// Renders the statements of a template.
///
/// Scopes, namespaces, loops and macros live in tables that are freed with the renderer, and values refer to
/// them by number: nothing that a template builds can be cyclic, or too deep to be freed. Work is counted,
/// one unit for each scalar that is copied and for each step, and more for what takes memory of its own. It has
/// a limit that grows with the input, so an exploding template ends with an error.
import Base

final class TemplateRenderer {
  enum Flow { case goesOn, breaks, continues }

  struct Scope {
    let parent: Int
    var values: [Int: TemplateValue] = [:]
  }

  struct Macro {
    let syntax: TemplateMacro
    let scope: Int
  }

  struct Loop {
    let syntax: TemplateLoop
    let scope: Int
    let items: [TemplateValue]
    let depth: Int
    var index = 0
    /// The scope of a loop that has ended may be another's by now.
    var isRunning = true
    var changed: [TemplateValue]?
  }

  /// A cycler or joiner: its items, and how often it was asked.
  struct Cell {
    let items: [TemplateValue]
    var asked = 0
  }

  let names: [String]
  let clock: TemplateClock
  var scopes: [Scope] = []
  var macros: [Macro] = []
  var loops: [Loop] = []
  var namespaces: [[String: TemplateValue]] = []
  var cells: [Cell] = []
  var output: [UInt32] = []
  var line = 1
  private var depth = 0
  private var work = 0
  private var steps = 0
  private let workMax: Int
  private let callerName: Int?
  private let loopName: Int?

  init(names: [String], variables: [Int: TemplateValue], clock: TemplateClock, workMax: Int) {
    self.names = names
    self.clock = clock
    self.workMax = workMax
    callerName = names.firstIndex(of: "caller")
    loopName = names.firstIndex(of: "loop")
    var globals: [Int: TemplateValue] = [:]
    for function in TemplateFunction.allCases {
      if let name = names.firstIndex(of: function.rawValue) { globals[name] = .function(function) }
    }
    scopes = [Scope(parent: -1, values: globals), Scope(parent: 0, values: variables), Scope(parent: 1)]
  }

  func render(_ body: [TemplateStatement]) throws -> TemplateText {
    _ = try run(body, in: 2)
    return TemplateText(output)
  }

  // MARK: Bounds

  func charge(_ units: Int) throws {
    let (sum, over) = work.addingReportingOverflow(units)
    work = sum
    if over || work > workMax {
      throw Failure(.value, "the template does too much work: more than \(workMax) units for this input")
    }
  }

  func step() throws {
    try charge(1)
    steps &+= 1
    if steps & 0xFFF == 0 { try Interrupt.check() }
  }

  func nested<T>(_ body: () throws -> T) throws -> T {
    depth += 1
    defer { depth -= 1 }
    if depth > Limits.templateDepthMax {
      throw Failure(.value, "the template calls itself deeper than \(Limits.templateDepthMax)")
    }
    return try body()
  }

  /// Charges what going through a whole value costs. A value that shares its parts is small in memory and can be huge
  /// in print: this ends before anything of that size is made.
  func measure(_ value: TemplateValue) throws {
    switch value {
    case .text(let text): try charge(2 * text.count + 1)
    case .list(let list):
      try charge(32)
      for element in list.elements { try measure(element) }
    case .dict(let dict):
      try charge(32)
      for (key, value) in dict.pairs {
        try measure(key)
        try measure(value)
      }
    default: try charge(32)
    }
  }

  func printed(_ value: TemplateValue) throws -> TemplateText {
    if case .text(let text) = value { return text }
    try measure(value)
    return value.printed
  }

  /// Charges a search for `part` in a text.
  func chargeSearch(_ text: TemplateText, _ part: TemplateText) throws {
    let (product, over) = text.count.multipliedReportingOverflow(by: 1 + part.count / 8)
    try charge(over ? .max : product)
  }

  func text(_ units: [UInt32]) throws -> TemplateValue {
    try charge(units.count)
    return .text(TemplateText(units))
  }

  // MARK: Scopes

  func value(of name: Int, in scope: Int) -> TemplateValue {
    var scope = scope
    while scope >= 0 {
      if let value = scopes[scope].values[name] { return value }
      scope = scopes[scope].parent
    }
    return .undefined("'\(names[name])' is undefined")
  }

  /// Runs with a scope of its own, which is freed afterwards unless a macro was made that may refer to it.
  func scoped<T>(under parent: Int, _ body: (Int) throws -> T) throws -> T {
    let (scope, macroCount) = (scopes.count, macros.count)
    try charge(32)
    scopes.append(Scope(parent: parent))
    defer { if macros.count == macroCount { scopes.removeLast(scopes.count - scope) } }
    return try body(scope)
  }

  func assign(_ value: TemplateValue, to target: TemplateTarget, in scope: Int) throws {
    switch target {
    case .name(let name): scopes[scope].values[name] = value
    case .tuple(let targets):
      let parts = try elements(of: value)
      if parts.count != targets.count {
        throw Failure(
          .value,
          parts.count > targets.count
            ? "too many values to unpack (expected \(targets.count))"
            : "not enough values to unpack (expected \(targets.count), got \(parts.count))")
      }
      for (target, part) in zip(targets, parts) { try assign(part, to: target, in: scope) }
    case .attribute(let name, let attribute):
      guard case .namespace(let space) = self.value(of: name, in: scope) else {
        throw Failure(.value, "cannot assign attribute on non-namespace object")
      }
      try checkAttribute(attribute)
      namespaces[space][attribute] = value
    }
  }

  func checkAttribute(_ name: String) throws {
    if name.hasPrefix("_") {
      throw Failure(
        .value,
        "Chat templates cannot store underscore-prefixed attributes on a namespace, but got '\(name)'. "
          + "Please rename the attribute.")
    }
  }

  // MARK: Statements

  func run(_ body: [TemplateStatement], in scope: Int) throws -> Flow {
    for statement in body {
      let flow = try run(statement, in: scope)
      if flow != .goesOn { return flow }
    }
    return .goesOn
  }

  /// What a body prints, as a text of its own.
  func captured(_ body: [TemplateStatement], in scope: Int) throws -> TemplateText {
    let outer = output
    output = []
    defer { output = outer }
    _ = try nested { try run(body, in: scope) }
    return TemplateText(output)
  }

  func write(_ text: TemplateText) throws {
    try charge(text.count)
    output += text.units
  }

  private func run(_ statement: TemplateStatement, in scope: Int) throws -> Flow {
    try step()
    switch statement {
    case .text(let text): try write(text)
    case .output(let expression, let line):
      self.line = line
      try write(printed(evaluate(expression, in: scope)))
    case .conditional(let branches, let otherwise, let line):
      return try nested { try conditional(branches, otherwise, line, scope) }
    case .loop(let loop):
      line = loop.line
      try nested { try run(loop, under: scope, depth: 1) }
    case .set(let target, let expression, let line):
      self.line = line
      try assign(evaluate(expression, in: scope), to: target, in: scope)
    case .setBlock(let target, let filters, let body, let line):
      let text = try scoped(under: scope) { try captured(body, in: $0) }
      self.line = line
      try assign(evaluate(.text(text), filters, in: scope), to: target, in: scope)
    case .with(let pairs, let body, let line):
      self.line = line
      return try nested { try with(pairs, body, scope) }
    case .macro(let macro):
      scopes[scope].values[macro.name] = try make(macro, in: scope)
    case .callBlock(let callee, let body, let line):
      self.line = line
      try callBlock(callee, body, scope)
    case .filterBlock(let filters, let body, let line):
      let text = try scoped(under: scope) { try captured(body, in: $0) }
      self.line = line
      try write(printed(evaluate(.text(text), filters, in: scope)))
    case .generation(let body):
      let text = try scoped(under: scope) { try captured(body, in: $0) }
      try write(text.with(marks: TemplateText.generatedBit))
    case .breakLoop: return .breaks
    case .continueLoop: return .continues
    }
    return .goesOn
  }

  private func conditional(
    _ branches: [(condition: TemplateExpression, body: [TemplateStatement])],
    _ otherwise: [TemplateStatement], _ line: Int, _ scope: Int
  ) throws -> Flow {
    for branch in branches {
      self.line = line
      if try evaluate(branch.condition, in: scope).isTrue { return try run(branch.body, in: scope) }
    }
    return try run(otherwise, in: scope)
  }

  private func with(
    _ pairs: [(TemplateTarget, TemplateExpression)], _ body: [TemplateStatement], _ scope: Int
  )
    throws -> Flow
  {
    let values = try pairs.map { try evaluate($0.1, in: scope) }
    return try scoped(under: scope) { inner in
      for (pair, value) in zip(pairs, values) { try assign(value, to: pair.0, in: inner) }
      return try run(body, in: inner)
    }
  }

  private func make(_ macro: TemplateMacro, in scope: Int) throws -> TemplateValue {
    try charge(128)
    macros.append(Macro(syntax: macro, scope: scope))
    return .macro(macros.count - 1)
  }

  private func callBlock(_ callee: TemplateExpression, _ body: TemplateMacro, _ scope: Int) throws {
    guard case .chain(let base, let suffixes) = callee, case .call(let arguments)? = suffixes.last else {
      return
    }
    let function = try evaluate(.chain(base, Array(suffixes.dropLast())), in: scope)
    var given = try self.arguments(arguments, in: scope)
    given.caller = try make(body, in: scope)
    try write(printed(call(function, given)))
  }

  // MARK: Loops

  /// Runs a loop; `list` replaces its own in a recursive call.
  func run(_ loop: TemplateLoop, under scope: Int, depth: Int, over list: TemplateValue? = nil) throws {
    var items = try elements(of: list ?? evaluate(loop.list, in: scope))
    if let condition = loop.condition {
      items = try items.filter { item in
        try step()
        return try scoped(under: scope) { inner in
          if let loopName {
            scopes[inner].values[loopName] = .undefined(
              "'loop' is undefined in the condition of its own loop")
          }
          try assign(item, to: loop.target, in: inner)
          return try evaluate(condition, in: inner).isTrue
        }
      }
    }
    try charge(256 + items.count)
    let number = loops.count
    loops.append(Loop(syntax: loop, scope: scope, items: items, depth: depth))
    for (i, item) in items.enumerated() {
      loops[number].index = i
      try step()
      let flow = try scoped(under: scope) { inner in
        if let loopName { scopes[inner].values[loopName] = .loop(number) }
        try assign(item, to: loop.target, in: inner)
        return try run(loop.body, in: inner)
      }
      if flow == .breaks { break }
    }
    loops[number].isRunning = false
    if items.isEmpty { _ = try scoped(under: scope) { try run(loop.otherwise, in: $0) } }
  }

  /// What `for` goes over.
  func elements(of value: TemplateValue) throws -> [TemplateValue] {
    switch value {
    case .undefined: return []
    case .list(let list):
      try charge(list.elements.count)
      return list.elements
    case .dict(let dict):
      try charge(dict.keys.count)
      return dict.keys
    case .text(let text):
      try charge(8 * text.count)
      return text.units.map { .text(TemplateText([$0])) }
    default: throw Failure(.value, "'\(value.typeName)' object is not iterable")
    }
  }

  // MARK: Calls

  /// The text that a macro prints.
  func call(_ number: Int, _ given: CallArguments) throws -> TemplateValue {
    let macro = macros[number]
    let syntax = macro.syntax
    return try nested {
      try scoped(under: macro.scope) { scope in
        try bind(given, to: syntax, in: scope)
        return .text(try captured(syntax.body, in: scope))
      }
    }
  }

  private func bind(_ given: CallArguments, to macro: TemplateMacro, in scope: Int) throws {
    let name = names[macro.name]
    var named = given.named
    var missing: [Int] = []
    for (i, parameter) in macro.parameters.enumerated() {
      if i < given.positional.count {
        scopes[scope].values[parameter.name] = given.positional[i]
      } else if let place = named.firstIndex(where: { $0.name == parameter.text }) {
        scopes[scope].values[parameter.name] = named.remove(at: place).value
      } else {
        scopes[scope].values[parameter.name] = .undefined("parameter '\(parameter.text)' was not provided")
        missing.append(i)
      }
    }
    for i in missing {
      if let standard = macro.parameters[i].standard {
        scopes[scope].values[macro.parameters[i].name] = try evaluate(standard, in: scope)
      }
    }
    if given.caller != nil, !macro.readsCaller {
      throw Failure(.value, "macro '\(name)' takes no keyword argument 'caller'")
    }
    if macro.readsCaller, let callerName {
      scopes[scope].values[callerName] = given.caller ?? .undefined("No caller defined")
    }
    let rest = Array(given.positional.dropFirst(macro.parameters.count))
    if macro.readsRest, let place = names.firstIndex(of: "varargs") {
      scopes[scope].values[place] = try .tuple(rest)
    } else if !rest.isEmpty {
      throw Failure(.value, "macro '\(name)' takes not more than \(macro.parameters.count) argument(s)")
    }
    if macro.readsNamedRest, let place = names.firstIndex(of: "kwargs") {
      scopes[scope].values[place] = .dict(try TemplateDict(named.map { (.string($0.name), $0.value) }))
    } else if let first = named.first {
      throw Failure(.value, "macro '\(name)' takes no keyword argument '\(first.name)'")
    }
  }
}
