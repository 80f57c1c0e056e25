/// Errors across the border, in both directions.
///
/// Swift to Lua: a thrown error becomes an object with `kind`, `message`, `cause`, `traceback`. It has the
/// string methods too, since code that handles errors treats them as text. Lua to Swift: a `LuaError` with
/// the original value, so that an error that passes through Swift is raised again as the same value.
import Base
import CLua
import CLuaShims

public struct LuaError: Error, CustomStringConvertible {
  public let kind: String
  public let message: String
  public var traceback: String?
  /// The Lua value that was raised, when Lua raised it.
  public var value: LuaValue?
  public var cause: (any Error)?
  /// The message without the name of a function: "expected 2, got 3" of "bad argument #1 to 'f' (expected 2,
  /// got 3)".
  public let reason: String

  public init(
    kind: String, message: String, reason: String? = nil, traceback: String? = nil, value: LuaValue? = nil,
    cause: (any Error)? = nil
  ) {
    self.kind = kind
    self.message = message
    self.reason = reason ?? message
    self.traceback = traceback
    self.value = value
    self.cause = cause
  }

  public var description: String { message }
  /// The message byte for byte: a Lua string need not be UTF-8.
  public var messageBytes: [UInt8] {
    if case .bytes(let bytes)? = value { return bytes }
    return Array(message.utf8)
  }
  /// True for the error of a chunk that does not compile.
  public var isSyntax: Bool { kind == "syntax" }
  /// True for a syntax error at the end of the chunk: more lines may complete the chunk. Lua tells it by the
  /// text only.
  public var isIncomplete: Bool { isSyntax && message.hasSuffix("<eof>") }
  /// True for the error that Ctrl-C raised.
  public var isInterrupt: Bool { kind == Failure.Kind.interrupted.rawValue }
}

extension Lua {
  /// The error that a failed operation left on the top; the caller cleans the stack.
  func error(_ status: Int32, on L: OpaquePointer) -> LuaError {
    if status == SHIM_NO_STACK { return LuaError(kind: "memory", message: "Lua stack overflow") }
    return errorOnTop(status, on: L, traceback: nil)
  }

  /// As `error`, for `shim_call`, which leaves the traceback above the value.
  func callError(_ status: Int32, on L: OpaquePointer) -> LuaError {
    if status == SHIM_NO_STACK { return LuaError(kind: "memory", message: "Lua stack overflow") }
    let noted = lua_type(L, -1) == LUA_TSTRING ? topText(L) : nil
    lua_settop(L, -2)
    if state.pointee.has_text != 0, let noted {
      defer { lua_settop(L, -2) }
      return LuaError(kind: "lua", message: noted, value: try? value(L, -1))
    }
    return errorOnTop(status, on: L, traceback: noted)
  }

  private func errorOnTop(_ status: Int32, on L: OpaquePointer, traceback: String?) -> LuaError {
    defer { lua_settop(L, -2) }
    // Without memory for a reference the error still has its text.
    let value = try? self.value(L, -1)
    if case .object(let object)? = value, let error = object as? ErrorObject {
      return LuaError(
        kind: error.kind, message: error.text, traceback: error.traceback, value: value,
        cause: error.cause.map(ErrorChain.init))
    }
    let kind = status == LUA_ERRMEM ? "memory" : status == LUA_ERRSYNTAX ? "syntax" : "lua"
    return LuaError(kind: kind, message: textOfError(L), traceback: traceback, value: value)
  }

  /// As the stand-alone interpreter: the string, what `__tostring` says, or the type.
  private func textOfError(_ L: OpaquePointer) -> String {
    if lua_type(L, -1) == LUA_TSTRING { return topText(L) }
    let type = String(cString: lua_typename(L, lua_type(L, -1)))
    let top = lua_gettop(L)
    defer { lua_settop(L, top) }
    let hasText = lua_type(L, -1) == LUA_TNUMBER || luaL_hasToString(L)
    if hasText, shim_to_string(L, -1) == LUA_OK { return topText(L) }
    return "(error object is a \(type) value)"
  }

