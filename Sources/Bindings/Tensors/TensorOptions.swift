/// Options that are tensors or generators.
import Autograd
import Base
import LuaEngine
import Tensors

extension OptionTable {
  func tensor(_ name: String) throws -> Variable? {
    guard let value = self[name] else { return nil }
    if case .object(let object) = value, let variable = object as? Variable { return variable }
    throw refusal(name, expected: "a Tensor")
  }

  func generator(_ name: String) throws -> RandomStream? {
    guard let value = self[name] else { return nil }
    if case .object(let object) = value, let stream = object as? RandomStream { return stream }
    throw refusal(name, expected: "a Generator")
  }
}
