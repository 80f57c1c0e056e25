/// Options that are tensors, element types or generators.
import Autograd
import Base
import LuaEngine
import Tensors

extension OptionTable {
  /// No options: what a call without the table has.
  init(_ call: Call) throws { try self.init(call, call.count + 1, allowed: []) }

  func tensor(_ name: String) throws -> Variable? {
    guard let value = self[name] else { return nil }
    if case .object(let object) = value, let variable = object as? Variable { return variable }
    throw refusal("option '\(name)': expected a Tensor, got \(Self.describe(value))")
  }

  func generator(_ name: String) throws -> RandomStream? {
    guard let value = self[name] else { return nil }
    if case .object(let object) = value, let stream = object as? RandomStream { return stream }
    throw refusal("option '\(name)': expected a Generator, got \(Self.describe(value))")
  }

  func dtype() throws -> DType? {
    guard let word = try text("dtype") else { return nil }
    if let dtype = DType(rawValue: word) { return dtype }
    throw refusal(DType.refusal(word))
  }
}
