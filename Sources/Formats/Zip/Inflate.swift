/// Unpacks deflated bytes whose size is known.
import CZlib

enum Inflate {
  enum Frame: Int32 {
    /// Deflated bytes alone, as in a zip archive.
    case none = -15
    /// The members of a gzip file, one after another, or zlib's own frame.
    case gzip = 47
  }

  /// Deflate makes at most 1032 bytes of one.
  static let expansionMax = 1032

  /// Fills `target`.
  static func unpack(
    _ packed: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, _ frame: Frame
  ) -> Unpacking.Outcome {
    guard let inputCount = UInt32(exactly: packed.count), let count = UInt32(exactly: target.count) else {
      return .damaged
    }
    var stream = z_stream()
    let size = Int32(MemoryLayout<z_stream>.size)
    if inflateInit2_(&stream, frame.rawValue, ZLIB_VERSION, size) != Z_OK { return .damaged }
    defer { inflateEnd(&stream) }
    // zlib wants an address where there are no bytes too.
    var nothing: UInt8 = 0
    return withUnsafeMutablePointer(to: &nothing) { nothing in
      stream.next_in =
        UnsafeMutablePointer(mutating: packed.bindMemory(to: UInt8.self).baseAddress) ?? nothing
      stream.avail_in = inputCount
      stream.next_out = target.bindMemory(to: UInt8.self).baseAddress ?? nothing
      stream.avail_out = count
      while inflate(&stream, Z_FINISH) == Z_STREAM_END {
        if stream.avail_in == 0 || frame == .none { return stream.avail_out == 0 ? .whole : .damaged }
        if inflateReset(&stream) != Z_OK { return .damaged }
      }
      // Data that are cut just where the target ends look the same; the caller knows by the number of bytes it wants.
      return stream.avail_out == 0 ? .more : .damaged
    }
  }
}
