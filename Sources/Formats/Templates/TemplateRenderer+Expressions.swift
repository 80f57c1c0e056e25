/// Evaluates the expressions of templates.
import Base

/// The values of the arguments of a call.
struct CallArguments {
  var positional: [TemplateValue] = []
  var named: [(name: String, value: TemplateValue)] = []
  var caller: TemplateValue?

  /// The arguments by the names of the parameters of `function`; nil where none was given.
  func bound(to parameters: [String], of function: String) throws -> [TemplateValue?] {
    if positional.count > parameters.count {
      throw Failure(
        .value, "\(function)() takes \(parameters.count) arguments but \(positional.count) were given")
    }
    var values =
      positional.map(Optional.some)
      + [TemplateValue?](
        repeating: nil, count: parameters.count - positional.count)
    for (name, value) in named {
      guard let place = parameters.firstIndex(of: name) else {
        throw Failure(.value, "\(function)() got an unexpected keyword argument '\(name)'")
      }
      if values[place] != nil {
        throw Failure(.value, "\(function)() got multiple values for argument '\(name)'")
      }
      values[place] = value
    }
    return values
  }
}

extension TemplateRenderer {
  func evaluate(_ expression: TemplateExpression, in scope: Int) throws -> TemplateValue {
    switch expression {
    case .constant(let value): return value
    case .name(let name):
      try step()
      return value(of: name, in: scope)
    default: return try nested { try compound(expression, scope) }
    }
  }

  private func all(_ list: [TemplateExpression], _ scope: Int) throws -> [TemplateValue] {
    try charge(list.count)
    return try list.map { try evaluate($0, in: scope) }
  }

  private func compound(_ expression: TemplateExpression, _ scope: Int) throws -> TemplateValue {
    try step()
    switch expression {
    case .list(let list): return try .list(all(list, scope))
    case .tuple(let list): return try .tuple(all(list, scope))
    case .dict(let pairs):
      return .dict(
        try TemplateDict(
          pairs.map { pair in
            let key = try evaluate(pair.key, in: scope)
            try measure(key)
            return (key, try evaluate(pair.value, in: scope))
          }))
    case .conditional(let condition, let then, let otherwise):
      if try evaluate(condition, in: scope).isTrue { return try evaluate(then, in: scope) }
      return try otherwise.map { try evaluate($0, in: scope) }
        ?? .undefined("the inline if-expression evaluated to false and no else section was defined.")
    case .and(let parts): return try logical(parts, endsAt: false, scope)
    case .or(let parts): return try logical(parts, endsAt: true, scope)
    case .not(let part): return .bool(try !evaluate(part, in: scope).isTrue)
    case .negative(let part): return try signed(evaluate(part, in: scope), isNegative: true)
    case .positive(let part): return try signed(evaluate(part, in: scope), isNegative: false)
    case .comparison(let first, let rest): return try comparison(first, rest, scope)
    case .arithmetic(let first, let rest):
      var value = try evaluate(first, in: scope)
      for (sign, part) in rest { value = try arithmetic(value, sign, evaluate(part, in: scope)) }
      return value
    case .joined(let parts):
      var units: [UInt32] = []
      for part in parts {
        units += try printed(evaluate(part, in: scope)).units
        try charge(units.count / 4)
      }
      return try text(units)
    case .chain(let base, let suffixes): return try evaluate(evaluate(base, in: scope), suffixes, in: scope)
    case .constant, .name: return try evaluate(expression, in: scope)
    }
  }

  private func logical(_ parts: [TemplateExpression], endsAt end: Bool, _ scope: Int) throws -> TemplateValue
  {
    var value = TemplateValue.none
    for part in parts {
      value = try evaluate(part, in: scope)
      if value.isTrue == end { break }
    }
    return value
  }

  private func signed(_ value: TemplateValue, isNegative: Bool) throws -> TemplateValue {
    try value.requireDefined()
    if case .float(let x) = value { return .float(isNegative ? -x : x) }
    guard let whole = value.whole else {
      throw Failure(.value, "bad operand type for unary \(isNegative ? "-" : "+"): '\(value.typeName)'")
    }
    return isNegative ? try arithmetic(.int(0), "-", .int(whole)) : .int(whole)
  }

