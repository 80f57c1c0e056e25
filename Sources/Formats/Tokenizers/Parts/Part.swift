/// One part of a tokenizer.json, read with errors that name the file and the key.
import Base

struct Part {
  let value: JSONValue
  /// Where it stands: `tokenizer.json: pre_tokenizer.pretokenizers[0]`.
  let path: String
  /// What the regular expressions of the whole part may take together.
  let patterns: PatternBudget

  init(_ value: JSONValue, path: String, patterns: PatternBudget = PatternBudget()) {
    self.value = value
    self.path = path
    self.patterns = patterns
  }

  func failure(_ problem: String) -> Failure { Failure(.format, "\(path): \(problem)") }

  /// The kind of the part, its `type`.
  func type() throws -> String { try text("type") }

  /// A key that must be there.
  func key(_ name: String) throws -> Part {
    guard let found = value[name] else {
      throw failure(
        value.members == nil ? "expected an object, got \(Self.kind(value))" : "the key '\(name)' is missing")
    }
    return Part(found, path: "\(path).\(name)", patterns: patterns)
  }

  /// The elements of a list that must be there.
  func list(_ name: String) throws -> [Part] {
    let list = try key(name)
    guard let elements = list.value.elements else { throw list.expected("a list") }
    return elements.enumerated().map { Part($1, path: "\(list.path)[\($0)]", patterns: patterns) }
  }

  func text(_ name: String) throws -> String {
    let part = try key(name)
    guard let text = part.value.text else { throw part.expected("a string") }
    return text
  }

  /// A string of one character.
  func character(_ name: String) throws -> [UInt8] {
    let text = try self.text(name)
    if text.unicodeScalars.count != 1 { throw try key(name).expected("one character") }
    return Array(text.utf8)
  }

  /// True or false; `otherwise` where the key is missing or null.
  func flag(_ name: String, otherwise: Bool? = nil) throws -> Bool {
    if let otherwise, value[name] == nil || value[name] == .null { return otherwise }
    let part = try key(name)
    guard let flag = part.value.boolean else { throw part.expected("true or false") }
    return flag
  }

  func count(_ name: String) throws -> Int {
    let part = try key(name)
    guard case .integer(let count) = part.value, count >= 0, count <= Limits.vocabularyMax else {
      throw part.expected("a whole number from 0 to \(Limits.vocabularyMax)")
    }
    return count
  }

  func expected(_ wanted: String) -> Failure { failure("expected \(wanted), got \(Self.kind(value))") }

  /// A part whose type is not known here.
  func unsupported(_ what: String) throws -> Failure {
    failure("the \(what) '\(Quoted.name(try type()))' is not supported")
  }

  private static func kind(_ value: JSONValue) -> String {
    switch value {
    case .null: return "null"
    case .bool(let flag): return "\(flag)"
    case .integer(let number): return "\(number)"
    case .number(let number): return "\(number)"
    case .string(let text): return "'\(Quoted.name(text))'"
    case .array: return "a list"
    case .object: return "an object"
    }
  }
}
