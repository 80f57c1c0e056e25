/// Buffers of freed tensors, reused by later ones.
///
/// A training step allocates the same sizes repeatedly, and the system's allocator would unmap large blocks and fault
/// them in again each time. Small buffers are kept by size class, large ones are cut from regions and joined again.
import Base
import Synchronization

public enum BufferPool {
  /// Free buffers: those of a few cache lines by their number of lines, the first holding the address of the next; the
  /// others below `largeBytes` by capacity. The number of buffers taken, and of requests to the system among them.
  private struct Free: ~Copyable {
    let small = UnsafeMutablePointer<UnsafeMutableRawPointer?>.allocate(capacity: smallLines)
    var lists: [Int: [UnsafeMutableRawPointer]] = [:]
    var regions = Regions()
    /// Bytes of the small buffers and of the lists.
    var bytes = 0
    var taken = 0
    var fresh = 0

    init() { small.initialize(repeating: nil, count: smallLines) }
  }

  // The pool owns the pointers in it.
  @exclusivity(unchecked) private nonisolated(unsafe) static var free = Free()
  private static let lock = Mutex<Void>(())
  private static let line = 64
  private static let smallLines = 17
  /// Buffers of at least this size are cut from regions.
  private static let largeBytes = 256 << 10
  static let hugePage = 2 << 20

  /// The size of the buffer for a number of bytes: whole pages, or below `largeBytes` a quarter of a power of two, which
  /// wastes at most a fifth.
  static func capacity(for bytes: Int) -> Int {
    if bytes <= line { return line }
    let power = 1 << (Int.bitWidth - 1 - (bytes - 1).leadingZeroBitCount)
    let step = bytes > largeBytes ? Regions.unit : max(power / 4, line)
    return (bytes + step - 1) / step * step
  }

  /// A buffer of a size that `capacity` gives; nil if the system refuses it.
  static func take(_ capacity: Int) -> UnsafeMutableRawPointer? {
    lock.withLock { _ in
      free.taken += 1
      if capacity >= largeBytes {
        if let buffer = free.regions.take(capacity) { return buffer }
        free.fresh += 1
        return free.regions.grow(for: capacity) ? free.regions.take(capacity) : nil
      }
      let found: UnsafeMutableRawPointer?
      if capacity < line * smallLines {
        found = free.small[capacity / line]
        if let found { free.small[capacity / line] = found.load(as: UnsafeMutableRawPointer?.self) }
      } else {
        found = free.lists[capacity]?.popLast()
      }
      if let found {
        free.bytes -= capacity
        return found
      }
      free.fresh += 1
      return fresh(capacity)
    }
  }

  /// A buffer from the system, at a cache line. From the size of a huge page on it begins at one, and lies on them as far
  /// as it fills them: strided kernels then have fewer TLB misses.
  static func fresh(_ capacity: Int) -> UnsafeMutableRawPointer? {
    let isLarge = capacity >= hugePage
    var fresh: UnsafeMutableRawPointer?
    if posix_memalign(&fresh, isLarge ? hugePage : line, capacity) != 0 { return nil }
    #if os(Linux)
      if isLarge { madvise(fresh, capacity / hugePage * hugePage, MADV_HUGEPAGE) }
    #endif
    return fresh
  }

  /// Buffers taken since the start, and the times that the system was asked for memory for them.
  ///
  ///     let before = BufferPool.counts.fresh
  ///     try step()
  ///     BufferPool.counts.fresh - before   // 0 in the steady state
  public static var counts: (taken: Int, fresh: Int) { lock.withLock { _ in (free.taken, free.fresh) } }

  static func give(_ buffer: UnsafeMutableRawPointer, _ capacity: Int) {
    let kept: Bool = lock.withLock { _ in
      if capacity >= largeBytes {
        free.regions.give(buffer, capacity, keeping: Limits.pooledBytesMax - free.bytes)
        return true
      }
      if free.bytes + free.regions.freeBytes + capacity > Limits.pooledBytesMax { return false }
      if capacity < line * smallLines {
        buffer.storeBytes(of: free.small[capacity / line], as: UnsafeMutableRawPointer?.self)
        free.small[capacity / line] = buffer
      } else {
        free.lists[capacity, default: []].append(buffer)
      }
      free.bytes += capacity
      return true
    }
    if !kept { release(buffer) }
  }
}

/// The system's `free`, under a name that the free buffers do not hide.
private func release(_ buffer: UnsafeMutableRawPointer) { free(buffer) }
