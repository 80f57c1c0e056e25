/// Tables of Tensors by name, as states of optimizers and the parts of a file are.
import Autograd
import Base
import LuaEngine
import Tensors

extension LuaTable {
  /// The tensors with their names; `refusal` makes the error of what is another value or has no name, from what was
  /// expected and what was given.
  func tensorsByName(_ refusal: (String) -> any Error) throws -> [(name: String, tensor: Tensor)] {
    try entries().map { key, value in
      guard let name = key.asString else { throw refusal("Tensors by name, got one by a \(key.typeName)") }
      guard case .object(let object) = value, let tensor = object as? Variable else {
        throw refusal("Tensors by name, got a \(value.typeName) as '\(Quoted.name(name))'")
      }
      return (name, tensor.value)
    }
  }
}
