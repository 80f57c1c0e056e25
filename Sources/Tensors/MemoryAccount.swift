/// Counts the bytes of live tensors, and refuses an allocation that would exceed the limit.
///
/// The count drives Lua's collector (a userdata of a few bytes may own megabytes) and `--max-memory`. At the
/// limit the collector runs once before the allocation is refused.
import Base
import CSystem
import Synchronization

public enum MemoryAccount {
  private static let live = Atomic<Int>(0)
  private static let peak = Atomic<Int>(0)
  private static let count = Atomic<Int>(0)
  /// Measured bytes of the objects around a tensor's elements: most of a tensor of one number.
  private static let objectBytes = 280
  private static let limit = Atomic<Int>(Int.max)
  private static let reclaimer = Mutex<(@Sendable () -> Void)?>(nil)
  /// Gives the bytes that others hold and that count against the same limit: the Lua heap. Set once, before there is a
  /// limit.
  public nonisolated(unsafe) static var otherBytes: () -> Int = { 0 }

  /// Bytes of live tensors.
  public static var liveBytes: Int { live.load(ordering: .relaxed) }
  /// The bytes of tensors and of the objects around them, which Lua's collector cannot see.
  public static var footprint: Int { liveBytes + objectBytes * count.load(ordering: .relaxed) }
  /// The largest number of bytes since the last `resetPeak`.
  public static var peakBytes: Int { peak.load(ordering: .relaxed) }
  public static func resetPeak() { peak.store(liveBytes, ordering: .relaxed) }

  /// The largest number of bytes that tensors and the Lua heap may have together.
  public static var limitBytes: Int {
    get { limit.load(ordering: .relaxed) }
    set { limit.store(newValue, ordering: .relaxed) }
  }

  /// Called at the limit, to free tensors that only garbage refers to.
  public static func onPressure(_ reclaim: (@Sendable () -> Void)?) {
    reclaimer.withLock { $0 = reclaim }
  }

  /// Counts bytes that are no tensor's against the limit while `body` runs: a file read whole.
  public static func reserving<T>(_ bytes: Int, _ body: () throws -> T) throws -> T {
    try add(bytes)
    defer { remove(bytes) }
    return try body()
  }

  static func add(_ bytes: Int) throws {
    if tryAdd(bytes) { return }
    let reclaim = reclaimer.withLock { $0 }
    reclaim?()
    if tryAdd(bytes) { return }
    let bound = limitBytes == .max ? "" : ", limit \(limitBytes) bytes"
    throw Failure(
      .memory,
      "not enough memory: \(bytes) bytes asked, \(liveBytes) bytes in tensors and \(otherBytes()) in the Lua heap\(bound)"
    )
  }

  private static func tryAdd(_ bytes: Int) -> Bool {
    if shim_is_refused(Int32(SHIM_TENSORS)) != 0 { return false }
    let now = live.wrappingAdd(bytes, ordering: .relaxed).newValue
    let limit = limitBytes
    if now > limit || (limit < Int.max && otherBytes() > limit - now) {
      live.wrappingSubtract(bytes, ordering: .relaxed)
      return false
    }
    count.wrappingAdd(1, ordering: .relaxed)
    if now > peak.load(ordering: .relaxed) { peak.store(now, ordering: .relaxed) }
    return true
  }

  static func remove(_ bytes: Int) {
    live.wrappingSubtract(bytes, ordering: .relaxed)
    count.wrappingSubtract(1, ordering: .relaxed)
  }
}
