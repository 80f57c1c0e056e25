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
}
