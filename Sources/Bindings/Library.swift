/// What the areas of the library add to a Lua state: classes and modules, and their pages to the manual.
import Base
import LuaEngine

struct Library {
  let lua: Lua
  let options: RunOptions
  let manual: Manual
  /// The part of the manual that the next pages belong to.
  let part: String

  func add<T>(_ declaration: NativeClass<T>) throws {
    try lua.register(declaration.lua)
    for page in declaration.pages { document(page, .member(declaration.name)) }
  }

  func add(_ module: NativeModule) throws {
    try lua.preload(module.path, module.lua)
    try Bindings.makeStrict(module, in: lua)
    for page in module.pages { document(page, .module(module.path)) }
  }

  /// A page on a subject that is no function.
  func topic(_ name: String, group: String, _ page: Page) {
    document(Declared(member: name, name: name, group: group, page: page), .topic)
  }

  /// Pages of a class that the Lua engine itself registers.
  func document(_ page: Declared, _ place: Manual.Place) {
    manual.add(Manual.Entry(declared: page, place: place, part: part))
  }
}
