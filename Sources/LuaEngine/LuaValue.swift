/// A Lua value in Swift, and the two directions of conversion.
///
/// Reading copies strings and takes references to tables and functions; nothing here can raise a Lua error.
import Base
import CLua
import CLuaShims

public indirect enum LuaValue {
  case `nil`
  case boolean(Bool)
  case integer(Int64)
  case number(Double)
  case string(String)
  /// A string that is not UTF-8 comes in as its bytes.
  case bytes([UInt8])
  case table(LuaTable)
  case function(LuaFunction)
  /// An object of a registered class; or a `LuaReference` to a value that has no Swift form (a thread, a file
  /// handle).
  case object(AnyObject)
  /// Only towards Lua: a fresh table 1...n.
  case list([LuaValue])
  /// Only towards Lua: a fresh table with string keys.
  case record([(String, LuaValue)])

  public static func int(_ value: Int) -> LuaValue { .integer(Int64(value)) }

  public var isNil: Bool {
    if case .nil = self { return true }
    return false
  }
  /// What Lua takes as true: anything but nil and false.
  public var isTrue: Bool {
    switch self {
    case .nil, .boolean(false): return false
    default: return true
    }
  }
  public var asString: String? {
    if case .string(let text) = self { return text }
    return nil
  }
  /// The bytes of a string.
  public var asBytes: [UInt8]? {
    switch self {
    case .string(let text): return Array(text.utf8)
    case .bytes(let bytes): return bytes
    default: return nil
    }
  }
  /// The integer, also of a number such as 2.0.
  public var asInteger: Int? {
    switch self {
    case .integer(let value): return Int(value)
    case .number(let value): return Int(exactly: value)
    default: return nil
    }
  }
  public var asNumber: Double? {
    switch self {
    case .integer(let value): return Double(value)
    case .number(let value): return value
    default: return nil
    }
  }
  public var asTable: LuaTable? {
    if case .table(let table) = self { return table }
    return nil
  }
  public var asFunction: LuaFunction? {
    if case .function(let function) = self { return function }
    return nil
  }
  /// The name of the type for messages: that of Lua, or of the class of an object.
  public var typeName: String {
    switch self {
    case .nil: return "nil"
    case .boolean: return "boolean"
    case .integer, .number: return "number"
    case .string, .bytes: return "string"
    case .table, .list, .record: return "table"
    case .function: return "function"
    case .object(let object): return ClassNames.name(of: object)
    }
  }
}

/// The type of an argument, without a conversion.
public enum LuaKind {
  case none, `nil`, boolean, string, table, function, thread
  /// A number with an exact integer value: 2, and also 2.0.
  case integer
  case number
  /// A userdata of a class registered here.
  case object
  /// Any other userdata.
  case userdata
}

extension Lua {
  /// Pushes any value.
  func push(_ value: LuaValue, on L: OpaquePointer, depth: Int = 0) throws {
    guard lua_checkstack(L, 8) != 0 else { throw Failure(.memory, "Lua stack overflow") }
    switch value {
    case .nil: lua_pushnil(L)
    case .boolean(let flag): lua_pushboolean(L, flag ? 1 : 0)
    case .integer(let value): lua_pushinteger(L, value)
    case .number(let value): lua_pushnumber(L, value)
    case .string(let text): try push(text, on: L)
    case .bytes(let bytes):
      try check(bytes.withUnsafeBytes { shim_push_string(L, $0.baseAddress, $0.count) }, on: L)
    case .table(let table): try push(table.reference, on: L)
    case .function(let function): try push(function.reference, on: L)
    case .object(let object): try push(object, on: L)
    case .list(let elements):
      guard depth < EngineLimits.valueDepth else { throw Failure(.value, "value nested too deeply") }
      try check(shim_push_table(L, try fits(elements.count), 0), on: L)
      for (i, element) in elements.enumerated() {
        if i & 0x3FF == 0x3FF { try Interrupt.check() }
        try push(element, on: L, depth: depth + 1)
        lua_rawseti(L, -2, Int64(i + 1))  // within the array part made above: allocates nothing
      }
    case .record(let fields):
      guard depth < EngineLimits.valueDepth else { throw Failure(.value, "value nested too deeply") }
      try check(shim_push_table(L, 0, try fits(fields.count)), on: L)
      for (name, field) in fields {
        try push(field, on: L, depth: depth + 1)
        var name = name
        try check(name.withUTF8 { shim_raw_set_field(L, -2, $0.baseAddress, $0.count) }, on: L)
      }
    }
  }

