/// A native module, `perilune.native.NAME`: functions, each declared together with its page.
///
///     NativeModule("system", group: "system") { module in
///       module.function("clock", Page("system.clock()", ...)) { call in ... }
///     }
import LuaEngine

/// The page of a member of a module or class: what the member is called there, and the name of the page.
struct Declared {
  let member: String
  let name: String
  let group: String
  let page: Page
}

struct NativeModule {
  let name: String
  /// What messages call the module: "T", "models".
  let title: String
  /// What precedes a function's name on its page: "models.", or "" for the functions of `T`.
  let prefix: String
  /// The heading in the manual of the pages declared next.
  var group: String
  private(set) var lua = LuaModule()
  private(set) var pages: [Declared] = []

  /// The name for `require`.
  var path: String { "perilune.native." + name }

  init(
    _ name: String, title: String? = nil, prefix: String? = nil, group: String,
    _ build: (inout NativeModule) -> Void = { _ in }
  ) {
    self.name = name
    self.title = title ?? name
    self.prefix = prefix ?? name + "."
    self.group = group
    build(&self)
  }

  mutating func function(_ name: String, _ page: Page, _ body: @escaping NativeBody) {
    lua.function(name, body)
    pages.append(Declared(member: name, name: prefix + name, group: group, page: page))
  }

  /// A function whose argument `place` is a table of the options that its page declares.
  mutating func function(
    _ name: String, _ page: Page, optionsAt place: Int,
    _ body: @escaping (Call, OptionTable) throws -> Int
  ) {
    function(name, page) { call in try body(call, try OptionTable(call, place, page.options)) }
  }

  mutating func value(_ name: String, _ value: LuaValue) { lua.value(name, value) }
}
