/// The native half of `perilune.help`: pages of operations, and which operation a function is.
///
/// The other half is stdlib/help.lua, which also reads the comments above Lua functions.
import Autograd
import Base
import LuaEngine

extension Bindings {
  static func installHelp(_ lua: Lua, _ options: RunOptions) throws {
    var module = LuaModule()
    // page(name): the help page of an operation, or nil.
    module.function("page") { call in
      guard let op = Op.byName[try call.string(1)] else {
        try call.pushNil()
        return 1
      }
      try call.pushString(OpHelp(op: op).text)
      return 1
    }
    // summaries(): a list of {name, group, summary, signature} in the order of the manual.
    module.function("summaries") { call in
      try call.push(
        .list(
          Op.all.map { op in
            .record([
              ("name", .string(op.name)), ("group", .string(op.group)), ("summary", .string(op.summary)),
              ("signature", .string(OpHelp(op: op).signature)), ("formula", .string(op.formula)),
            ])
          }))
      return 1
    }
    module.function("manual") { call in
      try call.pushString(OpHelp.manual)
      return 1
    }
    // nearest(name, names): the name that was probably meant, or nil.
    module.function("nearest") { call in
      let nearest = Nearest.name(to: try call.string(1), in: try call.table(2).strings())
      try call.push(nearest.map(LuaValue.string) ?? .nil)
      return 1
    }
    try lua.preload("perilune.native.help", module)
  }
}
