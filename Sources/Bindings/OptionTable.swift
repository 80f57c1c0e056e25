/// A table of named options as an argument, checked against the declarations of the function's options.
///
/// Every key must be declared, a misspelt one is an error that suggests the nearest name; every value must have the
/// declared type and lie within the declared bounds; a missing value is the declared default.
import Base
import LuaEngine

struct OptionTable {
  private let call: Call
  private let argument: Int
  private let declared: [Option]
  private var values: [String: LuaValue] = [:]

  /// Reads argument `i`, which may be left out unless an option is required.
  init(_ call: Call, _ i: Int, _ declared: [Option]) throws {
    self.call = call
    self.declared = declared
    argument = i
    if !call.isNil(i) {
      for (key, value) in try call.table(i).entries() { values[try name(key)] = value }
    }
    for option in declared {
      guard let value = values[option.name] else {
        if case .required = option.standard {
          throw refusal("option '\(option.name)' is missing; expected \(option.expected)")
        }
        continue
      }
      if !option.accepts(value) { throw refusal(option.name, expected: option.expected) }
    }
  }

  private func name(_ key: LuaValue) throws -> String {
    guard let name = key.asString else {
      // A list in place of options: the name of what it is meant as comes first.
      let required = declared.first { if case .required = $0.standard { true } else { false } }
      let name = (required ?? declared.first)?.name ?? "name"
      throw refusal("options are named, as { \(name) = ... }, got a key of type \(key.typeName)")
    }
    let names = declared.map(\.name)
    if !names.contains(name) { throw refusal("unknown option '\(name)'\(Nearest.hint(name, in: names))") }
    return name
  }

  /// An error about the table as an argument.
  func refusal(_ message: String) -> LuaError { call.bad(argument, message) }

  /// An error about the value of one option.
  func refusal(_ name: String, expected: String) -> LuaError {
    refusal("option '\(name)': expected \(expected), got \(values[name].map(Self.describe) ?? "nil")")
  }

  func has(_ name: String) -> Bool { values[name] != nil }

  /// The value as it was given; nil where it was not.
  subscript(_ name: String) -> LuaValue? { values[name] }

  /// The value given, or the declared default.
  func value(_ name: String) throws -> LuaValue {
    if let given = values[name] { return given }
    guard let option = declared.first(where: { $0.name == name }) else {
      throw Failure(.state, "option '\(name)' is not declared")
    }
    return option.defaultValue
  }

  private func value<V>(_ name: String, _ read: (LuaValue) -> V?) throws -> V {
    if let found = read(try value(name)) { return found }
    throw Failure(.state, "option '\(name)' has no default of this type")
  }

  // MARK: Options with a default, and required ones

  func integer(_ name: String) throws -> Int { try value(name, \.asInteger) }
  func number(_ name: String) throws -> Double { try value(name, \.asNumber) }
  func text(_ name: String) throws -> String { try value(name, \.asString) }
  func table(_ name: String) throws -> LuaTable { try value(name, \.asTable) }

  func flag(_ name: String) throws -> Bool {
    try value(name) { value -> Bool? in
      if case .boolean(let flag) = value { return flag }
      return nil
    }
  }

  func choice<C: RawRepresentable>(_ name: String, _ type: C.Type = C.self) throws -> C
  where C.RawValue == String {
    try value(name) { $0.asString.flatMap(C.init(rawValue:)) }
  }

  /// Any whole number as the 64 bits of a seed.
  func seed(_ name: String) throws -> UInt64 { UInt64(bitPattern: Int64(try integer(name))) }

  // MARK: Options without a default: nil where they were not given

  func integer(ifGiven name: String) throws -> Int? { try has(name) ? integer(name) : nil }
  func number(ifGiven name: String) throws -> Double? { try has(name) ? number(name) : nil }
  func flag(ifGiven name: String) throws -> Bool? { try has(name) ? flag(name) : nil }
  func text(ifGiven name: String) throws -> String? { try has(name) ? text(name) : nil }
  func table(ifGiven name: String) throws -> LuaTable? { try has(name) ? table(name) : nil }

  func choice<C: RawRepresentable>(ifGiven name: String, _ type: C.Type = C.self) throws -> C?
  where C.RawValue == String {
    try has(name) ? choice(name, type) : nil
  }

  // MARK: Lists

  /// The list given, or the declared default; an element of another type is refused by its position.
  func integers(_ name: String) throws -> [Int] { try integers(ifGiven: name) ?? [] }

  func integers(ifGiven name: String) throws -> [Int]? {
    guard let table = values[name]?.asTable else { return nil }
    return try list(name) { try table.integers() }
  }

  func texts(_ name: String) throws -> [String] {
    if let table = values[name]?.asTable { return try list(name) { try table.strings() } }
    guard let option = declared.first(where: { $0.name == name }), case .list(let values) = option.standard
    else { return [] }
    return values
  }

  private func list<V>(_ name: String, _ read: () throws -> [V]) throws -> [V] {
    do { return try read() } catch let failure as Failure where failure.isRefusal {
      throw refusal("option '\(name)': \(failure.message)")
    }
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
