/// Reads a text file line by line, unpacking gzip on the way.
///
/// A file that begins with gzip's two bytes is unpacked as it is read, so a small file with large contents
/// costs no more memory than one line. The length of a line is limited; a gzip file that ends early or fails
/// its checksum is refused.
import Base
import CZlib

/// The lines of a plain or gzipped file, without their ends.
///
///     let lines = try LineReader(path: "test.jsonl.gz")
///     while try lines.next({ bytes in print(bytes.count) }) {}
public final class LineReader {
  /// The path, for messages.
  public let name: String
  /// The number of the line read last, from 1.
  public private(set) var line = 0
  private let bytes: UnpackedBytes
  private var buffer: UnsafeMutableRawPointer?
  private var capacity = 0
  private var start = 0
  private var end = 0
  private var ended = false

  public init(path: String) throws {
    name = path
    bytes = try UnpackedBytes(ByteSource(path: path))
  }

  /// Lines of bytes in memory.
  public init(bytes: [UInt8], name: String) throws {
    self.name = name
    self.bytes = try UnpackedBytes(ByteSource(bytes, name: name))
  }

  deinit { free(buffer) }

  /// Calls `body` with the next line; false at the end of the file.
  public func next(_ body: (UnsafeBufferPointer<UInt8>) throws -> Void) throws -> Bool {
    var searched = start
    while true {
      if let buffer, searched < end, let found = memchr(buffer + searched, 10, end - searched) {
        let stop = UnsafeRawPointer(found) - UnsafeRawPointer(buffer)
        try give(upTo: stop, next: stop + 1, body)
        return true
      }
      if ended {
        if start == end { return false }
        try give(upTo: end, next: end, body)
        return true
      }
      searched = end - start
      try fill()
      searched += start
    }
  }

  private func give(upTo stop: Int, next: Int, _ body: (UnsafeBufferPointer<UInt8>) throws -> Void) throws {
    line += 1
    if stop - start > Limits.lineBytesMax { throw tooLong() }
    let from = start
    start = next
    guard let buffer else { return }
    try body(
      UnsafeBufferPointer(start: (buffer + from).assumingMemoryBound(to: UInt8.self), count: stop - from))
  }

  private func tooLong() -> Failure {
    Failure(.format, "\(name): line \(line) is longer than the limit of \(Limits.lineBytesMax) bytes")
  }

  /// Moves the open line to the front and reads more behind it.
  private func fill() throws {
    try Interrupt.check()
    if start > 0, let buffer {
      memmove(buffer, buffer + start, end - start)
      end -= start
      start = 0
    }
    if end > Limits.lineBytesMax {
      line += 1
      throw tooLong()
    }
    if end == capacity {
      // Few sizes: pages of the large ones are touched as they fill, while doubling would often hold two copies.
      let larger = capacity == 0 ? 1 << 16 : capacity < 1 << 24 ? 1 << 24 : Limits.lineBytesMax + 2
      guard let grown = realloc(buffer, larger) else {
        throw Failure(.memory, "not enough memory for a line of \(name)")
      }
      buffer = grown
      capacity = larger
    }
    guard let buffer else { return }
    let got = try bytes.read(into: UnsafeMutableRawBufferPointer(start: buffer + end, count: capacity - end))
    if got == 0 { ended = true }
    end += got
  }
}

/// The bytes of a source in order, unpacked when they are gzip.
final class UnpackedBytes {
  private let source: ByteSource
  private var position = 0
  private var stream = z_stream()
  private let isPacked: Bool
  private var isInside = false
  private var block = [UInt8](repeating: 0, count: 1 << 15)
  private var used = 0
  private var filled = 0

  init(_ source: ByteSource) throws {
    self.source = source
    if source.count == 0 && source.name.hasSuffix(".gz") {
      throw Failure(
        .format, "\(source.name): the file is empty, and so no gzip file: packed, even nothing takes 20 bytes"
      )
    }
    let start = try source.bytes(at: 0, count: min(4, source.count))
    if start == [0x28, 0xB5, 0x2F, 0xFD] {
      throw Failure(.format, "\(source.name): zstd data; unpack it first with unzstd, or pack it with gzip")
    }
    isPacked = start.starts(with: [0x1F, 0x8B])
    if isPacked && inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) != Z_OK {
      throw Failure(.memory, "not enough memory to unpack \(source.name)")
    }
  }

  deinit { if isPacked { inflateEnd(&stream) } }

  /// Fills some of `target`; 0 only at the end.
  func read(into target: UnsafeMutableRawBufferPointer) throws -> Int {
    if !isPacked {
      let count = min(target.count, source.count - position)
      try source.read(at: position, into: UnsafeMutableRawBufferPointer(rebasing: target[..<count]))
      position += count
      return count
    }
    while true {
      if used == filled {
        filled = min(block.count, source.count - position)
        used = 0
        if filled == 0 {
          if isInside { throw failure("the gzip data end early") }
          return 0
        }
        try block.withUnsafeMutableBytes {
          try source.read(at: position, into: UnsafeMutableRawBufferPointer(rebasing: $0[..<filled]))
        }
        position += filled
      }
      let got = try inflate(into: target)
      if got > 0 { return got }
    }
  }

  private func inflate(into target: UnsafeMutableRawBufferPointer) throws -> Int {
    isInside = true
    let space = min(target.count, 1 << 30)
    var status = Z_OK
    block.withUnsafeMutableBufferPointer { input in
      stream.next_in = input.baseAddress.map { $0 + used }
      stream.avail_in = UInt32(filled - used)
      stream.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
      stream.avail_out = UInt32(space)
      status = CZlib.inflate(&stream, Z_NO_FLUSH)
      used = filled - Int(stream.avail_in)
    }
    if status == Z_STREAM_END {
      isInside = false
      if inflateReset(&stream) != Z_OK { throw failure("the gzip data cannot be unpacked") }
    } else if status != Z_OK && status != Z_BUF_ERROR {
      let reason = stream.msg.map { String(cString: $0) } ?? "code \(status)"
      throw failure("the gzip data are damaged (\(reason))")
    }
    return space - Int(stream.avail_out)
  }

  private func failure(_ problem: String) -> Failure { Failure(.format, "\(source.name): \(problem)") }
}
