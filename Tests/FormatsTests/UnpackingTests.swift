/// Data that say how many bytes they become: what is taken for them, and that all of it comes out.
import CSnappy
import CZstd
import Testing

@testable import Formats

struct UnpackingTests {
  /// 30 MB, which take a few KB when they are packed.
  private let text = [UInt8]((0..<3_000_000).flatMap { _ in "0123456789".utf8 })

  private func packed(_ codec: ParquetCodec) throws -> [UInt8] {
    switch codec {
    case .gzip: return try Gzip.packed(text)
    case .zstd:
      return [UInt8](unsafeUninitializedCapacity: ZSTD_compressBound(text.count)) { target, count in
        count = ZSTD_compress(target.baseAddress, target.count, text, text.count, 3)
      }
    case .snappy:
      return [UInt8](unsafeUninitializedCapacity: snappy_max_compressed_length(text.count)) { target, count in
        count = target.count
        target.withMemoryRebound(to: CChar.self) { target in
          text.withUnsafeBufferPointer { text in
            text.withMemoryRebound(to: CChar.self) { text in
              _ = snappy_compress(text.baseAddress, text.count, target.baseAddress, &count)
            }
          }
        }
      }
    case .uncompressed: return text
    }
  }

  @Test(arguments: [ParquetCodec.snappy, .gzip, .zstd])
  func largeDataComeOutWholeAndNothingElseDoes(_ codec: ParquetCodec) throws {
    let packed = try packed(codec)
    #expect(try codec.unpack(packed, count: text.count, "a page") == text)
    for count in [text.count - 1, text.count + 1, text.count / 4, packed.count + (4 << 20)] {
      #expect(throws: (any Error).self) { try codec.unpack(packed, count: count, "a page") }
    }
    for cut in [packed.count - 1, packed.count / 2, 1] {
      #expect(throws: (any Error).self) {
        try codec.unpack(Array(packed[..<cut]), count: text.count, "a page")
      }
    }
  }

  /// A page of 826 bytes that said it became 119 MB had room for all of it.
  @Test func roomForManyBytesIsTakenOnceTheDataFillAQuarter() {
    var rooms: [Int] = []
    let refused = Unpacking.bytes(of: [0], count: 1 << 30) { _, target in
      rooms.append(target.count)
      return .damaged
    }
    #expect(refused == nil && rooms == [1 + (4 << 20)])
    rooms = []
    let grown = Unpacking.bytes(of: [], count: 40 << 20) { _, target in
      rooms.append(target.count)
      return target.count == 40 << 20 ? .whole : .more
    }
    #expect(grown?.count == 40 << 20 && rooms == [4 << 20, 16 << 20, 40 << 20])
    let short = Unpacking.bytes(of: [], count: 40 << 20) { _, _ in .whole }
    #expect(short == nil)
    let long = Unpacking.bytes(of: [], count: 8) { _, _ in .more }
    #expect(long == nil)
  }
}
