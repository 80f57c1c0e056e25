/// A table of options with known names: an unknown one is an error that suggests the nearest.
import Autograd
import Base
import LuaEngine
import Tensors

struct TensorOptions {
  let call: Call
  let place: Int
  private(set) var values: [String: LuaValue] = [:]

  /// The string keys of the table that is argument `place`.
  init(_ call: Call, _ place: Int, allowed: [String]) throws {
    self.call = call
    self.place = place
    for (key, value) in try call.table(place).entries() {
      guard let name = key.asString else { throw call.bad(place, "options must be named, got a list") }
      guard allowed.contains(name) else {
        throw call.bad(place, "unknown option '\(name)'\(Nearest.hint(name, in: allowed))")
      }
      values[name] = value
    }
  }

  /// No options.
  init(_ call: Call) {
    self.call = call
    place = call.count
  }

  func wrong(_ name: String, _ expected: String) -> LuaError {
    call.bad(place, "\(expected) expected as '\(name)', got \(values[name].map(call.typeName) ?? "nil")")
  }

  func tensor(_ name: String) throws -> Variable? {
    guard let value = values[name] else { return nil }
    guard case .object(let object) = value, let variable = object as? Variable else { throw wrong(name, "Tensor") }
    return variable
  }

  func flag(_ name: String) throws -> Bool? {
    guard let value = values[name] else { return nil }
    guard case .boolean(let flag) = value else { throw wrong(name, "boolean") }
    return flag
  }

  func integer(_ name: String) throws -> Int? {
    guard let value = values[name] else { return nil }
    guard let whole = value.asInteger else { throw wrong(name, "whole number") }
    return whole
  }

  func number(_ name: String) throws -> Double? {
    guard let value = values[name] else { return nil }
    guard let number = value.asNumber else { throw wrong(name, "number") }
    return number
  }

  func text(_ name: String) throws -> String? {
    guard let value = values[name] else { return nil }
    guard let text = value.asString else { throw wrong(name, "string") }
    return text
  }

  func dtype() throws -> DType? {
    guard let word = try text("dtype") else { return nil }
    guard let dtype = DType(rawValue: word) else { throw call.bad(place, DType.refusal(word)) }
    return dtype
  }
}