  private func comparison(
    _ first: TemplateExpression, _ rest: [(sign: String, TemplateExpression)], _ scope: Int
  ) throws -> TemplateValue {
    var left = try evaluate(first, in: scope)
    for (sign, part) in rest {
      let right = try evaluate(part, in: scope)
      if try !holds(left, sign, right) { return .bool(false) }
      left = right
    }
    return .bool(true)
  }

  func holds(_ a: TemplateValue, _ sign: String, _ b: TemplateValue) throws -> Bool {
    try measureBoth(a, b)
    switch sign {
    case "==": return try a.equals(b)
    case "!=": return try !a.equals(b)
    case "<": return try a.precedes(b)
    case ">": return try b.precedes(a, ">")
    case "<=": return try a.equals(b) && isOrdered(a, b) || a.precedes(b, sign)
    case ">=": return try a.equals(b) && isOrdered(a, b) || b.precedes(a, sign)
    case "in": return try contains(b, a)
    default: return try !contains(b, a)
    }
  }

  private func isOrdered(_ a: TemplateValue, _ b: TemplateValue) throws -> Bool {
    _ = try a.precedes(b)
    return true
  }

  /// Charges a comparison.
  private func measureBoth(_ a: TemplateValue, _ b: TemplateValue) throws {
    switch (a, b) {
    case (.text(let x), .text(let y)): try charge(min(x.count, y.count))
    case (.list, _), (.dict, _):
      try measure(a)
      try measure(b)
    default: break
    }
  }

  /// `item in container`.
  func contains(_ container: TemplateValue, _ item: TemplateValue) throws -> Bool {
    switch container {
    case .undefined: return false
    case .text(let text):
      guard let part = item.asText else {
        throw Failure(.value, "'in <string>' requires string as left operand, not \(item.typeName)")
      }
      try chargeSearch(text, part)
      return text.find(part) != nil
    case .list(let list):
      return try list.elements.contains {
        try charge(1)
        try measureBoth($0, item)
        return try $0.equals(item)
      }
    case .dict(let dict):
      try measure(item)
      try charge(dict.keys.count)
      _ = try item.dictionaryKey()
      return try dict.value(item) != nil
    default: throw Failure(.value, "argument of type '\(container.typeName)' is not iterable")
    }
  }

  // MARK: Suffixes

  func evaluate(_ value: TemplateValue, _ suffixes: [TemplateSuffix], in scope: Int) throws -> TemplateValue {
    var value = value
    for suffix in suffixes {
      try step()
      value = try evaluate(value, suffix, scope)
    }
    return value
  }

  private func evaluate(_ value: TemplateValue, _ suffix: TemplateSuffix, _ scope: Int) throws
    -> TemplateValue
  {
    switch suffix {
    case .attribute(let name): return try attribute(value, name)
    case .item(let key): return try item(value, evaluate(key, in: scope))
    case .slice(let from, let to, let by):
      let bounds = try [from, to, by].map { try $0.map { try bound(evaluate($0, in: scope)) } ?? nil }
      return try slice(value, bounds)
    case .call(let arguments): return try call(value, self.arguments(arguments, in: scope))
    case .filter(let name, let arguments):
      return try filter(
        name, value, arguments.isEmpty ? CallArguments() : self.arguments(arguments, in: scope))
    case .test(let name, let arguments, let isNegated):
      let given = arguments.isEmpty ? CallArguments() : try self.arguments(arguments, in: scope)
      return .bool(try test(name, value, given) != isNegated)
    }
  }

  private func bound(_ value: TemplateValue) throws -> Int? {
    if case .none = value { return nil }
    try value.requireDefined()
    guard let whole = value.whole else {
      throw Failure(.value, "slice indices must be integers or None or have an __index__ method")
    }
    return whole
  }

  func arguments(_ syntax: TemplateArguments, in scope: Int) throws -> CallArguments {
    var given = CallArguments()
    given.positional = try all(syntax.positional, scope)
    for (name, value) in syntax.named { given.named.append((name, try evaluate(value, in: scope))) }
    if let list = syntax.list { given.positional += try elements(of: evaluate(list, in: scope)) }
    if let dict = syntax.dict {
      guard case .dict(let named) = try evaluate(dict, in: scope) else {
        throw Failure(.value, "argument after ** must be a mapping")
      }
      for (key, value) in named.pairs {
        guard let name = key.asText?.string else { throw Failure(.value, "keywords must be strings") }
        given.named.append((name, value))
      }
    }
    return given
  }

  // MARK: Parts of values

