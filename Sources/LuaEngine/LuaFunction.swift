/// A Lua function that Swift refers to. Every call is protected.
import Base
import CLua
import CLuaShims

public struct LuaFunction {
  public let reference: LuaReference
  init(_ reference: LuaReference) { self.reference = reference }

  /// Calls it on the thread that is running now. A Lua error comes back as a thrown `LuaError`.
  @discardableResult
  public func call(_ arguments: [LuaValue], results: Int = -1) throws -> [LuaValue] {
    let lua = try reference.lua()
    return try lua.use { L in
      let base = lua_gettop(L)
      try lua.push(reference, on: L)
      for argument in arguments { try lua.push(argument, on: L) }
      let status = shim_call(L, Int32(arguments.count), Int32(clamping: results))
      guard status == LUA_OK else { throw lua.callError(status, on: L) }
      let count = lua_gettop(L) - base
      guard count > 0 else { return [] }
      return try (1...count).map { try lua.value(L, base + $0) }
    }
  }

  /// Calls a chunk whose top-level locals are copied to `locals`, with `declared[name] = true`.
  ///
  /// They are copied at an error; by `Lua.localsKeeper` where the chunk calls it; and with `hook` at the
  /// chunk's return, which costs a little at every return of any function.
  public func callKeepingLocals(_ locals: LuaTable, declared: LuaTable, hook: Bool) throws -> [LuaValue] {
    let lua = try reference.lua()
    return try lua.use { L in
      let base = lua_gettop(L)
      try lua.push(reference, on: L)
      let status = shim_call_keeping_locals(L, locals.reference.key, declared.reference.key, hook ? 1 : 0)
      guard status == LUA_OK else { throw lua.callError(status, on: L) }
      let count = lua_gettop(L) - base
      guard count > 0 else { return [] }
      return try (1...count).map { try lua.value(L, base + $0) }
    }
  }

  /// Calls it and gives the first result.
  public func first(_ arguments: [LuaValue]) throws -> LuaValue {
    try call(arguments, results: 1).first ?? .nil
  }
}
