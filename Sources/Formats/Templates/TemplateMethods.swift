/// The methods of texts, lists and dictionaries that a template may call.
///
/// What would change a list or dictionary is refused, as in Jinja's immutable sandbox.
import Base

enum TemplateMethods {
  private static let ofTexts: Set<String> = [
    "strip", "lstrip", "rstrip", "startswith", "endswith", "split", "rsplit", "splitlines", "replace",
    "upper",
    "lower", "casefold", "swapcase", "title", "capitalize", "join", "find", "rfind", "index", "rindex",
    "count",
    "format", "isdigit", "isdecimal", "isnumeric", "isalpha", "isalnum", "isspace", "isupper", "islower",
    "removeprefix", "removesuffix", "partition", "rpartition", "center", "ljust", "rjust", "zfill",
  ]
  private static let ofDicts: Set<String> = ["items", "keys", "values", "get", "copy"]
  private static let changingDicts: Set<String> = ["clear", "pop", "popitem", "setdefault", "update"]
  private static let ofLists: Set<String> = ["index", "count", "copy"]
  private static let changingLists: Set<String> = [
    "append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort",
  ]

  /// The method of this name, or nil where Python's type has none.
  static func method(of value: TemplateValue, _ name: String) throws -> TemplateValue? {
    let (allowed, changing): (Set<String>, Set<String>)
    switch value {
    case .text: (allowed, changing) = (ofTexts, [])
    case .dict: (allowed, changing) = (ofDicts, changingDicts)
    case .list(let list) where list.kind == .list: (allowed, changing) = (ofLists, changingLists)
    case .list(let list) where list.kind == .tuple: (allowed, changing) = (["index", "count"], [])
    case .loop: (allowed, changing) = (["cycle", "changed"], [])
    case .cycler: (allowed, changing) = (["next", "reset"], [])
    case .function(.dict): (allowed, changing) = (["fromkeys"], [])
    default: return nil
    }
    if changing.contains(name) {
      return .undefined("access to attribute '\(name)' of '\(value.typeName)' object is unsafe.")
    }
    if !allowed.contains(name) { return nil }
    return .method(TemplateMethod(receiver: value, name: name))
  }
}

extension TemplateRenderer {
  func call(_ method: TemplateMethod, _ given: CallArguments) throws -> TemplateValue {
    switch method.receiver {
    case .text(let text): return try TextMethod(text, method.name, given, self).call()
    case .dict(let dict): return try call(dict, method.name, given)
    case .list(let list): return try call(list, method.name, given)
    case .loop(let number): return try callLoop(number, method.name, given)
    case .cycler(let number):
      if method.name == "reset" { cells[number].asked = 0; return .none }
      let cell = cells[number]
      cells[number].asked = (cell.asked + 1) % cell.items.count
      return cell.items[cell.asked % cell.items.count]
    default:
      let values = try given.bound(to: ["iterable", "value"], of: "fromkeys")
      let keys = try elements(of: values[0] ?? .undefined("the keys are missing"))
      return .dict(try TemplateDict(keys.map { ($0, values[1] ?? .none) }))
    }
  }

  private func call(_ dict: TemplateDict, _ name: String, _ given: CallArguments) throws -> TemplateValue {
    try charge(dict.keys.count)
    switch name {
    case "items": return try .list(dict.pairs.map { try .tuple([$0, $1]) })
    case "keys": return try .list(dict.keys)
    case "values": return try .list(dict.values)
    case "copy": return .dict(dict)
    default:
      let values = try given.bound(to: ["key", "default"], of: "get")
      guard let key = values[0] else { throw Failure(.value, "get expected at least 1 argument, got 0") }
      try measure(key)
      _ = try key.dictionaryKey()
      return try dict.value(key) ?? values[1] ?? .none
    }
  }

  private func call(_ list: TemplateList, _ name: String, _ given: CallArguments) throws -> TemplateValue {
    if name == "copy" { return .list(list) }
    guard let item = given.positional.first else {
      throw Failure(.value, "\(name) expected at least 1 argument, got 0")
    }
    try measure(.list(list))
    try measure(item)
    if name == "count" { return .int(try list.elements.filter { try $0.equals(item) }.count) }
    guard let place = try list.elements.firstIndex(where: { try $0.equals(item) }) else {
      throw Failure(.value, "\(item.repr) is not in list")
    }
    return .int(place)
  }

  private func callLoop(_ number: Int, _ name: String, _ given: CallArguments) throws -> TemplateValue {
    if name == "cycle" {
      if given.positional.isEmpty { throw Failure(.value, "no items for cycling given") }
      return given.positional[loops[number].index % given.positional.count]
    }
    if let before = loops[number].changed, before.count == given.positional.count {
      for value in before + given.positional { try measure(value) }
      if try zip(before, given.positional).allSatisfy({ try $0.equals($1) }) { return .bool(false) }
    }
    loops[number].changed = given.positional
    return .bool(true)
  }
}

