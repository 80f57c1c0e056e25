/// A table of named options as an argument: every key must be known, and a misspelt one is answered with the near one.
import Base
import LuaEngine

struct OptionTable {
  private let call: Call
  private let argument: Int
  private var values: [String: LuaValue] = [:]

  /// Reads argument `i`, which may be left out; its keys must be among `allowed`.
  init(_ call: Call, _ i: Int, allowed: [String]) throws {
    self.call = call
    argument = i
    if call.isNil(i) { return }
    for (key, value) in try call.table(i).entries() {
      guard let name = key.asString else {
        throw call.bad(i, "options are named, got a key of type \(key.typeName)")
      }
      if !allowed.contains(name) {
        throw call.bad(i, "unknown option '\(name)'\(Nearest.hint(name, in: allowed))")
      }
      values[name] = value
    }
  }

  /// Reads argument `i` by the options that the help page lists.
  init(_ call: Call, _ i: Int, _ options: [HelpOption]) throws {
    try self.init(call, i, allowed: options.map(\.name))
  }

  /// An error about the table as an argument.
  func refusal(_ message: String) -> LuaError { call.bad(argument, message) }

  func has(_ name: String) -> Bool { values[name] != nil }

  subscript(_ name: String) -> LuaValue? { values[name] }

  func integer(_ name: String) throws -> Int? {
    guard let value = values[name] else { return nil }
    if let whole = value.asInteger { return whole }
    throw call.bad(argument, "option '\(name)': expected a whole number, got \(Self.describe(value))")
  }

  func number(_ name: String) throws -> Double? {
    guard let value = values[name] else { return nil }
    if let number = value.asNumber { return number }
    throw call.bad(argument, "option '\(name)': expected a number, got \(Self.describe(value))")
  }

  func flag(_ name: String) throws -> Bool? {
    guard let value = values[name] else { return nil }
    if case .boolean(let flag) = value { return flag }
    throw call.bad(argument, "option '\(name)': expected true or false, got \(Self.describe(value))")
  }

  func text(_ name: String) throws -> String? {
    guard let value = values[name] else { return nil }
    if case .string(let text) = value { return text }
    throw call.bad(argument, "option '\(name)': expected a string, got \(Self.describe(value))")
  }

  func integers(_ name: String) throws -> [Int]? {
    guard let value = values[name] else { return nil }
    if let table = value.asTable { return try table.integers() }
    throw call.bad(
      argument, "option '\(name)': expected a list of whole numbers, got \(Self.describe(value))")
  }

  func choice<C: RawRepresentable & CaseIterable>(_ name: String, _ type: C.Type) throws -> C?
  where C.RawValue == String {
    guard let text = try text(name) else { return nil }
    if let found = C(rawValue: text) { return found }
    let known = C.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
    throw call.bad(argument, "option '\(name)': expected one of \(known), got \"\(text)\"")
  }

  static func describe(_ value: LuaValue) -> String {
    switch value {
    case .number(let x): return "\(x)"
    case .integer(let x): return "\(x)"
    case .string(let s): return "\"\(s)\""
    case .bytes: return "a string that is not UTF-8"
    default: return value.typeName
    }
  }
}
