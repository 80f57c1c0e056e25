/// What a native function receives: its arguments, read without ever raising, and the means to give results.
///
/// Arguments are numbered from 1; in a method, 1 is the object itself. Reading throws the error that
/// `luaL_argerror` would raise.
import Base
import CLua
import CLuaShims

public typealias NativeBody = (Call) throws -> Int

/// A native function's body with the name it is known by in messages.
final class NativeEntry {
  let name: String
  let body: NativeBody
  init(name: String, body: @escaping NativeBody) {
    self.name = name
    self.body = body
  }
}

/// Valid during the call: the state and the entry, which the engine keeps alive until the call ends, are not counted.
public struct Call {
  public unowned(unsafe) let lua: Lua
  /// The number of arguments.
  public let count: Int
  let L: OpaquePointer
  unowned(unsafe) let entry: NativeEntry

  /// The name of the function, as registered.
  public var name: String { entry.name }

  // MARK: Asking

  public func kind(_ i: Int) -> LuaKind {
    guard i >= 1 && i <= count else { return .none }
    switch lua_type(L, Int32(i)) {
    case LUA_TNIL: return .nil
    case LUA_TBOOLEAN: return .boolean
    case LUA_TNUMBER:
      var fits: Int32 = 0
      _ = lua_tointegerx(L, Int32(i), &fits)
      return fits != 0 ? .integer : .number
    case LUA_TSTRING: return .string
    case LUA_TTABLE: return .table
    case LUA_TFUNCTION: return .function
    case LUA_TTHREAD: return .thread
    default: return shim_object(L, Int32(i)) != nil ? .object : .userdata
    }
  }

  /// The name of an argument's type for messages: "table", "Tensor", "no value".
  public func typeName(_ i: Int) -> String {
    guard i >= 1 && i <= count else { return "no value" }
    if let object = objectIfAny(i) { return lua.classRecord(of: object)?.name ?? "userdata" }
    if shim_is_closed_object(L, Int32(i)) != 0 { return "closed object" }
    return String(cString: lua_typename(L, lua_type(L, Int32(i))))
  }

  /// True for an argument left out or nil.
  public func isNil(_ i: Int) -> Bool { i < 1 || i > count || lua_type(L, Int32(i)) <= LUA_TNIL }

  /// True if native code called the function or triggered it as a metamethod, such as the iterator of `ipairs`.
  public var isFromC: Bool { shim_called_from_c(L) != 0 }

  // MARK: Reading

  public func integer(_ i: Int) throws -> Int {
    guard i >= 1 && i <= count, lua_type(L, Int32(i)) == LUA_TNUMBER else { throw wrongType(i, "number") }
    var fits: Int32 = 0
    let value = lua_tointegerx(L, Int32(i), &fits)
    if fits == 0 { throw bad(i, "number has no integer representation") }
    return Int(value)
  }

  public func number(_ i: Int) throws -> Double {
    guard i >= 1 && i <= count, lua_type(L, Int32(i)) == LUA_TNUMBER else { throw wrongType(i, "number") }
    return lua_tonumberx(L, Int32(i), nil)
  }

  public func boolean(_ i: Int) throws -> Bool {
    guard i >= 1 && i <= count, lua_type(L, Int32(i)) == LUA_TBOOLEAN else { throw wrongType(i, "boolean") }
    return lua_toboolean(L, Int32(i)) != 0
  }

  public func string(_ i: Int) throws -> String {
    guard i >= 1 && i <= count, lua_type(L, Int32(i)) == LUA_TSTRING else { throw wrongType(i, "string") }
    guard let text = String(validating: lua.stringBuffer(L, Int32(i)), as: UTF8.self) else {
      throw bad(i, "string is not valid UTF-8")
    }
    return text
  }

  public func bytes(_ i: Int) throws -> [UInt8] {
    guard i >= 1 && i <= count, lua_type(L, Int32(i)) == LUA_TSTRING else { throw wrongType(i, "string") }
    return Array(lua.stringBuffer(L, Int32(i)))
  }

  /// The object of a registered class, or nil for anything else.
  @inline(__always)
  public func objectIfAny(_ i: Int) -> AnyObject? {
    guard i >= 1 && i <= count, let object = shim_object(L, Int32(i)) else { return nil }
    return Unmanaged<AnyObject>.fromOpaque(object).takeUnretainedValue()
  }

