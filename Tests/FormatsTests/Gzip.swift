/// Packs bytes as gzip, for tests of readers that unpack.
import Base
import CZlib

enum Gzip {
  static func packed(_ bytes: [UInt8]) throws -> [UInt8] {
    var stream = z_stream()
    let size = Int32(MemoryLayout<z_stream>.size)
    if deflateInit2_(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, size) != Z_OK {
      throw Failure(.memory, "not enough memory to pack \(bytes.count) bytes")
    }
    defer { deflateEnd(&stream) }
    if bytes.count > Int(UInt32.max) { throw Failure(.value, "cannot pack \(bytes.count) bytes at once") }
    var input = bytes
    var out: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    input.withUnsafeMutableBufferPointer { from in
      stream.next_in = from.baseAddress
      stream.avail_in = UInt32(from.count)
      var status = Z_OK
      while status == Z_OK {
        piece.withUnsafeMutableBufferPointer { into in
          stream.next_out = into.baseAddress
          stream.avail_out = UInt32(into.count)
          status = deflate(&stream, Z_FINISH)
          out.append(contentsOf: into[..<(into.count - Int(stream.avail_out))])
        }
      }
    }
    return out
  }
}
