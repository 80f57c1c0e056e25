/// Counts the bytes that live tensors hold, and refuses what would pass the limit.
///
/// The count drives Lua's collector (a userdata of a few bytes may hold megabytes) and `--max-memory`. At the limit
/// the interpreter's collector is asked to run once before the allocation is refused.
import Base
import Synchronization

public enum MemoryAccount {
  private static let live = Atomic<Int>(0)
  private static let peak = Atomic<Int>(0)
  private static let count = Atomic<Int>(0)
  /// What the objects around a tensor's bytes take, measured; a tensor of one number is little else.
  private static let objectBytes = 600
  private static let limit = Atomic<Int>(Int.max)
  private static let reclaimer = Mutex<(@Sendable () -> Void)?>(nil)

  /// Bytes held by live tensors.
  public static var liveBytes: Int { live.load(ordering: .relaxed) }
  /// Those bytes and the objects that hold them: what Lua's collector cannot see of its userdata.
  public static var footprint: Int { liveBytes + objectBytes * count.load(ordering: .relaxed) }
  /// The most bytes held at once since the last `resetPeak`.
  public static var peakBytes: Int { peak.load(ordering: .relaxed) }
  public static func resetPeak() { peak.store(liveBytes, ordering: .relaxed) }

  /// The most bytes that tensors may hold together.
  public static var limitBytes: Int {
    get { limit.load(ordering: .relaxed) }
    set { limit.store(newValue, ordering: .relaxed) }
  }

  /// What to call when the limit is reached, to free tensors that only garbage refers to.
  public static func onPressure(_ reclaim: (@Sendable () -> Void)?) {
    reclaimer.withLock { $0 = reclaim }
  }

  static func add(_ bytes: Int) throws {
    if tryAdd(bytes) { return }
    let reclaim = reclaimer.withLock { $0 }
    reclaim?()
    if tryAdd(bytes) { return }
    throw Failure(
      .memory,
      "not enough memory: \(bytes) bytes asked, \(liveBytes) bytes in tensors, limit \(limitBytes) bytes")
  }

  private static func tryAdd(_ bytes: Int) -> Bool {
    let now = live.wrappingAdd(bytes, ordering: .relaxed).newValue
    if now > limitBytes {
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
