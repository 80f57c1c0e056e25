/// Random access to the bytes of a file or an array, with every offset checked.
///
/// Readers ask for the bytes they need: a header first, then each tensor straight into its storage. A file is
/// never in memory twice, a size written in it allocates nothing before it is compared with `count`, and a
/// file that shrinks while it is read is an error, where a mapped file would end the process. Long reads look
/// at Ctrl-C.
import Base

/// Random access to the bytes of a file or an array.
///
///     let source = ByteSource(Array("Lua".utf8), name: "memory")
///     try source.bytes(at: 1, count: 2)      // [117, 97]
public final class ByteSource: @unchecked Sendable {
  /// The path, for messages.
  public let name: String
  /// Bytes in all.
  public let count: Int
  private let memory: [UInt8]
  private let descriptor: Int32

  /// Bytes already in memory.
  public init(_ bytes: [UInt8], name: String) {
    self.name = name
    memory = bytes
    count = bytes.count
    descriptor = -1
  }

  /// Opens a regular file; folders, pipes and devices have no size to trust and are refused.
  ///
  ///     try ByteSource(path: "model.bin").count
  public init(path: String) throws {
    name = path
    memory = []
    (descriptor, count) = try SystemFile.openRegular(path)
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
  }

  /// Bytes of one read: Ctrl-C ends a long read after some milliseconds.
  private static let readBytesMax = 16 << 20

  /// Fills `target` with the bytes from `offset`.
  public func read(at offset: Int, into target: UnsafeMutableRawBufferPointer) throws {
    if offset < 0 || offset > count || target.count > count - offset {
      throw Failure(
        .format, "\(name): \(target.count) bytes wanted at byte \(offset), but the file has \(count) bytes")
    }
    if target.isEmpty { return }
    if descriptor < 0 {
      memory.withUnsafeBytes {
        target.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[offset..<offset + target.count]))
      }
      return
    }
    var done = 0
    while done < target.count {
      try Interrupt.check()
      let wanted = min(target.count - done, Self.readBytesMax)
      let got = retryingOnSignal {
        pread(descriptor, target.baseAddress.unsafelyUnwrapped + done, wanted, off_t(offset + done))
      }
      if got < 0 { throw FileCalls.failure("read", name) }
      if got == 0 { throw Failure(.io, "cannot read \(name): it became shorter while it was read") }
      done += got
    }
  }

  /// A copy of `count` bytes from `offset`.
  public func bytes(at offset: Int, count wanted: Int) throws -> [UInt8] {
    if wanted < 0 || offset < 0 || offset > count || wanted > count - offset {
      throw Failure(
        .format, "\(name): \(wanted) bytes wanted at byte \(offset), but the file has \(count) bytes")
    }
    return try [UInt8](unsafeUninitializedCapacity: wanted) { buffer, filled in
      try read(at: offset, into: UnsafeMutableRawBufferPointer(buffer))
      filled = wanted
    }
  }

  /// All bytes, refused beyond `limit`.
  public func all(limit: Int) throws -> [UInt8] {
    if count > limit { throw Failure(.format, "\(name): \(count) bytes, more than the limit of \(limit)") }
    return descriptor < 0 ? memory : try bytes(at: 0, count: count)
  }

  /// One little-endian number at `offset`.
  package func integer<T: FixedWidthInteger>(at offset: Int, as type: T.Type) throws -> T {
    var value = T.zero
    try withUnsafeMutableBytes(of: &value) { try read(at: offset, into: $0) }
    return T(littleEndian: value)
  }
}

/// The system calls that the readers share.
enum SystemFile {
  /// An open descriptor and the size of a regular file.
  static func openRegular(_ path: String) throws -> (descriptor: Int32, count: Int) {
    if path.isEmpty || path.utf8.contains(0) { throw Failure(.io, "not a file name: \"\(path)\"") }
    let descriptor = retryingOnSignal { open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
    if descriptor < 0 { throw FileCalls.failure("open", path) }
    var information = stat()
    if fstat(descriptor, &information) != 0 {
      let problem = FileCalls.failure("inspect", path)
      close(descriptor)
      throw problem
    }
    if information.st_mode & S_IFMT != S_IFREG {
      close(descriptor)
      let folder = information.st_mode & S_IFMT == S_IFDIR
      throw Failure(.io, "cannot read \(path): it is \(folder ? "a folder" : "not a regular file")")
    }
    return (descriptor, Int(information.st_size))
  }
}
