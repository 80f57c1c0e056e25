/// The bytes behind tensors, and the pool that recycles them.
///
/// A training step allocates the same sizes repeatedly. The pool reuses them by size class, because the
/// system allocator would unmap large blocks and fault them in again each time.
import Base
import Synchronization

public final class Storage: @unchecked Sendable {
  public let address: UnsafeMutableRawPointer
  public let byteCount: Int
  private let capacity: Int
  private let isPooled: Bool
  /// The number of writes in place, by which a backward pass notices that a saved value has changed.
  public private(set) var version = 0

  /// A buffer of `byteCount` bytes, aligned to a cache line, with undefined contents.
  public convenience init(byteCount: Int) throws { try self.init(byteCount, of: "tensor", isPooled: true) }

  /// A buffer of `byteCount` bytes that the pool neither rounds up nor keeps: weights that live as long as their model.
  convenience init(exactly byteCount: Int) throws { try self.init(byteCount, of: "matrix", isPooled: false) }

  private init(_ byteCount: Int, of what: String, isPooled: Bool) throws {
    if byteCount < 0 || byteCount > Limits.tensorBytesMax {
      throw Failure(.memory, "not enough memory: \(byteCount) bytes asked for one \(what)")
    }
    capacity = isPooled ? BufferPool.capacity(for: byteCount) : max(64, (byteCount + 63) / 64 * 64)
    try MemoryAccount.add(capacity)
    guard
      let taken = isPooled
        ? BufferPool.take(capacity, for: byteCount) : BufferPool.fresh(capacity, for: byteCount)
    else {
      MemoryAccount.remove(capacity)
      throw Failure(.memory, "not enough memory: the system refused \(byteCount) bytes")
    }
    address = taken
    (self.byteCount, self.isPooled) = (byteCount, isPooled)
  }

  /// Records that elements were changed in place.
  public func markWritten() { version &+= 1 }

  deinit {
    if isPooled { BufferPool.give(address, capacity) } else { release(address) }
    MemoryAccount.remove(capacity)
  }
}

/// Buffers of freed tensors, reused by later ones.
public enum BufferPool {
  /// Free buffers by capacity, those of a few cache lines by their number: the first, which holds the address of the
  /// next; the number of buffers taken, and of those that came from the system.
  private struct Free: ~Copyable {
    let small = UnsafeMutablePointer<UnsafeMutableRawPointer?>.allocate(capacity: smallLines)
    var lists: [Int: [UnsafeMutableRawPointer]] = [:]
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

  /// Buffers of at least this size are aligned to huge pages: strided kernels then have fewer TLB misses.
  private static let hugePage = 2 << 20

  /// Sizes are rounded up to a quarter of a power of two, which wastes at most a fifth.
  static func capacity(for bytes: Int) -> Int {
    if bytes <= line { return line }
    let power = 1 << (Int.bitWidth - 1 - (bytes - 1).leadingZeroBitCount)
    let step = max(power / 4, line)
    return (bytes + step - 1) / step * step
  }

  static func take(_ capacity: Int, for bytes: Int) -> UnsafeMutableRawPointer? {
    let recycled: UnsafeMutableRawPointer? = lock.withLock { _ in
      free.taken += 1
      let found: UnsafeMutableRawPointer?
      if capacity < line * smallLines {
        found = free.small[capacity / line]
        if let found { free.small[capacity / line] = found.load(as: UnsafeMutableRawPointer?.self) }
      } else {
        found = free.lists[capacity]?.popLast()
      }
      guard let buffer = found else {
        free.fresh += 1
        return nil
      }
      free.bytes -= capacity
      return buffer
    }
    return recycled ?? fresh(capacity, for: bytes)
  }

  /// A buffer from the system. Huge pages end with the bytes that are asked for: one that is touched is resident whole.
  static func fresh(_ capacity: Int, for bytes: Int) -> UnsafeMutableRawPointer? {
    let isLarge = capacity >= hugePage
    var fresh: UnsafeMutableRawPointer?
    if posix_memalign(&fresh, isLarge ? hugePage : line, capacity) != 0 { return nil }
    #if os(Linux)
      if isLarge { madvise(fresh, bytes / hugePage * hugePage, MADV_HUGEPAGE) }
    #endif
    return fresh
  }

  /// Buffers taken since the start, and those among them that came from the system.
  ///
  ///     let before = BufferPool.counts.fresh
  ///     try step()
  ///     BufferPool.counts.fresh - before   // 0 in the steady state
  public static var counts: (taken: Int, fresh: Int) { lock.withLock { _ in (free.taken, free.fresh) } }

  static func give(_ buffer: UnsafeMutableRawPointer, _ capacity: Int) {
    let kept: Bool = lock.withLock { _ in
      if free.bytes + capacity > Limits.pooledBytesMax { return false }
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

/// The system's `free`, under a name that the pool's list of free buffers does not hide.
private func release(_ buffer: UnsafeMutableRawPointer) { free(buffer) }