  @inline(__always)
  func push(_ text: String, on L: OpaquePointer) throws {
    var text = text
    try check(text.withUTF8 { shim_push_string(L, $0.baseAddress, $0.count) }, on: L)
  }

  func push(_ reference: LuaReference, on L: OpaquePointer) throws {
    guard reference.registry === registry else {
      throw Failure(.state, registry.state == nil ? "the Lua state is closed" : "value of another Lua state")
    }
    shim_push_ref(L, reference.key)
  }

  func push(_ object: AnyObject, on L: OpaquePointer) throws {
    guard let record = classRecord(of: object) else {
      if let reference = object as? LuaReference { return try push(reference, on: L) }
      throw Failure(.state, "\(Swift.type(of: object)) is not registered as a Lua class")
    }
    let retained = Unmanaged.passRetained(object)
    let status = shim_push_object(L, retained.toOpaque(), record.metatable)
    if status != LUA_OK {
      retained.release()
      throw error(status, on: L)
    }
    collectIfNativeBytesGrew()
  }

  func pushFunction(_ name: String, _ body: @escaping NativeBody, on L: OpaquePointer) throws {
    let retained = Unmanaged.passRetained(NativeEntry(name: name, body: body))
    let status = shim_push_function(L, retained.toOpaque())
    if status != LUA_OK {
      retained.release()
      throw error(status, on: L)
    }
  }

  /// Reads the value at `index`.
  func value(_ L: OpaquePointer, _ index: Int32) throws -> LuaValue {
    switch lua_type(L, index) {
    case LUA_TNONE, LUA_TNIL: return .nil
    case LUA_TBOOLEAN: return .boolean(lua_toboolean(L, index) != 0)
    case LUA_TNUMBER:
      return lua_isinteger(L, index) != 0
        ? .integer(lua_tointegerx(L, index, nil)) : .number(lua_tonumberx(L, index, nil))
    case LUA_TSTRING:
      let buffer = stringBuffer(L, index)
      if let text = String(validating: buffer, as: UTF8.self) { return .string(text) }
      return .bytes(Array(buffer))
    case LUA_TTABLE: return .table(LuaTable(try copyReference(L, index)))
    case LUA_TFUNCTION: return .function(LuaFunction(try copyReference(L, index)))
    default:
      if let object = shim_object(L, index) {
        return .object(Unmanaged<AnyObject>.fromOpaque(object).takeUnretainedValue())
      }
      return .object(try copyReference(L, index))
    }
  }

  /// Reads and removes the top.
  func pop(_ L: OpaquePointer) throws -> LuaValue {
    defer { lua_settop(L, -2) }
    return try value(L, -1)
  }

  /// The bytes of the string at `index`; they live as long as it stays on the stack.
  @inline(__always)
  func stringBuffer(_ L: OpaquePointer, _ index: Int32) -> UnsafeBufferPointer<UInt8> {
    var count = 0
    let bytes = lua_tolstring(L, index, &count)
    return UnsafeBufferPointer(
      start: UnsafeRawPointer(bytes)?.assumingMemoryBound(to: UInt8.self), count: count)
  }

  /// The string on the top, repaired to UTF-8, for messages.
  func topText(_ L: OpaquePointer) -> String {
    lua_type(L, -1) == LUA_TSTRING ? String(decoding: stringBuffer(L, -1), as: UTF8.self) : ""
  }

  /// Pops the top into a reference.
  func reference(_ L: OpaquePointer) throws -> LuaReference {
    var key: Int32 = 0
    try check(shim_ref(L, &key), on: L)
    return LuaReference(registry: registry, key: key)
  }

  func copyReference(_ L: OpaquePointer, _ index: Int32) throws -> LuaReference {
    guard lua_checkstack(L, 4) != 0 else { throw Failure(.memory, "Lua stack overflow") }
    registry.drain()
    lua_pushvalue(L, index)
    return try reference(L)
  }

  private func fits(_ count: Int) throws -> Int32 {
    guard let count = Int32(exactly: count) else {
      throw Failure(.memory, "table of \(count) elements is too large")
    }
    return count
  }
}