  public func object<T: AnyObject>(_ i: Int, as type: T.Type = T.self) throws -> T {
    if let object = objectIfAny(i) as? T { return object }
    throw wrongType(i, lua.classes[ObjectIdentifier(T.self)]?.name ?? "\(T.self)")
  }

  public func table(_ i: Int) throws -> LuaTable {
    guard i >= 1 && i <= count, lua_type(L, Int32(i)) == LUA_TTABLE else { throw wrongType(i, "table") }
    return LuaTable(try lua.copyReference(L, Int32(i)))
  }

  public func function(_ i: Int) throws -> LuaFunction {
    guard i >= 1 && i <= count, lua_type(L, Int32(i)) == LUA_TFUNCTION else { throw wrongType(i, "function") }
    return LuaFunction(try lua.copyReference(L, Int32(i)))
  }

  public func value(_ i: Int) throws -> LuaValue {
    guard i >= 1 && i <= count else { return .nil }
    return try lua.value(L, Int32(i))
  }

  // MARK: Results

  public func push(_ value: LuaValue) throws { try lua.push(value, on: L) }
  public func pushNil() throws { try ensureSlot(); lua_pushnil(L) }
  public func pushInteger(_ value: Int) throws { try ensureSlot(); lua_pushinteger(L, Int64(value)) }
  public func pushNumber(_ value: Double) throws { try ensureSlot(); lua_pushnumber(L, value) }
  public func pushBoolean(_ value: Bool) throws { try ensureSlot(); lua_pushboolean(L, value ? 1 : 0) }
  public func pushString(_ value: String) throws { try lua.push(value, on: L) }
  public func pushObject(_ value: AnyObject) throws { try lua.push(value, on: L) }
  /// Pushes argument `i` again: what a method does that returns its own object.
  public func pushArgument(_ i: Int) throws {
    try ensureSlot()
    if i >= 1 && i <= count { lua_pushvalue(L, Int32(i)) } else { lua_pushnil(L) }
  }
  /// Pushes a fresh list of integers, at about the cost of the table.
  public func pushIntegers(_ values: [Int]) throws {
    let status = values.withUnsafeBufferPointer { buffer in
      buffer.withMemoryRebound(to: Int64.self) { shim_push_integers(L, $0.baseAddress, $0.count) }
    }
    try lua.check(status, on: L)
  }
  /// The same from memory that need not be an array.
  public func pushIntegers(_ values: UnsafeBufferPointer<Int64>) throws {
    try lua.check(shim_push_integers(L, values.baseAddress, values.count), on: L)
  }
  /// Pushes a fresh list of lists of integers.
  public func pushIntegerLists(_ lists: [[Int]]) throws {
    guard let count = Int32(exactly: lists.count) else {
      throw Failure(.memory, "table of \(lists.count) elements is too large")
    }
    try lua.check(shim_push_table(L, count, 0), on: L)
    for (i, list) in lists.enumerated() {
      try pushIntegers(list)
      lua_rawseti(L, -2, Int64(i + 1))  // within the array part made above: allocates nothing
    }
  }
  /// Pushes a fresh list of numbers.
  public func pushNumbers(_ values: [Double]) throws {
    try lua.check(values.withUnsafeBufferPointer { shim_push_numbers(L, $0.baseAddress, $0.count) }, on: L)
  }

  /// Lets go of the object that argument `i` holds, as the end of a `<close>` block does. Later uses are
  /// refused.
  public func closeObject(_ i: Int) {
    if i >= 1 && i <= count { shim_close_object(L, Int32(i)) }
  }

  // MARK: Errors

  /// "bad argument #i to 'name' (message)", with the object of a method call not counted.
  public func bad(_ i: Int, _ message: String) -> LuaError {
    LuaError(kind: "argument", message: argumentMessage(i, message), reason: message)
  }

  func argumentMessage(_ i: Int, _ message: String) -> String {
    guard shim_called_as_method(L) != 0 else { return "bad argument #\(i) to '\(name)' (\(message))" }
    return i == 1
      ? "calling '\(name)' on bad self (\(message))" : "bad argument #\(i - 1) to '\(name)' (\(message))"
  }

  func wrongType(_ i: Int, _ expected: String) -> LuaError {
    bad(i, "\(expected) expected, got \(typeName(i))")
  }

  /// Makes sure that the stack has a free slot for one value.
  @inline(__always)
  private func ensureSlot() throws {
    if lua_checkstack(L, 1) == 0 { throw Failure(.memory, "Lua stack overflow") }
  }
}
