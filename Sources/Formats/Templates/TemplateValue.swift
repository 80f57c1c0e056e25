/// The values of templates: those of Python that a chat template can meet.
///
/// They are trees without sharing that a template could change: what has state (namespaces, loops, macros)
/// is a number into a table of the renderer, so that no value is deep enough or cyclic enough to be a
/// danger when it is freed.
import Base

indirect enum TemplateValue: Sendable {
  /// Why there is nothing; the message of the error when it is used.
  case undefined(String)
  case none
  case bool(Bool)
  case int(Int)
  case float(Double)
  case text(TemplateText)
  case list(TemplateList)
  case dict(TemplateDict)
  case namespace(Int)
  case loop(Int)
  case macro(Int)
  case cycler(Int)
  case joiner(Int)
  case function(TemplateFunction)
  case method(TemplateMethod)

  static func string(_ text: String) -> TemplateValue { .text(TemplateText(text)) }
}

enum TemplateFunction: String, CaseIterable, Sendable {
  case range, dict, namespace, cycler, joiner
  case raiseException = "raise_exception"
  case strftimeNow = "strftime_now"
}

/// A method of a value, such as `text.strip`.
struct TemplateMethod: Sendable {
  let receiver: TemplateValue
  let name: String
}

/// A list, a tuple, or what a filter yields once; with the depth of what it holds.
struct TemplateList: Sendable {
  enum Kind: Sendable { case list, tuple, generator }
  let elements: [TemplateValue]
  let kind: Kind
  let depth: Int

  init(_ elements: [TemplateValue], _ kind: Kind = .list) throws {
    self.elements = elements
    self.kind = kind
    depth = try TemplateValue.depth(over: elements)
  }
}

/// A dictionary in the order in which its keys were added.
struct TemplateDict: Sendable {
  private(set) var keys: [TemplateValue] = []
  private(set) var values: [TemplateValue] = []
  private(set) var depth = 1

  init() {}

  /// Of equal keys the last value counts, at the place of the first.
  init(_ pairs: [(TemplateValue, TemplateValue)]) throws {
    var places: [String: Int] = [:]
    for (key, value) in pairs {
      let name = try key.dictionaryKey()
      if let place = places[name] {
        values[place] = value
      } else {
        places[name] = keys.count
        keys.append(key)
        values.append(value)
      }
    }
    depth = try max(TemplateValue.depth(over: values), TemplateValue.depth(over: keys))
  }

  func value(_ key: TemplateValue) throws -> TemplateValue? {
    for (i, own) in keys.enumerated() where try own.equals(key) { return values[i] }
    return nil
  }

  func value(_ name: String) -> TemplateValue? {
    for (i, own) in keys.enumerated() {
      if case .text(let text) = own, text.equals(name) { return values[i] }
    }
    return nil
  }

  var pairs: Zip2Sequence<[TemplateValue], [TemplateValue]> { zip(keys, values) }
}

extension TemplateValue {
  static func list(_ elements: [TemplateValue]) throws -> TemplateValue { .list(try TemplateList(elements)) }
  static func tuple(_ elements: [TemplateValue]) throws -> TemplateValue {
    .list(try TemplateList(elements, .tuple))
  }

  static func depth(over elements: [TemplateValue]) throws -> Int {
    let depth = 1 + (elements.map(\.depth).max() ?? 0)
    if depth > Limits.nestingMax {
      throw Failure(.value, "values nested deeper than \(Limits.nestingMax)")
    }
    return depth
  }

  var depth: Int {
    switch self {
    case .list(let list): return list.depth
    case .dict(let dict): return dict.depth
    case .method(let method): return 1 + method.receiver.depth
    default: return 0
    }
  }

  /// A text that is equal for equal keys. Unhashable values are refused.
  func dictionaryKey() throws -> String {
    switch self {
    case .text(let text):
      return "s" + text.units.map { String(TemplateText.scalar($0), radix: 36) }.joined(separator: ",")
    case .bool(let flag): return flag ? "n1" : "n0"
    case .int(let value): return "n\(value)"
    case .float(let value): return Int(exactly: value).map { "n\($0)" } ?? "f\(value)"
    case .none: return "none"
    case .list(let list) where list.kind == .tuple:
      return try "(" + list.elements.map { try $0.dictionaryKey() }.joined(separator: ";") + ")"
    case .list, .dict: throw Failure(.value, "unhashable type: '\(typeName)'")
    default: return repr
    }
  }

  /// The name of the type in Python.
  var typeName: String {
    switch self {
    case .undefined: return "Undefined"
    case .none: return "NoneType"
    case .bool: return "bool"
    case .int: return "int"
    case .float: return "float"
    case .text: return "str"
    case .list(let list):
      switch list.kind {
      case .list: return "list"
      case .tuple: return "tuple"
      case .generator: return "generator"
      }
    case .dict: return "dict"
    case .namespace: return "Namespace"
    case .loop: return "LoopContext"
    case .macro: return "Macro"
    case .cycler: return "Cycler"
    case .joiner: return "Joiner"
    case .function: return "function"
    case .method: return "builtin_function_or_method"
    }
  }

  var isTrue: Bool {
    switch self {
    case .undefined, .none: return false
    case .bool(let flag): return flag
    case .int(let value): return value != 0
    case .float(let value): return value != 0
    case .text(let text): return !text.isEmpty
    case .list(let list): return list.kind == .generator || !list.elements.isEmpty
    case .dict(let dict): return !dict.keys.isEmpty
    default: return true
    }
  }

