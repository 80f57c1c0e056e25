/// The native half of `perilune.help`: the pages of operations, functions, methods and properties.
///
/// The other half is stdlib/help.lua, which also reads the comments above Lua functions.
import Autograd
import Base
import LuaEngine

extension Bindings {
  static func installHelp(_ lua: Lua, _ options: RunOptions) throws {
    var module = LuaModule()
    module.function("page") { call in
      let name = try call.string(1)
      let page = Op.byName[name].map { OpHelp(op: $0).text } ?? HelpPage.byName[name]?.text
      try call.push(page.map(LuaValue.string) ?? .nil)
      return 1
    }
    module.function("summaries") { call in
      let pages = HelpPage.all.map { ($0.name, $0.group, $0.summary, $0.signature, "") }
      let ops = Op.catalogue.map { ($0.name, $0.group, $0.summary, OpHelp(op: $0).signature, $0.formula) }
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
    module.function("options") { call in
      let name = try call.string(1)
      guard let page = HelpPage.byName[name] else {
        throw call.bad(
          1, "no native function '\(name)'\(Nearest.hint(name, in: Array(HelpPage.byName.keys)))")
      }
      try call.push(.list(page.options.map(\.record)))
      return 1
    }
    module.function("examples") { call in
      try call.push(
        .list(HelpPage.all.map { .list([.string($0.name), .string($0.lua), .string($0.prints)]) }))
      return 1
    }
    module.function("natives") { call in
      try call.push(.list(natives(call.lua).map { .list([.string($0.name), $0.value]) }))
      return 1
    }
    module.function("manual") { call in
      try call.pushString(OpHelp.manual)
      return 1
    }
    module.function("nearest") { call in
      let nearest = Nearest.name(to: try call.string(1), in: try call.table(2).strings())
      try call.push(nearest.map(LuaValue.string) ?? .nil)
      return 1
    }
    try lua.preload("perilune.native.help", module)
  }

  /// Every function of the native modules, and every method and property of the classes, by the name of its page.
  private static func natives(_ lua: Lua) throws -> [(name: String, value: LuaValue)] {
    guard case .function(let require) = try lua.global("require") else {
      throw Failure(.state, "no 'require'")
    }
    var found: [(name: String, value: LuaValue)] = []
    func add(_ table: LuaTable, _ prefix: String) throws {
      for (key, value) in try table.entries() {
        guard let name = key.asString, value.asFunction != nil else { continue }
        // The form in place has the page of its operation.
        let plain =
          name.hasSuffix("_") && HelpPage.byName[prefix + name] == nil ? String(name.dropLast()) : name
        found.append((prefix + plain, value))
      }
    }
    for name in lua.nativeModules {
      guard case .table(let module) = try require.first([.string(name)]) else { continue }
      try add(module, HelpPage.prefix(ofModule: name))
    }
    for (name, methods, getters) in try lua.registeredClasses() {
      try add(methods, HelpPage.prefix(ofClass: name))
      try add(getters, HelpPage.prefix(ofClass: name))
    }
    return found
  }
}

extension HelpPage {
  private static let native = "native = require 'perilune.native.help'\n"

  static let helpModule = [
    HelpPage(
      "native.help.page", "help", "native.page(name)", "The text of the page of a native function, or nil.",
      native + "print(native.page 'exp':match '^[^\\n]+')", prints: "x:exp()"),
    HelpPage(
      "native.help.summaries", "help", "native.summaries()",
      "A list of {name, group, summary, signature, formula} of all pages, in the order of the manual.",
      native + "print(#native.summaries() > 200)", prints: "true"),
    HelpPage(
      "native.help.options", "help", "native.options(name)",
      "The declared options of a native function, by the name of its page: a list of {name, type, default, required, "
        + "sentence, expected, least, most, above, below, choices}.",
      errors: "no native function has this name",
      native + "print(native.options('Model:sample')[1].name, native.options('Model:sample')[1].default)",
      prints: "max_new_tokens\t32"),
    HelpPage(
      "native.help.examples", "help", "native.examples()",
      "A list of {name, code, printed} of the pages that are no operations, for the test that runs them.",
      native + "print(#native.examples()[1])", prints: "3"),
    HelpPage(
      "native.help.natives", "help", "native.natives()",
      "A list of {name of the page, function} of everything native that Lua can see; of a property, its getter.",
      native + "print(#native.natives()[1])", prints: "2"),
    HelpPage(
      "native.help.manual", "help", "native.manual()", "All pages as Markdown.",
      native + "print(native.manual():match '^# %a+')", prints: "# Tensors"),
    HelpPage(
      "native.help.nearest", "help", "native.nearest(name, names)",
      "The name that was probably meant, or nil.",
      native + "print(native.nearest('stpes', {'beta', 'steps'}))", prints: "steps"),
  ]

  private static let caught = "ok, err = pcall(function() return T{1, 2} + T{1, 2, 3} end)\n"

  static let errorClass = [
    HelpPage(
      "Error:kind", "errors", "err.kind",
      "What kind of error a native function raised, such as \"shape\" or \"value\".",
      caught + "print(err.kind)", prints: "shape"),
    HelpPage(
      "Error:message", "errors", "err.message", "What was wrong, without the place.",
      caught + "print(tostring(err):find(err.message, 1, true) ~= nil)", prints: "true"),
    HelpPage(
      "Error:position", "errors", "err.position", "The place in the script, \"file:line:\".",
      caught + "print(type(err.position))", prints: "string"),
    HelpPage(
      "Error:traceback", "errors", "err.traceback",
      "The calls that led there, as debug.traceback shows them.",
      caught + "print(type(err.traceback))", prints: "string"),
    HelpPage(
      "Error:cause", "errors", "err.cause", "The error behind this one, or nil.", caught + "print(err.cause)",
      prints: "nil"),
  ]
}
