/// The bytes behind a tensor.
import Base

public final class Storage: @unchecked Sendable {
  public let address: UnsafeMutableRawPointer
  public let byteCount: Int
  private let capacity: Int
  private let isPooled: Bool
  /// The number of writes in place, by which a backward pass notices that a saved value has changed.
  public private(set) var version = 0

  #if EXACT_BUFFERS
    // A sanitizer sees the end of a buffer and its release, which the pool would hide.
    private static let isPooling = false
    private static let unit = 1
  #else
    private static let isPooling = true
    private static let unit = 64
  #endif

  /// A buffer of `byteCount` bytes, aligned to a cache line, with undefined contents.
  public convenience init(byteCount: Int) throws {
    try self.init(byteCount, of: "tensor", isPooled: Self.isPooling)
  }

  /// A buffer of `byteCount` bytes that the pool neither rounds up nor keeps: weights that live as long as their model.
  convenience init(exactly byteCount: Int) throws { try self.init(byteCount, of: "matrix", isPooled: false) }

  private init(_ byteCount: Int, of what: String, isPooled: Bool) throws {
    if byteCount < 0 || byteCount > Limits.tensorBytesMax {
      throw Failure(.memory, "not enough memory: \(byteCount) bytes asked for one \(what)")
    }
    let unit = Self.unit
    capacity =
      isPooled ? BufferPool.capacity(for: byteCount) : max(unit, (byteCount + unit - 1) / unit * unit)
    try MemoryAccount.add(capacity)
    guard let taken = isPooled ? BufferPool.take(capacity) : BufferPool.fresh(capacity) else {
      MemoryAccount.remove(capacity)
      throw Failure(.memory, "not enough memory: the system refused \(byteCount) bytes")
    }
    address = taken
    (self.byteCount, self.isPooled) = (byteCount, isPooled)
  }

  /// Records that elements were changed in place.
  public func markWritten() { version &+= 1 }

  deinit {
    if isPooled { BufferPool.give(address, capacity) } else { free(address) }
    MemoryAccount.remove(capacity)
  }
}
