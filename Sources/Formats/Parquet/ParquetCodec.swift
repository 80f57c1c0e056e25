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

  /// The most bytes that one packed byte can become; nil where there is no such bound.
  private var expansionMax: Int? {
    switch self {
    case .uncompressed: return 1
    // A copy of 64 bytes takes three.
    case .snappy: return 22
    case .gzip: return Inflate.expansionMax
    case .zstd: return nil
    }
  }

  /// The `count` bytes that `packed` holds.
  func unpack(_ packed: [UInt8], count: Int, _ subject: String) throws -> [UInt8] {
    if self == .uncompressed
      ? count != packed.count : expansionMax.map({ count > packed.count * $0 + 64 }) ?? false
    {
      throw Failure(.format, "\(subject) says it has \(count) bytes, packed as \(packed.count)")
    }
    if self == .uncompressed { return packed }
    var isWhole = false
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { target, filled in
      isWhole = packed.withUnsafeBytes { unpack($0, into: UnsafeMutableRawBufferPointer(target)) }
      filled = isWhole ? count : 0
    }
    if !isWhole {
      throw Failure(.format, "\(subject) is damaged: its \(self) data are not the \(count) bytes it says")
    }
    return bytes
  }

  private func unpack(_ packed: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer) -> Bool {
    switch self {
    case .uncompressed: return false
    case .snappy:
      let input = packed.bindMemory(to: CChar.self).baseAddress
      var count = 0
      guard snappy_uncompressed_length(input, packed.count, &count) == SNAPPY_OK, count == target.count else {
        return false
      }
      return snappy_uncompress(input, packed.count, target.bindMemory(to: CChar.self).baseAddress, &count)
        == SNAPPY_OK
        && count == target.count
    case .gzip: return Inflate.whole(packed, into: target, .gzip)
    case .zstd:
      return ZSTD_decompress(target.baseAddress, target.count, packed.baseAddress, packed.count)
        == target.count
    }
  }
}
