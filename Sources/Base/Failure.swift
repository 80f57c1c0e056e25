/// The one error type of the compiled core.
///
/// One type, because every failure ends in the same place: a Lua error that says what was given and what was
/// expected. `kind` lets a script tell failures apart, `argument` lets the binding write
/// `bad argument #2 to 'matmul' (inner sizes differ: 2x3 x 4x5)`, and `cause` keeps the chain.
///
///     throw Failure(.shape, "inner sizes differ: 2x3 x 4x5", argument: 2)
public struct Failure: Error, CustomStringConvertible, @unchecked Sendable {
  /// The kind of the failure, which a script can compare with `err.kind`.
  public enum Kind: String, Sendable {
    case shape, dtype, index, argument, value, io, format, memory, interrupted, numeric, state
  }

  public let kind: Kind
  public let message: String
  /// The position, from 1, of the tensor or option at fault among the operation's arguments.
  public let argument: Int?
  public let cause: (any Error)?

  public init(_ kind: Kind, _ message: String, argument: Int? = nil, cause: (any Error)? = nil) {
    self.kind = kind
    self.message = message
    self.argument = argument
    self.cause = cause
  }

  public var description: String { message }

  /// Whether the failure says what is wrong with what was given. Ctrl-C and a lack of memory do not: who tells
  /// a failure in other words leaves those two as they are.
  public var isRefusal: Bool { kind != .interrupted && kind != .memory }
}
