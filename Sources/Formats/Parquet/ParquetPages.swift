/// The pages of a column of a row group, one at a time.
import Base
import CZlib

/// A page: its header, and its bytes unpacked.
struct ParquetPage {
  enum Kind { case data, dictionary, dataV2 }
  var kind = Kind.data
  var valueCount = -1
  var encoding = -1
  /// Encodings of the levels, of a data page of version 1.
  var levelEncodings = [3, 3]
  /// Bytes of the repetition and definition levels, of a data page of version 2.
  var levelBytes = [0, 0]
  var isPacked = true
  var bytes: [UInt8] = []
}

/// The bytes that the open pages of a file hold together.
final class ParquetHeld {
  private var count = 0

  func replace(_ old: Int, by new: Int, _ subject: String) throws {
    if new > Limits.parquetPageBytesMax || new > Limits.parquetHeldBytesMax - (count - old) {
      throw Failure(
        .format,
        "\(subject) has \(new) bytes beside \(count - old) of other columns; at most "
          + "\(Limits.parquetPageBytesMax) and "
          + "\(Limits.parquetHeldBytesMax) in all are read: write smaller pages")
    }
    count += new - old
  }
}

struct ParquetPages {
  let subject: String
  private let source: ByteSource
  private let codec: ParquetCodec
  private let held: ParquetHeld
  private var position: Int
  private let end: Int

  init(_ chunk: ParquetFooter.Chunk, of source: ByteSource, held: ParquetHeld, subject: String) throws {
    (self.source, self.held, self.subject) = (source, held, subject)
    codec = try ParquetCodec(code: chunk.codec, subject)
    (position, end) = (chunk.start, chunk.start + chunk.size)
  }

  private func failure(_ problem: String) -> Failure { Failure(.format, "\(subject): \(problem)") }

  /// The next page of values, in place of one of `old` bytes. Pages of other kinds are skipped.
  mutating func next(replacing old: Int) throws -> ParquetPage {
    while true {
      try Interrupt.check()
      if position >= end { throw failure("its pages end before its values") }
      var (page, header) = try header()
      let (packed, count) = (header.packedCount, header.count)
      if packed < 0 || packed > end - position || count < 0 {
        throw failure(
          "a page of \(count) bytes, packed as \(packed), at byte \(position) of a column that ends at \(end)"
        )
      }
      let start = position
      position += packed
      guard header.isRead else { continue }
      if page.valueCount < 0 { throw failure("a page without a number of values") }
      try held.replace(old, by: try Checked.plus(packed, count, "bytes"), "\(subject): a page")
      let bytes = try source.bytes(at: start, count: packed)
      if let checksum = header.checksum {
        let found = bytes.withUnsafeBufferPointer { crc32_z(0, $0.baseAddress, $0.count) }
        if UInt32(truncatingIfNeeded: found) != checksum { throw failure("a page fails its checksum") }
      }
      try unpack(bytes, count: count, into: &page)
      try held.replace(packed + count, by: page.bytes.count, "\(subject): a page")
      return page
    }
  }

  private func unpack(_ packed: [UInt8], count: Int, into page: inout ParquetPage) throws {
    // The levels of version 2 are never packed.
    let levels = page.kind == .dataV2 ? page.levelBytes[0] + page.levelBytes[1] : 0
    if levels > packed.count || levels > count {
      throw failure("levels of \(levels) bytes in a page of \(count)")
    }
    if !page.isPacked || (levels == count && levels == packed.count) {
      if packed.count != count { throw failure("a page of \(count) bytes that has \(packed.count)") }
      page.bytes = packed
    } else if levels == 0 {
      page.bytes = try codec.unpack(packed, count: count, "\(subject): a page")
    } else {
      page.bytes =
        packed[..<levels]
        + (try codec.unpack(Array(packed[levels...]), count: count - levels, "\(subject): a page"))
    }
  }

  private struct Header {
    var isRead = false
    var packedCount = -1
    var count = -1
    var checksum: UInt32?
  }

  /// Reads a header, whose length only reading tells: statistics may make it long.
  private mutating func header() throws -> (ParquetPage, Header) {
    var window = 1 << 10
    while true {
      let size = min(window, end - position)
      var reader = ThriftReader(
        try source.bytes(at: position, count: size), subject: "\(subject): a page's header")
      do {
        let made = try Self.header(&reader)
        position += reader.position
        return made
      } catch let failure as Failure
        where failure.kind == .format && size < end - position && size < Limits.parquetPageHeaderBytesMax
      {
        window *= 16
      }
    }
  }

  private static func header(_ reader: inout ThriftReader) throws -> (ParquetPage, Header) {
    var (page, header) = (ParquetPage(), Header())
    try reader.fields { reader, id, kind in
      switch id {
      case 1:
        let type = try reader.integer(kind)
        header.isRead = type == 0 || type == 2 || type == 3
        page.kind = type == 2 ? .dictionary : type == 3 ? .dataV2 : .data
      case 2: header.count = try reader.integer(kind)
      case 3: header.packedCount = try reader.integer(kind)
      case 4: header.checksum = UInt32(truncatingIfNeeded: try reader.integer(kind))
      case 5, 7, 8: try details(&reader, &page, header: id)
      default: return false
      }
      return true
    }
    return (page, header)
  }

  /// The header of a data page (5), a dictionary (7) or a data page of version 2 (8).
  private static func details(_ reader: inout ThriftReader, _ page: inout ParquetPage, header: Int) throws {
    try reader.fields(depth: 1) { reader, id, kind in
      switch (id, header) {
      case (1, _): page.valueCount = try reader.integer(kind)
      case (2, 5), (2, 7), (4, 8): page.encoding = try reader.integer(kind)
      case (3, 5): page.levelEncodings[1] = try reader.integer(kind)
      case (4, 5): page.levelEncodings[0] = try reader.integer(kind)
      case (5, 8), (6, 8):
        let count = try reader.integer(kind)
        guard (0...Limits.parquetPageBytesMax).contains(count) else {
          throw reader.failure("has levels of \(count) bytes")
        }
        page.levelBytes[id == 6 ? 0 : 1] = count
      case (7, 8): page.isPacked = try reader.flag(kind)
      default: return false
      }
      return true
    }
  }
}
