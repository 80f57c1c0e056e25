/// GGUF: metadata and layout as gguf's writer makes them, blocks bit for bit as its reader expands them.
///
/// Fixtures are in Tests/Golden/gguf; scripts/golden/gguf_blocks.py and gguf_models.py write them with PyPI's
/// gguf 0.19.0.
import Base
import Foundation
import Tensors
import Testing

@testable import Formats
@testable import Weights

@Suite struct GGUFTests {
  private func floats(_ file: GGUFFile, _ name: String) throws -> [Float] {
    let tensor = try #require(file.tensors.first { $0.name == name })
    var values = [Float](repeating: .nan, count: tensor.sizes.reduce(1, *))
    try values.withUnsafeMutableBufferPointer { try file.read(tensor, from: 0, into: $0) }
    return values
  }

  /// Random bytes as blocks of every type: 1,536 numbers each.
  @Test(arguments: GGUFTensorType.allCases.filter { $0 != .f32 })
  func blocksAreExpandedBitForBit(type: GGUFTensorType) throws {
    let file = try GGUFFile(ByteSource(path: goldenPath("gguf/blocks.gguf")))
    let (read, expected) = (try floats(file, type.name), try floats(file, type.name + ".f32"))
    #expect(read.count == 1536 && read.map(\.bitPattern) == expected.map(\.bitPattern))
  }

  /// Any whole blocks of a tensor can be read, also more than are read at a time.
  @Test func partsOfATensorAreRead() throws {
    let file = try GGUFFile(ByteSource(path: goldenPath("gguf/blocks.gguf")))
    let all = try floats(file, "Q4_K")
    let tensor = try #require(file.tensors.first { $0.name == "Q4_K" })
    var part = [Float](repeating: 0, count: 512)
    try part.withUnsafeMutableBufferPointer { try file.read(tensor, from: 768, into: $0) }
    #expect(part == Array(all[768..<1280]))
    expectFailure("tensor 'Q4_K'", "not whole blocks of 256") {
      try part.withUnsafeMutableBufferPointer { try file.read(tensor, from: 32, into: $0) }
    }
  }

  @Test func metadataOfAModelAreRead() throws {
    let file = try GGUFFile(ByteSource(path: goldenPath("gguf/llama.gguf")))
    #expect(file.version == 3 && file.keys.first == "general.architecture")
    #expect(try file.text("general.architecture") == "llama")
    #expect(try file.integer("llama.attention.head_count") == 3)
    #expect(try file.number("llama.attention.layer_norm_rms_epsilon") == 1e-5)
    #expect(try file.integer("llama.nothing") == nil)
    expectFailure("llama.gguf: key 'general.architecture' is a string, expected an integer") {
      _ = try file.integer("general.architecture")
    }
    #expect(file.tensors.first { $0.name == "blk.1.attn_k.weight" }?.sizes == [24, 10])
    #expect(try WeightFiles.open(goldenPath("gguf/llama.gguf")) is GGUFWeights)
  }

  /// Every kind of metadata, a custom alignment and version 2, written here.
  @Test func everyKindOfValueIsRead() throws {
    for version: UInt32 in [2, 3] {
      var made = MadeGGUF(version: version)
      made.add("general.alignment", 4, u32(64))
      let numbers: [(UInt32, [UInt8], Int)] = [
        (0, [200], 200), (1, [200], -56), (2, [0xFF, 0xFF], 65535), (3, [0xFF, 0xFF], -1), (4, u32(7), 7),
        (5, u32(.max), -1), (10, u64(1 << 40), 1 << 40), (11, u64(.max), -1),
      ]
      for (type, bytes, _) in numbers { made.add("n.\(type)", type, bytes) }
      made.add("f.32", 6, u32((0.1 as Float).bitPattern))
      made.add("f.64", 12, u64((0.1 as Double).bitPattern))
      made.add("b", 7, [1])
      made.add("s", 8, string("Grüße"))
      made.add("a.s", 9, u32(8) + u64(2) + string("x") + string(""))
      made.add("a.i", 9, u32(5) + u64(2) + u32(3) + u32(.max))
      made.add("a.f", 9, u32(6) + u64(1) + u32((2.5 as Float).bitPattern))
      made.tensor("w", [2, 3], type: 0, offset: 0)
      made.tensor("v", [1], type: 0, offset: 64)
      made.data = [UInt8](repeating: 0, count: 128)
      made.data[64...67] = [0, 0, 0x80, 0x3F]
      let file = try GGUFFile(ByteSource(made.bytes(alignment: 64), name: "file"))
      #expect(file.version == Int(version))
      for (type, _, value) in numbers { #expect(try file.integer("n.\(type)") == value) }
      #expect(try file.number("f.32") == 0.1 && file.number("f.64") == 0.1 && file.flag("b") == true)
      #expect(
        try file.text("s") == "Grüße" && file.integers("a.i") == [3, -1] && file.numbers("a.f") == [2.5])
      var texts: [String] = []
      #expect(try file.forEachString("a.s") { texts.append(String(decoding: $1, as: UTF8.self)) })
      #expect(texts == ["x", ""])
      #expect(try floats(file, "v") == [1] && floats(file, "w") == [0, 0, 0, 0, 0, 0])
    }
  }
}

func u32(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
func u64(_ value: UInt64) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
func string(_ text: String) -> [UInt8] { u64(UInt64(text.utf8.count)) + Array(text.utf8) }

/// A GGUF file written by hand, so that each part of it can be wrong.
struct MadeGGUF {
  var magic = Array("GGUF".utf8)
  var version: UInt32 = 3
  var keys: [[UInt8]] = []
  var tensors: [[UInt8]] = []
  /// In the place of the true numbers.
  var keyCount: UInt64?
  var tensorCount: UInt64?
  var data: [UInt8] = []

  mutating func add(_ key: String, _ type: UInt32, _ value: [UInt8]) {
    keys.append(string(key) + u32(type) + value)
  }

  mutating func tensor(_ name: String, _ sizes: [UInt64], type: UInt32, offset: UInt64, rank: UInt32? = nil) {
    tensors.append(
      string(name) + u32(rank ?? UInt32(sizes.count)) + sizes.flatMap(u64) + u32(type) + u64(offset))
  }

  /// The header without the data.
  var header: [UInt8] {
    magic + u32(version) + u64(tensorCount ?? UInt64(tensors.count)) + u64(keyCount ?? UInt64(keys.count))
      + keys.flatMap { $0 } + tensors.flatMap { $0 }
  }

  func bytes(alignment: Int = 32) -> [UInt8] {
    let header = header
    return header + [UInt8](repeating: 0, count: (alignment - header.count % alignment) % alignment) + data
  }
}
