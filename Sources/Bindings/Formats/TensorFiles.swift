/// `formats.save_tensors` and `formats.load_tensors`: named tensors in a safetensors file.
import Autograd
import Base
import LuaEngine
import Tensors
import Weights

enum TensorFiles {
  static func add(to module: inout NativeModule) {
    module.function(
      "save_tensors",
      Page(
        "formats.save_tensors(path, {name = tensor})",
        "Writes named tensors as one safetensors file, sorted by name. The file is written atomically.",
        errors: "a key is not a name; a value is not a tensor; the file cannot be written",
        example: """
          formats, path = require 'perilune.formats', os.tmpname()
          formats.save_tensors(path, {w = T{1, 2}})
          print(formats.load_tensors(path).w)
          os.remove(path)
          """, prints: "[1, 2]\n[Tensor f32 2]"), save)
    module.function(
      "load_tensors",
      Page(
        "formats.load_tensors(path)",
        "The tensors of a safetensors file by name. F16 and BF16 become f32, I32 becomes i64.",
        errors: "the file cannot be read or is not safetensors; a tensor has another type, such as U8",
        example: "print((pcall(require 'perilune.formats'.load_tensors, '/no/such/file')))", prints: "false"),
      load)
  }

  private static func save(_ call: Call) throws -> Int {
    let path = try call.string(1)
    var tensors: [(name: String, tensor: Tensor)] = []
    for (key, value) in try call.table(2).entries() {
      guard let name = key.asString else {
        throw call.bad(2, "tensors are named: expected {name = tensor}, got a key of type \(key.typeName)")
      }
      guard case .object(let object) = value, let variable = object as? Variable else {
        throw call.bad(2, "'\(Quoted.name(name))' is a \(value.typeName), expected a Tensor")
      }
      tensors.append((name, variable.value))
    }
    tensors.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    try Safetensors(tensors).write(to: path)
    return 0
  }

  private static func load(_ call: Call) throws -> Int {
    let file = try Safetensors.read(try call.string(1))
    try call.push(.record(file.tensors.map { ($0.name, .object(Variable($0.tensor))) }))
    return 1
  }
}
