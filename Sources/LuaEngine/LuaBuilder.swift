/// Builds a value on Lua's stack part by part, so that a large tree is never in Swift's memory as well.
///
/// Every method pushes one value, or moves the value on the top into the table below it. What Lua allocates
/// counts against the memory limit and fails as a `Failure`.
import Base
import CLua
import CLuaShims

public struct LuaBuilder {
  let lua: Lua
  let L: OpaquePointer

  public func pushNil() throws { try reserve(); lua_pushnil(L) }
  public func push(_ value: Bool) throws { try reserve(); lua_pushboolean(L, value ? 1 : 0) }
  public func push(_ value: Int) throws { try reserve(); lua_pushinteger(L, Int64(value)) }
  public func push(_ value: Double) throws { try reserve(); lua_pushnumber(L, value) }

  public func push(_ text: String) throws {
    try reserve()
    try lua.push(text, on: L)
  }

  /// Pushes a fresh table with space for this many positions and fields.
  public func pushTable(positions: Int = 0, fields: Int = 0) throws {
    try reserve()
    guard let positions = Int32(exactly: positions), let fields = Int32(exactly: fields) else {
      throw Failure(.memory, "table of \(max(positions, fields)) elements is too large")
    }
    try lua.check(shim_push_table(L, positions, fields), on: L)
  }

  /// Moves the top to a position of the table below it, which was made with space for it.
  public func store(at position: Int) { lua_rawseti(L, -2, Int64(position)) }

  /// Moves the top to the end of the table below it, which grows.
  public func append(at position: Int) throws {
    try reserve()
    lua_pushinteger(L, Int64(position))
    lua_rotate(L, -2, 1)
    try lua.check(shim_set(L, -3), on: L)
  }

  /// Moves the top to a field of the table below it.
  public func store(field name: String) throws {
    var name = name
    try lua.check(name.withUTF8 { shim_raw_set_field(L, -2, $0.baseAddress, $0.count) }, on: L)
  }

  private func reserve() throws {
    guard lua_checkstack(L, 8) != 0 else { throw Failure(.memory, "Lua stack overflow") }
  }
}

extension Call {
  /// Pushes the one value that `body` builds. After an error the stack is as before.
  public func build<T>(_ body: (LuaBuilder) throws -> T) throws -> T {
    let top = lua_gettop(L)
    do { return try body(LuaBuilder(lua: lua, L: L)) } catch {
      lua_settop(L, top)
      throw error
    }
  }
}
