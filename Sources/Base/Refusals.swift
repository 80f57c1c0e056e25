/// Allocations that are refused though there is memory, to see what a program does without any.
///
///     let (refused, result) = Refusals.during(.tensors, first: 3) { Result { try step() } }
import CSystem

public enum Refusals {
  /// Which allocations are refused.
  public struct Kinds: OptionSet, Sendable {
    public let rawValue: Int32
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// Growth of the heap of a Lua state.
    public static let lua = Kinds(rawValue: Int32(SHIM_LUA_HEAP))
    /// The storage of a tensor.
    public static let tensors = Kinds(rawValue: Int32(SHIM_TENSORS))
  }

  /// Calls `body` while `count` allocations are refused, from the `first`-th that it makes; gives how many were. Both are
  /// at least 1.
  ///
  /// One that is refused is tried again after a collection: two refusals are one failure.
  public static func during<R>(_ kinds: Kinds, first: Int, count: Int = .max, _ body: () -> R) -> (Int, R) {
    precondition(first >= 1 && count >= 1, "the refusals from \(first), \(count) of them")
    let outer = shim_refuse(
      shim_refusals(kinds: kinds.rawValue, skipped: Int64(first - 1), count: Int64(count), refused: 0))
    let result = body()
    return (Int(shim_refuse(outer).refused), result)
  }
}
