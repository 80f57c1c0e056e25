/// `perilune.native.help`: the pages of native functions, methods, properties and operations.
///
/// stdlib/help.lua adds the pages of Lua functions, which are the comments above them.
import Base
import LuaEngine

extension Bindings {
  static func installHelp(_ library: Library) throws {
    let manual = library.manual
    try library.add(
      NativeModule("help", prefix: "native.help.", group: "help") { module in
        addPages(&module, manual)
        addLists(&module, manual)
      })
  }

  private static let native = "native = require 'perilune.native.help'\n"

  private static func addPages(_ module: inout NativeModule, _ manual: Manual) {
    module.function(
      "page",
      Page(
        "native.help.page(name)", "The page of a native function as text, or nil.",
        example: native + "print(native.page 'exp':match '^[^\\n]+')", prints: "x:exp()")
    ) { call in
      let name = String(validating: try call.bytes(1), as: UTF8.self)
      try call.push(name.flatMap { manual[$0] }.map { .string($0.text) } ?? .nil)
      return 1
    }
    module.function(
      "options",
      Page(
        "native.help.options(name)",
        "The declared options of a native function: a list of {name, type, default, required, sentence, "
          + "expected, least, most, above, below, choices}.", errors: "no native function has this name",
        example: native
          + "option = native.options('Model:sample')[1]\nprint(option.name, option.default, option.least)",
        prints: "max_new_tokens\t32\t0")
    ) { call in
      let name = try call.string(1)
      guard let page = manual[name] else {
        throw call.bad(1, "no native function '\(name)'\(Nearest.hint(name, in: manual.names))")
      }
      try call.push(.list(page.options.map(\.record)))
      return 1
    }
    module.function(
      "manual",
      Page(
        "native.help.manual()", "All native pages as Markdown.",
        example: native + "print(native.manual():match '^# %a+')", prints: "# Tensors")
    ) { call in
      try call.pushString(manual.markdown)
      return 1
    }
    module.function(
      "nearest",
      Page(
        "native.help.nearest(name, names)",
        "The name in a list that is nearest to a misspelt one, or nil. What is no UTF-8 is near to nothing.",
        example: native + "print(native.nearest('stpes', {'beta', 'steps'}))", prints: "steps")
    ) { call in
      let name = String(validating: try call.bytes(1), as: UTF8.self)
      let names = try call.table(2).texts()
      try call.push(name.flatMap { Nearest.name(to: $0, in: names) }.map(LuaValue.string) ?? .nil)
      return 1
    }
  }

  private static func addLists(_ module: inout NativeModule, _ manual: Manual) {
    module.function(
      "summaries",
      Page(
        "native.help.summaries()",
        "A list of {name, group, summary, text} of all pages, in the order of the manual. text is what "
          + "apropos searches.",
        example: native + "print(#native.summaries() > 200)", prints: "true")
    ) { call in
      let list = manual.entries.map { entry in
        LuaValue.record([
          ("name", .string(entry.name)), ("group", .string(entry.group)),
          ("summary", .string(entry.page.summary)), ("text", .string(entry.page.searched)),
        ])
      }
      try call.push(.list(list))
      return 1
    }
    module.function(
      "pages",
      Page(
        "native.help.pages()",
        "A list of {name, part, group, signature, summary, parameters, options, facts, example, prints} of all "
          + "pages, in the order of the manual. parameters and facts are lists of {name, text}.",
        example: native + "print(type(native.pages()[1].signature))", prints: "string")
    ) { call in
      try call.push(
        .list(manual.entries.map { $0.page.record(name: $0.name, part: $0.part, group: $0.group) }))
      return 1
    }
    module.function(
      "examples",
      Page(
        "native.help.examples()",
        "A list of {name, code, printed} of all pages, for the test that runs them.",
        example: native + "print(#native.examples()[1])", prints: "3")
    ) { call in
      let list = manual.entries.map { entry in
        LuaValue.list([
          .string(entry.name), .string(entry.page.example), .string(entry.page.prints),
        ])
      }
      try call.push(.list(list))
      return 1
    }
    module.function(
      "functions",
      Page(
        "native.help.functions()",
        "A list of {name of the page, function} of all native functions and methods; of a property, its "
          + "getter.",
        example: native + "print(#native.functions()[1])", prints: "2")
    ) { call in
      try call.push(
        .list(try functions(call.lua, manual).map { .list([.string($0.name), $0.value]) }))
      return 1
    }
  }

  private static func functions(_ lua: Lua, _ manual: Manual) throws -> [(name: String, value: LuaValue)] {
    guard case .function(let require) = try lua.global("require") else {
      throw Failure(.state, "no 'require'")
    }
    let classes = Dictionary(
      try lua.registeredClasses().map { ($0.name, ($0.methods, $0.getters)) }, uniquingKeysWith: { $1 })
    return try manual.places.compactMap { entry in
      let found: LuaValue
      switch entry.place {
      case .topic: return nil
      case .module(let path):
        found = try require.first([.string(path)]).asTable?.get(entry.declared.member) ?? .nil
      case .member(let name):
        let method = try classes[name]?.0.get(entry.declared.member) ?? .nil
        found = try method.isNil ? classes[name]?.1.get(entry.declared.member) ?? .nil : method
      }
      return found.isNil ? nil : (entry.name, found)
    }
  }
}
