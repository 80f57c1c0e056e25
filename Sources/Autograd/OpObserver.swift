/// Observes operations as they run, for the profiler and the search for NaN. Without an observer the cost is one
/// comparison.
import Tensors

public protocol OpObserver: AnyObject {
  /// An operation starts; it may start others before it ends. Of a backward pass the tensors are the gradients of its
  /// results, and `lent` are those of its arguments so far, by argument, that it may add to.
  func begin(
    _ name: String, _ inputs: [Tensor?], _ attributes: [Attribute], lent: [Tensor?], isBackward: Bool)
  /// The operation that started last ends with these results: of a backward pass, the gradients of its arguments.
  func end(_ results: [Tensor?]) throws
  /// The operation that started last ends without results: it failed, or is none on tensors.
  func leave()
}

extension Op {
  /// Set while something observes. The interpreter runs on one thread.
  @exclusivity(unchecked) public nonisolated(unsafe) static var observer: (any OpObserver)?

  /// Reports work that is not an operation, such as a step of an optimizer, to the observer under a name.
  ///
  ///     try Op.observed("adamw step") { try optimizer.update(lr: nil) }
  public static func observed<R>(_ name: String, _ body: () throws -> R) rethrows -> R {
    guard let observer else { return try body() }
    observer.begin(name, [], [], lent: [], isBackward: false)
    defer { observer.leave() }
    return try body()
  }

  /// Runs `body` with an observer, beside which there is no other.
  static func observed<R>(by observer: any OpObserver, _ body: () throws -> R) rethrows -> R {
    let outer = Op.observer
    Op.observer = observer
    defer { Op.observer = outer }
    return try body()
  }

  /// An operation or its backward pass, reported to the observer.
  @inline(__always)
  static func report<R>(
    _ name: String, to observer: any OpObserver, _ inputs: [Tensor?], _ attributes: [Attribute],
    lent: [Tensor?] = [], isBackward: Bool,
    _ results: (R) -> [Tensor?], _ body: () throws -> R
  ) throws -> R {
    observer.begin(name, inputs, attributes, lent: lent, isBackward: isBackward)
    let found: R
    do { found = try body() } catch {
      observer.leave()
      throw error
    }
    try observer.end(results(found))
    return found
  }
}
