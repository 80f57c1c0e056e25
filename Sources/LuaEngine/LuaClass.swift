/// Declares what Lua sees of a Swift class: methods, getters, operators, and what `t[key]` does beyond them.
///
///     var tensor = LuaClass<Tensor>("Tensor")
///     tensor.method("sum") { call, tensor in try call.pushObject(tensor.sum()); return 1 }
///     tensor.metamethod("__add") { call in ... }
///     try lua.register(tensor)
///
/// An object is released when Lua collects it, or at the end of a block for `local t <close>`. Equality is
/// identity of the object.
import Base
import CLua
import CLuaShims
import Foundation

public struct LuaClass<T: AnyObject> {
  public let name: String
  var methods: [NativeEntry] = []
  var getters: [NativeEntry] = []
  var metamethods: [NativeEntry] = []
  var indexHook: NativeBody?
  var newindexHook: NativeBody?

  public init(_ name: String) { self.name = name }

  /// `object:name(...)`. Argument 1 is the object.
  public mutating func method(_ name: String, _ body: @escaping (Call, T) throws -> Int) {
    methods.append(NativeEntry(name: name) { call in try body(call, call.object(1, as: T.self)) })
  }

  /// `object.name`.
  public mutating func property(_ name: String, _ body: @escaping (T) throws -> LuaValue) {
    getters.append(
      NativeEntry(name: name) { call in
        try call.push(body(call.object(1, as: T.self)))
        return 1
      })
  }

  /// An operator, such as "__add" or "__tostring".
  public mutating func metamethod(_ name: String, _ body: @escaping NativeBody) {
    metamethods.append(NativeEntry(name: name, body: body))
  }

  /// `object[key]` when no method or property has that name: the key is argument 2.
  public mutating func index(_ body: @escaping (Call, T) throws -> Int) {
    indexHook = { call in try body(call, call.object(1, as: T.self)) }
  }

  /// `object[key] = value`: arguments 2 and 3.
  public mutating func newindex(_ body: @escaping (Call, T) throws -> Int) {
    newindexHook = { call in try body(call, call.object(1, as: T.self)) }
  }
}

/// A registered class: its name in messages, and its metatable in the registry.
final class ClassRecord {
  let name: String
  let metatable: Int32
  let matches: (AnyObject) -> Bool
  init(name: String, metatable: Int32, matches: @escaping (AnyObject) -> Bool) {
    self.name = name
    self.metatable = metatable
    self.matches = matches
  }
}

/// The Lua names of Swift classes, for messages about values that no state is at hand for.
enum ClassNames {
  private static let lock = NSLock()
  private nonisolated(unsafe) static var names: [ObjectIdentifier: String] = [:]

  static func set(_ name: String, for type: AnyClass) {
    lock.withLock { names[ObjectIdentifier(type)] = name }
  }

  static func name(of object: AnyObject) -> String {
    lock.withLock { names[ObjectIdentifier(type(of: object))] } ?? "userdata"
  }
}

extension Lua {
  /// Makes the class known to this state; once for a Swift class.
  public func register<T: AnyObject>(_ declaration: LuaClass<T>) throws {
    guard classes[ObjectIdentifier(T.self)] == nil else {
      throw Failure(.state, "\(declaration.name) is registered already")
    }
    let metatable: Int32 = try use { L in
      for (name, hook) in [("index", declaration.indexHook), ("newindex", declaration.newindexHook)] {
        if let hook { try pushFunction(name, hook, on: L) } else { lua_pushnil(L) }
      }
      for functions in [declaration.methods, declaration.getters, declaration.metamethods] {
        try check(shim_push_table(L, 0, Int32(functions.count)), on: L)
        for entry in functions {
          // Messages name 'add', as Lua's do, not '__add'.
          let publicName = entry.name.hasPrefix("__") ? String(entry.name.dropFirst(2)) : entry.name
          try pushFunction(publicName, entry.body, on: L)
          try check(shim_raw_set_field(L, -2, entry.name, entry.name.utf8.count), on: L)
        }
      }
      var reference: Int32 = 0
      try check(shim_class(L, declaration.name, &reference), on: L)
      return reference
    }
    ClassNames.set(declaration.name, for: T.self)
    classes[ObjectIdentifier(T.self)] = ClassRecord(name: declaration.name, metatable: metatable) { $0 is T }
  }

  /// The registered classes by name, each with the tables of its methods and of the getters of its
  /// properties.
  public func registeredClasses() throws -> [(name: String, methods: LuaTable, getters: LuaTable)] {
    try classes.values.sorted { $0.name < $1.name }.map { record in
      (record.name, try part("__methods", of: record), try part("__getters", of: record))
    }
  }

  private func part(_ name: String, of record: ClassRecord) throws -> LuaTable {
    try use { L in
      shim_push_ref(L, record.metatable)
      try push(.string(name), on: L)
      try check(shim_get(L, -2), on: L)
      return LuaTable(try reference(L))
    }
  }
}
