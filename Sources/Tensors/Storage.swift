/// The bytes behind tensors, and the pool that recycles them.
///
/// A training step asks for the same sizes again and again; giving them back by size class keeps the steady state
/// away from the system allocator, whose large blocks would be unmapped and faulted in anew each time.
import Base
import Synchronization

public final class Storage: @unchecked Sendable {
  public let address: UnsafeMutableRawPointer
  public let byteCount: Int
  private let capacity: Int
  /// Counts writes in place, so that a backward pass can tell that a value it saved has changed since.
  public private(set) var version = 0

  /// Room for `byteCount` bytes, aligned to a cache line, contents undefined.
  public init(byteCount: Int) throws {
    if byteCount < 0 || byteCount > Limits.tensorBytesMax {
      throw Failure(.memory, "not enough memory: \(byteCount) bytes asked for one tensor")
    }
    capacity = BufferPool.capacity(for: byteCount)
    try MemoryAccount.add(capacity)
    guard let taken = BufferPool.take(capacity) else {
      MemoryAccount.remove(capacity)
      throw Failure(.memory, "not enough memory: the system refused \(byteCount) bytes")
    }
    address = taken
    self.byteCount = byteCount
  }

  /// Says that elements were changed in place.
  public func markWritten() { version &+= 1 }

  deinit {
    BufferPool.give(address, capacity)
    MemoryAccount.remove(capacity)
  }
}

/// Buffers of freed tensors, kept for the next ones: a training step asks for the same sizes again and again.
public enum BufferPool {
  /// Free buffers by capacity, and how many buffers were asked for and came fresh from the system.
  private struct Free: ~Copyable {
    var lists: [Int: [UnsafeMutableRawPointer]] = [:]
    var bytes = 0
    var taken = 0
    var fresh = 0
  }

  // The pointers are owned by the pool alone while they are in it.
  private nonisolated(unsafe) static var free = Free()
  private static let lock = Mutex<Void>(())

  /// From this size on the system is asked for pages of it: kernels that stride through memory miss fewer translations.
  private static let hugePage = 2 << 20

  /// Sizes are rounded up to a quarter of a power of two, so that at most a fifth is wasted.
  static func capacity(for bytes: Int) -> Int {
    if bytes <= 64 { return 64 }
    let power = 1 << (Int.bitWidth - 1 - (bytes - 1).leadingZeroBitCount)
    let step = max(power / 4, 64)
    return (bytes + step - 1) / step * step
  }

  static func take(_ capacity: Int) -> UnsafeMutableRawPointer? {
    let recycled: UnsafeMutableRawPointer? = lock.withLock { _ in
      free.taken += 1
      guard let buffer = free.lists[capacity]?.popLast() else {
        free.fresh += 1
        return nil
      }
      free.bytes -= capacity
      return buffer
    }
    if let recycled { return recycled }
    let isLarge = capacity >= hugePage
    var fresh: UnsafeMutableRawPointer?
    if posix_memalign(&fresh, isLarge ? hugePage : 64, capacity) != 0 { return nil }
    #if os(Linux)
      if isLarge { madvise(fresh, capacity / hugePage * hugePage, MADV_HUGEPAGE) }
    #endif
    return fresh
  }

  /// Buffers taken since the start, and how many of these the pool did not have: those came from the system.
  ///
  ///     let before = BufferPool.counts.fresh
  ///     try step()
  ///     BufferPool.counts.fresh - before   // 0 in the steady state
  public static var counts: (taken: Int, fresh: Int) { lock.withLock { _ in (free.taken, free.fresh) } }

  static func give(_ buffer: UnsafeMutableRawPointer, _ capacity: Int) {
    let kept: Bool = lock.withLock { _ in
      if free.bytes + capacity > Limits.pooledBytesMax { return false }
      free.lists[capacity, default: []].append(buffer)
      free.bytes += capacity
      return true
    }
    if !kept { release(buffer) }
  }

  /// Gives every free buffer back to the system.
  static func drain() {
    let all: [UnsafeMutableRawPointer] = lock.withLock { _ in
      let buffers = free.lists.values.flatMap { $0 }
      free.lists = [:]
      free.bytes = 0
      return buffers
    }
    for buffer in all { release(buffer) }
  }
}

/// The system's `free`, under a name that the pool's list of free buffers does not hide.
private func release(_ buffer: UnsafeMutableRawPointer) { free(buffer) }