/// One call of a method of a text.
private struct TextMethod {
  let text: TemplateText
  let name: String
  let given: CallArguments
  let renderer: TemplateRenderer

  init(_ text: TemplateText, _ name: String, _ given: CallArguments, _ renderer: TemplateRenderer) {
    (self.text, self.name, self.given, self.renderer) = (text, name, given, renderer)
  }

  private func argument(_ values: [TemplateValue?], _ i: Int) throws -> TemplateText? {
    guard let value = values[i] else { return nil }
    if case .none = value { return nil }
    try value.requireDefined()
    guard let text = value.asText else {
      throw Failure(.value, "\(name) argument must be str, not \(value.typeName)")
    }
    return text
  }

  private func required(_ values: [TemplateValue?], _ i: Int) throws -> TemplateText {
    guard let text = try argument(values, i) else { throw Failure(.value, "\(name)() takes a text") }
    return text
  }

  private func whole(_ value: TemplateValue?, _ standard: Int) throws -> Int {
    guard let value else { return standard }
    try value.requireDefined()
    guard let whole = value.whole else {
      throw Failure(.value, "'\(value.typeName)' object cannot be interpreted as an integer")
    }
    return whole
  }

  func call() throws -> TemplateValue {
    try renderer.charge(text.count)
    switch name {
    case "strip", "lstrip", "rstrip":
      let set = try argument(given.bound(to: ["chars"], of: name), 0)
      return .text(text.stripped(set, left: name != "rstrip", right: name != "lstrip"))
    case "startswith", "endswith": return try ends()
    case "split", "rsplit": return try split()
    case "splitlines":
      let keeps = try given.bound(to: ["keepends"], of: name)[0]?.isTrue ?? false
      return try .list(text.lines(keepingEnds: keeps).map(TemplateValue.text))
    case "replace":
      let values = try given.bound(to: ["old", "new", "count"], of: name)
      return try renderer.replaced(
        text, required(values, 0), required(values, 1), limit: whole(values[2], -1))
    case "upper": return .text(text.uppercased())
    case "lower", "casefold": return .text(text.lowercased())
    case "title": return .text(text.titled())
    case "capitalize": return .text(text.capitalized())
    case "swapcase":
      return .text(
        text.mapped {
          $0.properties.isUppercase ? $0.properties.lowercaseMapping : $0.properties.uppercaseMapping
        })
    case "join":
      let parts = try renderer.elements(of: given.bound(to: ["iterable"], of: name)[0] ?? .none)
      return try renderer.joined(
        parts.enumerated().map { i, part in
          guard let text = part.asText else {
            throw Failure(.value, "sequence item \(i): expected str instance, \(part.typeName) found")
          }
          return text
        }, text)
    case "format": return try TemplateFormat.format(text, given, renderer)
    case "partition", "rpartition": return try partition()
    case "center", "ljust", "rjust", "zfill": return try padded()
    case "removeprefix", "removesuffix":
      let part = try required(given.bound(to: ["part"], of: name), 0)
      if name == "removeprefix" {
        return .text(text.matches(part, at: 0) ? TemplateText(text.units[part.count...]) : text)
      }
      let stop = text.count - part.count
      return .text(text.matches(part, at: stop) ? TemplateText(text.units[..<stop]) : text)
    case "find", "rfind", "index", "rindex", "count": return try found()
    default: return .bool(!text.isEmpty && isOfKind())
    }
  }

  private func ends() throws -> TemplateValue {
    guard let value = given.positional.first else { throw Failure(.value, "\(name) takes a text") }
    let from = try whole(given.positional.count > 1 ? given.positional[1] : nil, 0)
    try value.requireDefined()
    var parts = [value]
    if case .list(let list) = value, list.kind == .tuple { parts = list.elements }
    return .bool(
      try parts.contains { part in
        guard let part = part.asText else {
          throw Failure(
            .value, "\(name) first arg must be str or a tuple of str, not \(part.typeName)")
        }
        let start = from < 0 ? max(0, text.count + max(from, -text.count)) : from
        if start > text.count { return false }
        return name == "startswith"
          ? text.matches(part, at: start)
          : text.count - part.count >= start && text.matches(part, at: text.count - part.count)
      })
  }

  private func split() throws -> TemplateValue {
    let values = try given.bound(to: ["sep", "maxsplit"], of: name)
    let limit = try whole(values[1], -1)
    let most = limit < 0 ? Int.max : limit
    guard let separator = try argument(values, 0) else {
      if name == "rsplit" && limit >= 0 {
        throw Failure(.value, "rsplit() without a separator takes no maxsplit here")
      }
      return try .list(text.words(limit: most).map(TemplateValue.text))
    }
    if separator.isEmpty { throw Failure(.value, "empty separator") }
    try renderer.chargeSearch(text, separator)
    let parts =
      name == "split"
      ? text.split(separator, limit: most) : text.splitFromEnd(separator, limit: most)
    try renderer.charge(32 * parts.count)
    return try .list(parts.map(TemplateValue.text))
  }