  private func luaL_hasToString(_ L: OpaquePointer) -> Bool {
    guard lua_checkstack(L, 4) != 0, lua_getmetatable(L, -1) != 0 else { return false }
    defer { lua_settop(L, -2) }
    lua_pushnil(L)
    while true {  // by name, without making the string "__tostring", which could raise
      var more: Int32 = 0
      guard shim_next(L, -2, &more) == LUA_OK else {
        lua_settop(L, -2)
        return false
      }
      if more == 0 { return false }
      if lua_type(L, -2) == LUA_TSTRING, String(decoding: stringBuffer(L, -2), as: UTF8.self) == "__tostring"
      {
        lua_settop(L, -3)
        return true
      }
      lua_settop(L, -2)
    }
  }

  /// Runs a native function for C: the number of its results, or how its error is raised.
  @inline(__always)
  func run(_ entry: NativeEntry, on L: OpaquePointer) -> Int32 {
    let call = Call(lua: self, count: Int(lua_gettop(L)), L: L, entry: entry)
    do {
      let results = try entry.body(call)
      guard results >= 0 && results <= Int(lua_gettop(L)) else {
        throw Failure(.state, "'\(entry.name)' promised \(results) results")
      }
      return Int32(results)
    } catch {
      return raise(error, from: call)
    }
  }

  /// Turns what a native function threw into what C raises next: an object kept aside, or the original value
  /// on the top.
  func raise(_ thrown: any Error, from call: Call) -> Int32 {
    let L = call.L
    if let error = thrown as? LuaError {
      if let value = error.value, case .some = try? push(value, on: L) {
        return Int32(SHIM_RAISE_TOP)
      }
      pendingError = ErrorObject(
        kind: error.kind, message: error.message, reason: error.reason, position: position(L),
        cause: .chain(error.cause))
      return Int32(SHIM_RAISE_OBJECT)
    }
    if let failure = thrown as? Failure {
      if failure.kind == .interrupted { shim_interrupt_consume(L) }
      let message = failure.argument.map { call.argumentMessage($0, failure.message) } ?? failure.message
      pendingError = ErrorObject(
        kind: failure.kind.rawValue, message: message, reason: failure.message, position: position(L),
        cause: .chain(failure.cause))
    } else {
      pendingError = ErrorObject(kind: "error", message: "\(thrown)", position: position(L), cause: nil)
    }
    return Int32(SHIM_RAISE_OBJECT)
  }

  /// "file:line: " of the code that called the running native function.
  func position(_ L: OpaquePointer, level: Int32 = 1) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
      guard let base = buffer.baseAddress else { return "" }
      shim_where(L, level, base, buffer.count)
      return String(cString: base)
    }
  }
}

/// The functions that C calls, given to it once.
let installCallbacks: Void = {
  var callbacks = shim_callbacks(
    call: { L, owner, entry in
      // The caller of the state keeps it alive. The entry is kept here: code that the function calls may replace its
      // upvalue, the one owner, with debug.setupvalue.
      let running = Unmanaged<NativeEntry>.fromOpaque(entry).takeUnretainedValue()
      return withExtendedLifetime(running) {
        Unmanaged<Lua>.fromOpaque(owner)._withUnsafeGuaranteedRef { lua in lua.run(running, on: L) }
      }
    },
    release: { Unmanaged<AnyObject>.fromOpaque($0).release() },
    take_error: { owner, traceback in
      let lua = Unmanaged<Lua>.fromOpaque(owner).takeUnretainedValue()
      guard let error = lua.pendingError else { return nil }
      lua.pendingError = nil
      error.traceback = String(cString: traceback)
      return Unmanaged.passRetained(error).toOpaque()
    },
    make_interrupt: { L, owner in
      let lua = Unmanaged<Lua>.fromOpaque(owner).takeUnretainedValue()
      lua.pendingError = ErrorObject(
        kind: Failure.Kind.interrupted.rawValue,
        message: Lua.timeIsOver ? "the time limit is over (--max-time)" : "interrupted!",
        position: lua.position(L, level: 0), cause: nil)
    },
    native_bytes: { owner in
      guard let owner else { return 0 }
      return max(0, Unmanaged<Lua>.fromOpaque(owner).takeUnretainedValue().nativeBytes())
    })
  shim_lua_callbacks(&callbacks)
}()