  func attribute(_ value: TemplateValue, _ name: String) throws -> TemplateValue {
    try value.requireDefined()
    if let method = try TemplateMethods.method(of: value, name) { return method }
    switch value {
    case .dict(let dict):
      if let found = dict.value(name) { return found }
    case .namespace(let space):
      if let found = namespaces[space][name] { return found }
    case .loop(let number):
      if let found = loopField(number, name) { return found }
    case .macro(let number) where name == "name": return .string(names[macros[number].syntax.name])
    case .cycler(let number) where name == "current":
      return cells[number].items[cells[number].asked % cells[number].items.count]
    default: break
    }
    return .undefined("\(described(value)) has no attribute '\(name)'")
  }

  private func described(_ value: TemplateValue) -> String {
    switch value {
    case .none: return "'None'"
    case .namespace: return "'__main__.TemplateNamespace object'"
    case .loop: return "'jinja2.runtime.LoopContext object'"
    default: return "'\(value.typeName) object'"
    }
  }

  func item(_ value: TemplateValue, _ key: TemplateValue) throws -> TemplateValue {
    try value.requireDefined()
    switch (value, key) {
    case (.dict(let dict), _):
      try charge(dict.keys.count / 8)
      if let found = try? dict.value(key) { return found }
    case (.list(let list), .int), (.list(let list), .bool):
      if list.kind != .generator, let place = place(key.whole, list.elements.count) {
        return list.elements[place]
      }
    case (.text(let text), .int), (.text(let text), .bool):
      if let place = place(key.whole, text.count) { return .text(TemplateText([text.units[place]])) }
    default: break
    }
    guard let name = key.asText?.string else {
      return .undefined("\(described(value)) has no element \(key.repr)")
    }
    if case .dict = value {
      return try TemplateMethods.method(of: value, name)
        ?? .undefined("\(described(value)) has no attribute '\(name)'")
    }
    return try attribute(value, name)
  }

  private func place(_ index: Int?, _ count: Int) -> Int? {
    guard let index, index < count, index >= -count else { return nil }
    return index < 0 ? index + count : index
  }

  private func slice(_ value: TemplateValue, _ bounds: [Int?]) throws -> TemplateValue {
    try value.requireDefined()
    func places(_ count: Int) throws -> [Int] {
      try charge(count)
      let step = bounds[2] ?? 1
      if step == 0 { throw Failure(.value, "slice step cannot be zero") }
      func clamped(_ bound: Int, _ least: Int, _ most: Int) -> Int {
        let shifted = bound < 0 ? (bound < -count ? least : bound + count) : bound
        return min(max(shifted, least), most)
      }
      let (least, most) = step > 0 ? (0, count) : (-1, count - 1)
      let from = bounds[0].map { clamped($0, least, most) } ?? (step > 0 ? 0 : count - 1)
      let to = bounds[1].map { clamped($0, least, most) } ?? (step > 0 ? count : -1)
      let width = step > count ? count + 1 : step < -count ? -count - 1 : step
      return Array(stride(from: from, to: to, by: width))
    }
    switch value {
    case .text(let text): return try self.text(places(text.count).map { text.units[$0] })
    case .list(let list) where list.kind != .generator:
      return .list(try TemplateList(places(list.elements.count).map { list.elements[$0] }, list.kind))
    default: return .undefined("\(described(value)) has no element slice(...)")
    }
  }

  private func loopField(_ number: Int, _ name: String) -> TemplateValue? {
    let loop = loops[number]
    let count = loop.items.count
    func item(_ i: Int, _ missing: String) -> TemplateValue {
      i >= 0 && i < count ? loop.items[i] : .undefined(missing)
    }
    switch name {
    case "index": return .int(loop.index + 1)
    case "index0": return .int(loop.index)
    case "revindex": return .int(count - loop.index)
    case "revindex0": return .int(count - loop.index - 1)
    case "first": return .bool(loop.index == 0)
    case "last": return .bool(loop.index == count - 1)
    case "length": return .int(count)
    case "depth": return .int(loop.depth)
    case "depth0": return .int(loop.depth - 1)
    case "previtem": return item(loop.index - 1, "there is no previous item")
    case "nextitem": return item(loop.index + 1, "there is no next item")
    default: return nil
    }
  }
}

extension TemplateArguments {
  var isEmpty: Bool { positional.isEmpty && named.isEmpty && list == nil && dict == nil }
}