  private func partition() throws -> TemplateValue {
    let separator = try required(given.bound(to: ["sep"], of: name), 0)
    if separator.isEmpty { throw Failure(.value, "empty separator") }
    try renderer.chargeSearch(text, separator)
    let isFirst = name == "partition"
    let empty = TemplateValue.text(TemplateText([]))
    guard let at = isFirst ? text.find(separator) : text.findLast(separator) else {
      return try .tuple(isFirst ? [.text(text), empty, empty] : [empty, empty, .text(text)])
    }
    return try .tuple([
      .text(TemplateText(text.units[..<at])), .text(separator),
      .text(TemplateText(text.units[(at + separator.count)...])),
    ])
  }

  private func padded() throws -> TemplateValue {
    let values = try given.bound(to: ["width", "fillchar"], of: name)
    let width = try whole(values[0], 0)
    try renderer.charge(max(0, width))
    let fill = try argument(values, 1)?.units ?? [name == "zfill" ? 48 : 32]
    if fill.count != 1 { throw Failure(.value, "The fill character must be exactly one character long") }
    if name == "center" { return .text(text.centred(width, fill[0])) }
    let space = [UInt32](repeating: fill[0], count: max(0, width - text.count))
    if name == "ljust" { return .text(TemplateText(text.units + space)) }
    let isSigned =
      name == "zfill" && (text.units.first.map { [43, 45].contains(TemplateText.scalar($0)) } ?? false)
    return .text(
      TemplateText(isSigned ? [text.units[0]] + space + text.units.dropFirst() : space + text.units))
  }

  private func found() throws -> TemplateValue {
    let values = try given.bound(to: ["sub", "start", "end"], of: name)
    let part = try required(values, 0)
    try renderer.chargeSearch(text, part)
    func place(_ i: Int, _ standard: Int) throws -> Int {
      let value = try whole(values[i], standard)
      return value < 0 ? max(0, text.count + max(value, -text.count)) : min(value, text.count)
    }
    let (from, to) = try (place(1, 0), place(2, text.count))
    let inside = TemplateText(from <= to ? text.units[from..<to] : [])
    if name == "count" {
      if part.isEmpty { return .int(inside.count + 1) }
      return .int(inside.split(part, limit: .max).count - 1)
    }
    let at = name.hasPrefix("r") ? inside.findLast(part) : inside.find(part)
    if let at { return .int(from + at) }
    if name.hasSuffix("index") { throw Failure(.value, "substring not found") }
    return .int(-1)
  }

  private func isOfKind() -> Bool {
    func all(_ test: (Unicode.Scalar.Properties) -> Bool) -> Bool {
      text.units.allSatisfy { test(TemplateText.character($0).properties) }
    }
    func isLetter(_ p: Unicode.Scalar.Properties) -> Bool {
      switch p.generalCategory {
      case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: return true
      default: return false
      }
    }
    switch name {
    case "isdigit": return all { $0.numericType == .decimal || $0.numericType == .digit }
    case "isdecimal": return all { $0.numericType == .decimal }
    case "isnumeric": return all { $0.numericType != nil }
    case "isalpha": return all(isLetter)
    case "isalnum": return all { isLetter($0) || $0.numericType != nil }
    case "isspace": return text.units.allSatisfy(TemplateText.isSpace)
    case "isupper": return hasCase(\.isUppercase, against: \.isLowercase)
    default: return hasCase(\.isLowercase, against: \.isUppercase)
    }
  }

  private func hasCase(
    _ wanted: KeyPath<Unicode.Scalar.Properties, Bool>,
    against other: KeyPath<Unicode.Scalar.Properties, Bool>
  ) -> Bool {
    let properties = text.units.map { TemplateText.character($0).properties }
    return properties.contains { $0[keyPath: wanted] } && !properties.contains { $0[keyPath: other] }
  }
}

extension TemplateRenderer {
  func joined(_ parts: [TemplateText], _ separator: TemplateText) throws -> TemplateValue {
    let (space, over) = separator.count.multipliedReportingOverflow(by: max(0, parts.count - 1))
    try charge(over ? .max : space)
    for part in parts { try charge(part.count) }
    var units: [UInt32] = []
    for (i, part) in parts.enumerated() {
      if i > 0 { units += separator.units }
      units += part.units
    }
    return .text(TemplateText(units))
  }

  func replaced(_ text: TemplateText, _ old: TemplateText, _ new: TemplateText, limit: Int) throws
    -> TemplateValue
  {
    try chargeSearch(text, old)
    let most = limit < 0 ? Int.max : limit
    let count = old.isEmpty ? text.count + 1 : text.split(old, limit: .max).count - 1
    let (size, over) = min(count, most).multipliedReportingOverflow(by: new.count)
    try charge(over ? .max : size)
    return .text(text.replacing(old, with: new, limit: most))
  }
}
