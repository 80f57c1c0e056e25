/// Unpacks the pages of Parquet files, by the libraries of each codec.
import Base
import CSnappy
import CZlib
import CZstd

enum ParquetCodec: Int {
  case uncompressed = 0
  case snappy = 1
  case gzip = 2
  case zstd = 6

  private static let others = [3: "LZO", 4: "Brotli", 5: "LZ4", 7: "LZ4_RAW"]

  /// The codec of a number. Errors: it is not read; the message says how to write the file again.
  init(code: Int, _ subject: String) throws {
    guard let codec = ParquetCodec(rawValue: code) else {
      throw Failure(
        .format,
        "\(subject) is packed with \(Self.others[code] ?? "the unknown codec \(code)"); snappy, gzip, zstd and "
          + "none are read: pyarrow.parquet.write_table(pyarrow.parquet.read_table(\"a.parquet\"), \"b.parquet\", "
          + "compression=\"zstd\")")
    }
    self = codec
  }

  /// The most bytes that one packed byte can become.
  private var expansionMax: Int {
    switch self {
    case .uncompressed: return 1
    // A copy of 64 bytes takes three.
    case .snappy: return 22
    case .gzip: return Inflate.expansionMax
    // A block of 128 KB that repeats one byte takes four.
    case .zstd: return 32 << 10
    }
  }

  /// The `count` bytes that `packed` holds.
  func unpack(_ packed: [UInt8], count: Int, _ subject: String) throws -> [UInt8] {
    if self == .uncompressed ? count != packed.count : count > packed.count * expansionMax + 64 {
      throw Failure(.format, "\(subject) says it has \(count) bytes, packed as \(packed.count)")
    }
    if self == .uncompressed { return packed }
    guard let bytes = Unpacking.bytes(of: packed, count: count, { unpack($0, into: $1, of: count) }) else {
      throw Failure(.format, "\(subject) is damaged: its \(self) data are not the \(count) bytes it says")
    }
    return bytes
  }

  private func unpack(
    _ packed: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer, of whole: Int
  ) -> Unpacking.Outcome {
    switch self {
    case .uncompressed: return .damaged
    case .snappy:
      let input = packed.bindMemory(to: CChar.self).baseAddress
      var count = 0
      guard snappy_uncompressed_length(input, packed.count, &count) == SNAPPY_OK, count == whole else {
        return .damaged
      }
      // Snappy fills all or nothing.
      if target.count < whole {
        return snappy_validate_compressed_buffer(input, packed.count) == SNAPPY_OK ? .more : .damaged
      }
      let output = target.bindMemory(to: CChar.self).baseAddress
      return snappy_uncompress(input, packed.count, output, &count) == SNAPPY_OK ? .whole : .damaged
    case .gzip: return Inflate.unpack(packed, into: target, .gzip)
    case .zstd:
      let count = ZSTD_decompress(target.baseAddress, target.count, packed.baseAddress, packed.count)
      if ZSTD_isError(count) == 0 { return count == target.count ? .whole : .damaged }
      return ZSTD_getErrorCode(count) == ZSTD_error_dstSize_tooSmall ? .more : .damaged
    }
  }
}
