/// Errors across the border, in both directions.
///
/// Swift to Lua: a thrown error becomes an object with `kind`, `message`, `cause`, `traceback`, that also answers to the string
/// methods, since code that handles errors treats them as text. Lua to Swift: a `LuaError` that keeps the original value, so that
/// an error that passes through Swift comes out of it as the same value.
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

  public init(
    kind: String, message: String, traceback: String? = nil, value: LuaValue? = nil, cause: (any Error)? = nil
  ) {
    self.kind = kind
    self.message = message
    self.traceback = traceback
    self.value = value
    self.cause = cause
  }

  public var description: String { message }
  /// True for the error that Ctrl-C raised.
  public var isInterrupt: Bool { kind == Failure.Kind.interrupted.rawValue }
}

/// What an error userdata holds.
public final class ErrorObject {
  public let kind: String
  public let message: String
  /// "file:line: " of the Lua code that called the native function.
  public let position: String
  public let cause: ErrorObject?
  public internal(set) var traceback = ""

  init(kind: String, message: String, position: String, cause: ErrorObject?) {
    self.kind = kind
    self.message = message
    self.position = position
    self.cause = cause
  }

  /// "file:line: message", then a line for each cause.
  public var text: String {
    var lines = position + message
    var next = cause
    while let cause = next {
      lines += "\ncaused by: " + cause.message
      next = cause.cause
    }
    return lines
  }

  /// What Lua reads of an error: `err.kind`, ... with the meaning that help shows.
  public static let properties: [(name: String, meaning: String, read: (ErrorObject) -> LuaValue)] = [
    ("kind", "The kind of the error, such as \"shape\" or \"value\".", { .string($0.kind) }),
    ("message", "What is wrong, without the place.", { .string($0.message) }),
    ("position", "The place in the script, \"file:line:\".", { .string($0.position) }),
    (
      "traceback", "The calls that led to the error, as debug.traceback shows them.",
      { .string($0.traceback) }
    ),
    ("cause", "The error that caused this one, or nil.", { $0.cause.map { .object($0) } ?? .nil }),
  ]

  /// The chain below any Swift error.
  static func chain(_ error: (any Error)?, depth: Int = 0) -> ErrorObject? {
    guard let error, depth < 20 else { return nil }
    switch error {
    case let failure as Failure:
      return ErrorObject(
        kind: failure.kind.rawValue, message: failure.message, position: "",
        cause: chain(failure.cause, depth: depth + 1))
    case let lua as LuaError:
      return ErrorObject(
        kind: lua.kind, message: lua.message, position: "", cause: chain(lua.cause, depth: depth + 1))
    case let chain as ErrorChain: return chain.object
    default: return ErrorObject(kind: "error", message: "\(error)", position: "", cause: nil)
    }
  }
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
    // A string that cannot be kept (no memory) still has its text.
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

  /// Turns what a native function threw into what C raises next: an object kept aside, or the original value on the top.
  func raise(_ thrown: any Error, from call: Call) -> Int32 {
    let L = call.L
    if let error = thrown as? LuaError {
      if let value = error.value, case .some = try? push(value, on: L) {
        return Int32(SHIM_RAISE_TOP)
      }
      pendingError = ErrorObject(
        kind: error.kind, message: error.message, position: position(L), cause: .chain(error.cause))
      return Int32(SHIM_RAISE_OBJECT)
    }
    if let failure = thrown as? Failure {
      if failure.kind == .interrupted { shim_interrupt_consume(L) }
      let message = failure.argument.map { call.argumentMessage($0, failure.message) } ?? failure.message
      pendingError = ErrorObject(
        kind: failure.kind.rawValue, message: message, position: position(L), cause: .chain(failure.cause))
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

  func registerErrorClass() throws {
    var errors = LuaClass<ErrorObject>("Error")
    errors.metamethod("__tostring") { call in
      try call.pushString(call.object(1, as: ErrorObject.self).text)
      return 1
    }
    for property in ErrorObject.properties { errors.property(property.name, property.read) }
    // err:match(...), err .. "" and #err treat the error as its text, as handlers of plain Lua errors do.
    errors.metamethod("__concat") { call in
      let text = try [1, 2].map { i in try call.lua.text(call.value(i)) }
      try call.pushString(text[0] + text[1])
      return 1
    }
    errors.metamethod("__len") { call in
      try call.pushInteger(call.object(1, as: ErrorObject.self).text.utf8.count)
      return 1
    }
    errors.index { call, error in
      guard call.kind(2) == .string, case .table(let strings) = try call.lua.global("string"),
        case .function(let method) = try strings.get(call.value(2))
      else { return 0 }
      let bound = try call.lua.function(call.string(2)) { inner in
        var arguments = try (1...max(inner.count, 1)).map(inner.value)
        if let error = inner.objectIfAny(1) as? ErrorObject { arguments[0] = .string(error.text) }
        let results = try method.call(arguments)
        for result in results { try inner.push(result) }
        return results.count
      }
      try call.push(.function(bound))
      return 1
    }
    try register(errors)
    state.pointee.error_class = classes[ObjectIdentifier(ErrorObject.self)]?.metatable ?? LUA_NOREF
  }
}

/// An error object as the cause of a Swift error.
struct ErrorChain: Error, CustomStringConvertible {
  let object: ErrorObject
  init(_ object: ErrorObject) { self.object = object }
  var description: String { object.text }
}

/// The functions that C calls, given to it once.
let installCallbacks: Void = {
  var callbacks = shim_callbacks(
    call: { L, owner, entry in
      let lua = Unmanaged<Lua>.fromOpaque(owner).takeUnretainedValue()
      let entry = Unmanaged<NativeEntry>.fromOpaque(entry).takeUnretainedValue()
      let call = Call(lua: lua, count: Int(lua_gettop(L)), L: L, entry: entry)
      do {
        let results = try entry.body(call)
        guard results >= 0 && results <= Int(lua_gettop(L)) else {
          throw Failure(.state, "'\(entry.name)' promised \(results) results")
        }
        return Int32(results)
      } catch {
        return lua.raise(error, from: call)
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
        kind: Failure.Kind.interrupted.rawValue, message: "interrupted!", position: lua.position(L, level: 0),
        cause: nil)
    })
  shim_lua_callbacks(&callbacks)
}()
