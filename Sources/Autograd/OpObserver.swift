/// Observes operations as they run, for the profiler. Without an observer the cost is one comparison.
public protocol OpObserver: AnyObject {
  /// An operation starts; it may start others before it ends.
  func begin(_ name: String, isBackward: Bool)
  /// The operation that started last ends. `bytes` are those of its results.
  func end(bytes: Int)
}

extension Op {
  /// Set while a profile is taken. The interpreter runs on one thread.
  public nonisolated(unsafe) static var observer: (any OpObserver)?

  /// Reports work that is not an operation, such as a step of an optimizer, to the profiler under a name.
  ///
  ///     try Op.observed("adamw step") { try optimizer.update(lr: nil) }
  public static func observed<R>(_ name: String, _ body: () throws -> R) rethrows -> R {
    guard let observer else { return try body() }
    observer.begin(name, isBackward: false)
    defer { observer.end(bytes: 0) }
    return try body()
  }
}
