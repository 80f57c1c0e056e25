/// The class `Tensor` and the module `perilune.tensor`.
///
/// A Lua `Tensor` is an `Autograd.Variable`. Every operation of the catalogue is a method and a function; the other
/// files of this folder add what is not an operation: sizes, conversion to Lua values, gradients, indexing, creation.
///
/// `==` compares identity, since Lua makes a boolean of it; `x:eq(y)` compares elements. `<` and `<=` are not
/// defined for the same reason: use `x:lt(y)`.
import Autograd
import Base
import LuaEngine
import Tensors

extension Bindings {
  static func installTensors(_ library: Library) throws {
    addTopics(library)
    let random = RandomStream(seed: library.options.seed ?? 0, stream: "tensor")
    DropoutStream.restart(seed: library.options.seed ?? 0)
    var module = NativeModule("tensor", title: "T", prefix: "", group: "creation")
    addCreation(&module)
    module.group = "random"
    addRandom(&module, random)
    try addGenerators(library)
    module.group = "modes"
    addModes(&module)
    addSupport(&module)
    addPrinting(&module)
    addProfile(&module)
    addAnomalies(&module)
    module.group = "files"
    TensorFiles.addGeneral(to: &module)

    var tensor = NativeClass<Variable>("Tensor", prefix: "", group: "queries")
    addQueries(&tensor)
    addConversions(&tensor)
    tensor.group = "gradients"
    addGradients(&tensor)
    tensor.group = "writing"
    addWriting(&tensor)
    addOperators(&tensor)
    for op in Op.catalogue {
      (module.group, tensor.group) = (op.group, op.group)
      module.function(op.name, Page(op)) { call in try OpArguments.run(op, call) }
      if op.isMethod { tensor.method(op.name, Page(op)) { call, _ in try OpArguments.run(op, call) } }
      if op.inPlace { addInPlaceForm(of: op, &tensor) }
    }
    addIndexing(&tensor)
    try library.add(module)
    try library.add(tensor)
    // The name of the chunk excludes it from the places that errors name.
    try library.lua.load(PackageResources.tensor_lua, name: "=perilune").call([])
  }

  private static func addTopics(_ library: Library) {
    library.topic(
      "indexing", group: "topics",
      Page(
        "t[key], t[key] = value",
        "key is a position, a list of positions and ranges {first, last} (inclusive; {} selects all), a tensor of "
          + "positions, or a mask. Positions count from 1, negative ones from the end. A position of a 1-d tensor selects "
          + "a scalar tensor: t[i]:item() is the number.",
        example: """
          t = T{{1, 2, 3}, {4, 5, 6}}
          t[{ {}, 1 }] = 0
          print(t[{ 2, {2, 3} }], t[t:gt(4)])
          """, prints: "[5, 6]\n[Tensor f32 2]\t[5, 6]\n[Tensor f32 2]"))
    library.topic(
      "operators", group: "topics",
      Page(
        "a + b, a - b, a * b, a / b, a // b, a % b, a ^ b, -a, #a",
        "Elementwise operations with broadcasting; one operand may be a number. #a is the size of the first dimension. "
          + "a == b compares identity, since Lua converts its result to one boolean: a:eq(b), a:lt(b) and so on compare "
          + "elements.",
        example: "a = T{7, 8}\nprint(2 * a - 1, #a, a == a, a == T{7, 8})",
        prints: "[13, 15]\n[Tensor f32 2]\t2\ttrue\tfalse"))
    library.topic(
      "in_place", group: "topics",
      Page(
        "x:name_(...)",
        "An operation that keeps the shape has a form that writes its result into x and returns x. The result must fit the "
          + "dtype of x. Values saved for a backward pass cannot be changed; T.no_grad allows it for parameters.",
        example: "x = T{1, 4}\nx:sqrt_():add_(1)\nprint(x)", prints: "[2, 3]\n[Tensor f32 2]"))
  }
}
