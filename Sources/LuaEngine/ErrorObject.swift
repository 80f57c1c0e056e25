/// The error that Lua code sees when a native function throws: an object with fields, which also behaves as its text.
import Base
import CLua
import CLuaShims

/// What an error userdata holds.
public final class ErrorObject {
  public let kind: String
  public let message: String
  /// The message without the name of the native function, for a function that calls it under another name.
  public let reason: String
  /// "file:line: " of the Lua code that called the native function.
  public let position: String
  public let cause: ErrorObject?
  public internal(set) var traceback = ""

  init(kind: String, message: String, reason: String? = nil, position: String, cause: ErrorObject?) {
    self.kind = kind
    self.message = message.readable
    self.reason = (reason ?? message).readable
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
    (
      "reason", "The message without the name of the function: \"bad argument #1 to 'f' (reason)\".",
      { .string($0.reason) }
    ),
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

/// An error object as the cause of a Swift error.
struct ErrorChain: Error, CustomStringConvertible {
  let object: ErrorObject
  init(_ object: ErrorObject) { self.object = object }
  var description: String { object.text }
}

extension Lua {
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
