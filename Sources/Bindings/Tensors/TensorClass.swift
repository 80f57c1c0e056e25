/// The class `Tensor` and the module `perilune.tensor`, put together from their parts.
///
/// A Lua `Tensor` is an `Autograd.Variable`. Every operation of the catalogue is a method and a function; what is
/// written by hand here is what is no operation: sizes, conversion to Lua values, gradients, indexing, creation.
///
/// `==` compares identity, since Lua makes a boolean of it; `x:eq(y)` compares elements. `<` and `<=` are not defined
/// for the same reason: use `x:lt(y)`.
import Autograd
import Base
import LuaEngine
import Tensors

extension Bindings {
  static func installTensors(_ lua: Lua, _ options: RunOptions) throws {
    var tensor = LuaClass<Variable>("Tensor")
    var module = LuaModule()
    for op in Op.catalogue {
      module.function(op.name) { call in try OpCall.run(op, call) }
      if op.isMethod { tensor.method(op.name) { call, _ in try OpCall.run(op, call) } }
    }
    addInPlaceOperations(&tensor)
    addQueries(&tensor)
    addConversions(&tensor)
    addGradients(&tensor)
    addWriting(&tensor)
    addOperators(&tensor)
    addIndexing(&tensor)
    try lua.register(tensor)

    let random = RandomStream(seed: options.seed, stream: "tensor")
    DropoutStream.restart(seed: options.seed)
    try registerGenerators(lua)
    addCreation(&module)
    addRandom(&module, random)
    addModes(&module)
    addSupport(&module)
    addPrinting(&module)
    addProfile(&module)
    try lua.preload("perilune.native.tensor", module)
    try lua.load(callableModule, name: "=perilune").call([])
  }

  /// `T{1, 2}` calls `T.tensor{1, 2}`, and what T.profile returns can be drawn. By its name, this chunk is passed over when
  /// an error says where it was raised.
  private static let callableModule =
    profileClass + """

      package.preload["perilune.tensor"] = function()
        local module = require "perilune.native.tensor"
        local tensor, profile = module.tensor, module.profile
        function module.profile(...)
          local rows, ms = profile(...)
          rows.ms = ms
          return setmetatable(rows, Profile)
        end
        getmetatable(module).__call = function(_, ...) return tensor(...) end
        return module
      end
      """
}
