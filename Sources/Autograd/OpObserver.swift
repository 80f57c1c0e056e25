/// Watches operations as they run, for the profiler. Nothing is paid for it while there is none.
public protocol OpObserver: AnyObject {
  /// An operation starts; it may start others before it ends.
  func begin(_ name: String, isBackward: Bool)
  /// The operation that started last ends. `bytes` are those of its results.
  func end(bytes: Int)
}

extension Op {
  /// Set while a profile is taken. The interpreter runs on one thread.
  public nonisolated(unsafe) static var observer: (any OpObserver)?

  /// Shows work that is no operation, such as a step of an optimizer, to the profiler as if it were one.
  ///
  ///     try Op.observed("adamw step") { try optimizer.update(lr: nil) }
  public static func observed<R>(_ name: String, _ body: () throws -> R) rethrows -> R {
    guard let observer else { return try body() }
    observer.begin(name, isBackward: false)
    defer { observer.end(bytes: 0) }
    return try body()
  }
}