  var isUndefined: Bool {
    if case .undefined = self { return true }
    return false
  }

  /// A whole number, also True and False.
  var whole: Int? {
    switch self {
    case .bool(let flag): return flag ? 1 : 0
    case .int(let value): return value
    default: return nil
    }
  }

  /// Any number.
  var number: Double? {
    if case .float(let value) = self { return value }
    return whole.map(Double.init)
  }

  var asText: TemplateText? {
    if case .text(let text) = self { return text }
    return nil
  }

  // MARK: Comparing

  func equals(_ other: TemplateValue) throws -> Bool {
    switch (self, other) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.text(let a), .text(let b)): return a == b
    case (.list(let a), .list(let b)):
      if a.kind != b.kind || a.elements.count != b.elements.count { return false }
      return try zip(a.elements, b.elements).allSatisfy { try $0.equals($1) }
    case (.dict(let a), .dict(let b)):
      if a.keys.count != b.keys.count { return false }
      return try a.pairs.allSatisfy { key, value in try b.value(key).map { try $0.equals(value) } ?? false }
    case (.namespace(let a), .namespace(let b)), (.loop(let a), .loop(let b)), (.macro(let a), .macro(let b)),
      (.cycler(let a), .cycler(let b)), (.joiner(let a), .joiner(let b)):
      return a == b
    case (.function(let a), .function(let b)): return a == b
    case (.method(let a), .method(let b)): return try a.name == b.name && a.receiver.equals(b.receiver)
    default:
      if let a = whole, let b = other.whole { return a == b }
      if let a = number, let b = other.number { return a == b }
      return false
    }
  }

  /// `self < other`; values that have no order are refused.
  func precedes(_ other: TemplateValue, _ sign: String = "<") throws -> Bool {
    try requireDefined()
    try other.requireDefined()
    switch (self, other) {
    case (.text(let a), .text(let b)): return a.precedes(b)
    case (.list(let a), .list(let b)) where a.kind == b.kind && a.kind != .generator:
      for (x, y) in zip(a.elements, b.elements) where try !x.equals(y) { return try x.precedes(y, sign) }
      return a.elements.count < b.elements.count
    default:
      if let a = whole, let b = other.whole { return a < b }
      if let a = number, let b = other.number { return a < b }
      throw Failure(
        .value, "'\(sign)' not supported between instances of '\(typeName)' and '\(other.typeName)'")
    }
  }

  func requireDefined() throws {
    if case .undefined(let message) = self { throw Failure(.value, message) }
  }

  // MARK: As text

  /// What `{{ }}` prints.
  var printed: TemplateText {
    switch self {
    case .undefined: return TemplateText([])
    case .text(let text): return text
    default: return TemplateText(repr, marks: holdsInput ? TemplateText.inputBit : 0)
    }
  }

  /// Whether some text within is the caller's: then all that prints the value counts as the caller's.
  private var holdsInput: Bool {
    switch self {
    case .text(let text): return text.units.contains { $0 & TemplateText.inputBit != 0 }
    case .list(let list): return list.elements.contains(where: \.holdsInput)
    case .dict(let dict): return dict.pairs.contains { $0.holdsInput || $1.holdsInput }
    default: return false
    }
  }

  /// Python's `repr`, without marks.
  var repr: String {
    switch self {
    case .undefined: return "Undefined"
    case .none: return "None"
    case .bool(let flag): return flag ? "True" : "False"
    case .int(let value): return "\(value)"
    case .float(let value): return Self.repr(value)
    case .text(let text): return Self.repr(text)
    case .list(let list):
      let inner = list.elements.map(\.repr).joined(separator: ", ")
      switch list.kind {
      case .list: return "[\(inner)]"
      case .tuple: return list.elements.count == 1 ? "(\(inner),)" : "(\(inner))"
      case .generator: return "<generator>"
      }
    case .dict(let dict):
      return "{" + dict.pairs.map { "\($0.repr): \($1.repr)" }.joined(separator: ", ") + "}"
    default: return "<\(typeName)>"
    }
  }

  static func repr(_ value: Double) -> String {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    return value.description
  }

  static func repr(_ text: TemplateText) -> String {
    let hasSingle = text.units.contains { TemplateText.scalar($0) == 39 }
    let hasDouble = text.units.contains { TemplateText.scalar($0) == 34 }
    let quote: Unicode.Scalar = hasSingle && !hasDouble ? "\"" : "'"
    var out = String.UnicodeScalarView([quote])
    for unit in text.units {
      let scalar = TemplateText.character(unit)
      switch scalar {
      case quote, "\\": out.append(contentsOf: ["\\", scalar])
      case "\n": out.append(contentsOf: "\\n".unicodeScalars)
      case "\r": out.append(contentsOf: "\\r".unicodeScalars)
      case "\t": out.append(contentsOf: "\\t".unicodeScalars)
      default:
        if isPrintable(scalar) {
          out.append(scalar)
        } else {
          out.append(contentsOf: escape(scalar.value).unicodeScalars)
        }
      }
    }
    out.append(quote)
    return String(out)
  }

  private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator:
      return false
    case .spaceSeparator: return scalar == " "
    default: return true
    }
  }

  private static func escape(_ value: UInt32) -> String {
    let digits = String(value, radix: 16)
    func padded(_ width: Int) -> String {
      String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    return value < 0x100 ? "\\x" + padded(2) : value < 0x10000 ? "\\u" + padded(4) : "\\U" + padded(8)
  }
}
