/// A Swift class as Lua sees it: methods and properties, each declared together with its page.
///
///     var job = NativeClass<ForkedJob>("Job", group: "system")
///     job.method("stop", Page("job:stop()", ...)) { call, job in ... }
///     job.property("id", Page("job.id", ...)) { .int($0.id) }
///     try library.add(job)
import LuaEngine

struct NativeClass<T: AnyObject> {
  let name: String
  /// What precedes a method's name on its page: "Model:", or "" for the methods of a tensor.
  let prefix: String
  /// The heading in the manual of the pages declared next.
  var group: String
  private(set) var lua: LuaClass<T>
  private(set) var pages: [Declared] = []

  init(_ name: String, prefix: String? = nil, group: String) {
    self.name = name
    self.prefix = prefix ?? name + ":"
    self.group = group
    lua = LuaClass<T>(name)
  }

  /// `object:name(...)`. Argument 1 is the object. `title` is the name of the page where it differs from the method's.
  mutating func method(
    _ name: String, _ page: Page, titled title: String? = nil, _ body: @escaping (Call, T) throws -> Int
  ) {
    lua.method(name, body)
    pages.append(Declared(member: name, name: prefix + (title ?? name), group: group, page: page))
  }

  /// A method whose argument `place` (the object is 1) is a table of the options that its page declares.
  mutating func method(
    _ name: String, _ page: Page, optionsAt place: Int,
    _ body: @escaping (Call, T, OptionTable) throws -> Int
  ) {
    method(name, page) { call, object in try body(call, object, try OptionTable(call, place, page.options)) }
  }

  /// A method that changes the object and returns it, so that calls chain.
  mutating func chained(
    _ name: String, _ page: Page, titled title: String? = nil, _ body: @escaping (Call, T) throws -> Void
  ) {
    method(name, page, titled: title) { call, object in
      try body(call, object)
      try call.pushArgument(1)
      return 1
    }
  }

  /// `object.name`.
  mutating func property(_ name: String, _ page: Page, _ body: @escaping (T) throws -> LuaValue) {
    lua.property(name, body)
    pages.append(Declared(member: name, name: prefix + name, group: group, page: page))
  }

  /// An operator, such as "__add" or "__tostring".
  mutating func metamethod(_ name: String, _ body: @escaping NativeBody) { lua.metamethod(name, body) }

  /// `object[key]` of a key that is no method or property: argument 2.
  mutating func index(_ body: @escaping (Call, T) throws -> Int) { lua.index(body) }

  /// `object[key] = value`: arguments 2 and 3.
  mutating func newindex(_ body: @escaping (Call, T) throws -> Int) { lua.newindex(body) }
}
