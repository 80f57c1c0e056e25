/// The native half of `perilune.help`: the pages of operations, functions and methods.
///
/// The other half is stdlib/help.lua, which also reads the comments above Lua functions.
import Autograd
import Base
import LuaEngine

extension Bindings {
  static func installHelp(_ lua: Lua, _ options: RunOptions) throws {
    var module = LuaModule()
    // page(name): the help page of an operation, a function or a method, or nil.
    module.function("page") { call in
      let name = try call.string(1)
      let page = Op.byName[name].map { OpHelp(op: $0).text } ?? HelpPage.byName[name]?.text
      try call.push(page.map(LuaValue.string) ?? .nil)
      return 1
    }
    // summaries(): a list of {name, group, summary, signature, formula} in the order of the manual.
    module.function("summaries") { call in
      let pages = HelpPage.all.map { ($0.name, $0.group, $0.summary, $0.signature, "") }
      let ops = Op.everything.map { ($0.name, $0.group, $0.summary, OpHelp(op: $0).signature, $0.formula) }
      try call.push(
        .list(
          (pages + ops).map { name, group, summary, signature, formula in
            .record([
              ("name", .string(name)), ("group", .string(group)), ("summary", .string(summary)),
              ("signature", .string(signature)), ("formula", .string(formula)),
            ])
          }))
      return 1
    }
    // examples(): a list of {name, code, printed} of the pages that are no operations, for the test that runs them.
    module.function("examples") { call in
      try call.push(.list(HelpPage.all.map { .list([.string($0.name), .string($0.lua), .string($0.prints)]) }))
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
