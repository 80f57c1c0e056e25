/// Packs bytes as gzip while they are written.
import Base
import CZlib

/// Gives each packed block to `put`. The file has no name or time, so that the same bytes pack to the same
/// file.
final class GzipWriter {
  private var stream = z_stream()
  private var block = [UInt8](repeating: 0, count: 1 << 16)
  private let put: (UnsafeRawBufferPointer) throws -> Void

  init(_ put: @escaping (UnsafeRawBufferPointer) throws -> Void) throws {
    self.put = put
    let size = Int32(MemoryLayout<z_stream>.size)
    if deflateInit2_(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, size) != Z_OK {
      throw Failure(.memory, "not enough memory to pack as gzip")
    }
  }

  deinit { deflateEnd(&stream) }

  func write(_ bytes: UnsafeRawBufferPointer) throws {
    var done = 0
    while done < bytes.count {
      let part = UnsafeRawBufferPointer(rebasing: bytes[done..<min(bytes.count, done + 1 << 30)])
      try pack(part, Z_NO_FLUSH)
      done += part.count
    }
  }

  /// Writes what is left and the checksum.
  func finish() throws { try pack(UnsafeRawBufferPointer(start: nil, count: 0), Z_FINISH) }

  private func pack(_ bytes: UnsafeRawBufferPointer, _ flush: Int32) throws {
    stream.next_in = UnsafeMutablePointer(mutating: bytes.bindMemory(to: UInt8.self).baseAddress)
    stream.avail_in = UInt32(bytes.count)
    while true {
      let status = block.withUnsafeMutableBufferPointer {
        stream.next_out = $0.baseAddress
        stream.avail_out = UInt32($0.count)
        return deflate(&stream, flush)
      }
      if status == Z_STREAM_ERROR { throw Failure(.state, "cannot pack as gzip") }
      let count = block.count - Int(stream.avail_out)
      try block.withUnsafeBytes { try put(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
      if stream.avail_out > 0 && (flush != Z_FINISH || status == Z_STREAM_END) { return }
    }
  }
}
