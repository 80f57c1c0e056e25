/// Tensors in files: `formats.save_tensors` and `formats.load_tensors` for named ones in safetensors, `T.save` and
/// `T.load` for these and NumPy's.
import Autograd
import Base
import Formats
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

  /// The functions of `T`.
  static func addGeneral(to module: inout NativeModule) {
    module.function(
      "save",
      Page(
        "T.save(path, tensor or {name = tensor})",
        "Writes a tensor as NumPy's .npy, or named tensors as .npz or .safetensors, by the ending of the path. The "
          + "file is written atomically.",
        errors:
          "another ending; one tensor for .npz or .safetensors, several for .npy; the file cannot be written",
        source: "numpy.lib.format, version 1.0",
        example: """
          path = os.tmpname() .. '.npy'
          T.save(path, T{{1, 2}, {3, 4}})
          print(T.load(path))
          os.remove(path)
          """, prints: "[[1, 2],\n [3, 4]]\n[Tensor f32 2x2]")
    ) { call in
      let path = try call.string(1)
      if path.hasSuffix(".npy") {
        try NumPyFile.write(call.object(2, as: Variable.self).value, to: path)
      } else if path.hasSuffix(".npz") || path.hasSuffix(".safetensors") {
        let tensors = try named(call)
        if path.hasSuffix(".npz") {
          try NumPyFile.write(tensors, to: path)
        } else {
          try Safetensors(tensors).write(to: path)
        }
      } else {
        throw call.bad(
          1, "expected a path that ends in .npy, .npz or .safetensors, got \"\(Quoted.name(path))\"")
      }
      return 0
    }
    module.function(
      "load",
      Page(
        "T.load(path)",
        "The tensor of an .npy file, or a table of the tensors of an .npz or safetensors file by name; the content "
          + "decides. f2 and bf16 become f32, integers of any width i64; both byte orders and both array orders of "
          + "NumPy are read.",
        errors:
          "the file cannot be read or has another format; an element type that no tensor holds, such as complex",
        example: "print((pcall(T.load, '/no/such/file.npy')))", prints: "false")
    ) { call in
      let source = try ByteSource(path: try call.string(1))
      if try NumPyFile.isArray(source) {
        try call.pushObject(Variable(try NumPyFile.array(source)))
        return 1
      }
      let tensors =
        try NumPyFile.isArchive(source) ? NumPyFile.archive(source) : Safetensors.read(from: source).tensors
      try call.push(.record(tensors.map { ($0.name, .object(Variable($0.tensor))) }))
      return 1
    }
  }

  private static func save(_ call: Call) throws -> Int {
    try Safetensors(try named(call)).write(to: try call.string(1))
    return 0
  }

  /// The tensors of argument 2, sorted by name.
  private static func named(_ call: Call) throws -> [(name: String, tensor: Tensor)] {
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
    return tensors.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
  }

  private static func load(_ call: Call) throws -> Int {
    let file = try Safetensors.read(try call.string(1))
    try call.push(.record(file.tensors.map { ($0.name, .object(Variable($0.tensor))) }))
    return 1
  }
}
