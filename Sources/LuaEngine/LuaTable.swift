/// A Lua table that Swift refers to.
///
/// `get`, `set` and `count` follow metamethods as Lua code does. The bulk readers are raw and fast: a batch
/// of a million token ids crosses in a few milliseconds, without a Swift value per element.
import Base
import CLua
import CLuaShims

public struct LuaTable {
  public let reference: LuaReference
  init(_ reference: LuaReference) { self.reference = reference }

  /// `#t`, as Lua gives it.
  public var count: Int {
    get throws {
      try use { lua, L in
        var length: Int64 = 0
        try lua.check(shim_length(L, -1, &length), on: L)
        return Int(length)
      }
    }
  }

  /// The raw length, which the bulk readers read. A length that the table's memory cannot hold is an error.
  public var rawCount: Int { get throws { try use { _, L in try Self.length(L) } } }

  public func get(_ position: Int) throws -> LuaValue { try get(.integer(Int64(position))) }
  public func get(_ name: String) throws -> LuaValue { try get(.string(name)) }
  public func get(_ key: LuaValue) throws -> LuaValue {
    try use { lua, L in
      try lua.push(key, on: L)
      try lua.check(shim_get(L, -2), on: L)
      return try lua.value(L, -1)
    }
  }

  public func set(_ position: Int, _ value: LuaValue) throws { try set(.integer(Int64(position)), value) }
  public func set(_ name: String, _ value: LuaValue) throws { try set(.string(name), value) }
  public func set(_ key: LuaValue, _ value: LuaValue) throws {
    try use { lua, L in
      try lua.push(key, on: L)
      try lua.push(value, on: L)
      try lua.check(shim_set(L, -3), on: L)
    }
  }

  /// All pairs, raw, as a snapshot, in Lua's order.
  public func entries() throws -> [(key: LuaValue, value: LuaValue)] {
    try use { lua, L in
      var pairs: [(key: LuaValue, value: LuaValue)] = []
      let index = lua_gettop(L)
      lua_pushnil(L)
      while true {
        var more: Int32 = 0
        try lua.check(shim_next(L, index, &more), on: L)
        if more == 0 { return pairs }
        if pairs.count & 0x3FFF == 0x3FFF { try Interrupt.check() }
        pairs.append((try lua.value(L, -2), try lua.value(L, -1)))
        lua_settop(L, -2)
      }
    }
  }

  /// The elements 1...n as values, raw.
  public func list() throws -> [LuaValue] {
    try use { lua, L in
      try (0..<Self.length(L)).map { i in
        if i & 0x3FFF == 0x3FFF { try Interrupt.check() }
        lua_rawgeti(L, -1, Int64(i + 1))
        return try lua.pop(L)
      }
    }
  }

  /// The elements 1...n as integers (2.0 counts, 2.5 and "2" do not).
  public func integers() throws -> [Int] {
    try use { lua, L in try Self.integers(lua, L, prefix: "") }
  }

  /// The elements 1...n as numbers.
  public func numbers() throws -> [Double] {
    try use { lua, L in try Self.numbers(lua, L, prefix: "") }
  }

  /// The elements 1...n, each a list of integers.
  public func listOfIntegerLists() throws -> [[Int]] {
    try use { lua, L in try Self.integerLists(lua, L) }
  }

  /// The elements 1...n as strings.
  public func strings() throws -> [String] {
    try list().enumerated().map { i, value in
      guard case .string(let text) = value else {
        if case .bytes = value { throw Failure(.value, "element [\(i + 1)] is not valid UTF-8") }
        throw Failure(.value, "element [\(i + 1)] is a \(value.typeName), expected a string")
      }
      return text
    }
  }

  /// The elements 1...n that are UTF-8, as strings. Errors: an element is no string.
  public func texts() throws -> [String] {
    try list().enumerated().compactMap { i, value in
      switch value {
      case .string(let text): return text
      case .bytes: return nil
      default: throw Failure(.value, "element [\(i + 1)] is a \(value.typeName), expected a string")
      }
    }
  }

  // MARK: Inside

  private func use<R>(_ body: (Lua, OpaquePointer) throws -> R) throws -> R {
    let lua = try reference.lua()
    return try lua.use { L in
      try lua.push(reference, on: L)
      return try body(lua, L)
    }
  }

  /// The length of the list on the top. A table with the keys 2^12, 2^13, ... has a length of up to 2^63 with
  /// few elements: it is refused before anything of that size is allocated.
  private static func length(_ L: OpaquePointer) throws -> Int {
    let length = shim_list_length(L, -1)
    if length < 0 {
      throw Failure(.value, "the list has length \(lua_rawlen(L, -1)), but far fewer elements: it has holes")
    }
    return Int(length)
  }

  private static func integers(_ lua: Lua, _ L: OpaquePointer, prefix: String) throws -> [Int] {
    let count = try length(L)
    var bad: Int64 = 0
    let values = [Int](unsafeUninitializedCapacity: count) { buffer, initialized in
      bad = buffer.withMemoryRebound(to: Int64.self) { shim_read_integers(L, -1, $0.baseAddress, count) }
      initialized = bad == 0 ? count : 0
    }
    if bad == SHIM_CUT { throw Interrupt.failure }
    if bad != 0 { throw wrongElement(L, Int(bad), prefix: prefix, expected: "an integer") }
    return values
  }

  private static func numbers(_ lua: Lua, _ L: OpaquePointer, prefix: String) throws -> [Double] {
    let count = try length(L)
    var bad: Int64 = 0
    let values = [Double](unsafeUninitializedCapacity: count) { buffer, initialized in
      bad = shim_read_numbers(L, -1, buffer.baseAddress, count)
      initialized = bad == 0 ? count : 0
    }
    if bad == SHIM_CUT { throw Interrupt.failure }
    if bad != 0 { throw wrongElement(L, Int(bad), prefix: prefix, expected: "a number") }
    return values
  }

  private static func integerLists(_ lua: Lua, _ L: OpaquePointer) throws -> [[Int]] {
    let count = try length(L)
    var rows: [[Int]] = []
    rows.reserveCapacity(count)
    for i in 0..<count {
      if i & 0x3FF == 0x3FF { try Interrupt.check() }
      guard lua_rawgeti(L, -1, Int64(i + 1)) == LUA_TTABLE else {
        lua_settop(L, -2)
        throw wrongElement(L, i + 1, prefix: "", expected: "a list")
      }
      rows.append(try integers(lua, L, prefix: "[\(i + 1)]"))
      lua_settop(L, -2)
    }
    return rows
  }

  /// The table is on the top; its element `position` did not fit.
  private static func wrongElement(_ L: OpaquePointer, _ position: Int, prefix: String, expected: String)
    -> Failure
  {
    lua_rawgeti(L, -1, Int64(position))
    defer { lua_settop(L, -2) }
    let place = "element \(prefix)[\(position)]"
    switch lua_type(L, -1) {
    case LUA_TNIL: return Failure(.value, "\(place) is nil, expected \(expected)")
    case LUA_TNUMBER:
      let given = lua_isinteger(L, -1) != 0 ? "\(lua_tointegerx(L, -1, nil))" : "\(lua_tonumberx(L, -1, nil))"
      return Failure(.value, "\(place) is \(given), expected \(expected)")
    default:
      return Failure(
        .value, "\(place) is a \(String(cString: lua_typename(L, lua_type(L, -1)))), expected \(expected)")
    }
  }
}
