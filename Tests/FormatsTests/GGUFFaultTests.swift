/// Files that lie, each refused by name: the kinds of ggml's tests/test-gguf.cpp (llama.cpp) and more.
import Base
import Foundation
import Testing

@testable import Formats
@testable import Weights

@Suite struct GGUFFaultTests {
  /// A small file that is read: a key of each sort, two tensors.
  private func good() -> MadeGGUF {
    var made = MadeGGUF()
    made.add("general.architecture", 8, string("llama"))
    made.add("llama.block_count", 4, u32(1))
    made.tensor("w", [32, 2], type: 8, offset: 0)  // Q8_0: 68 bytes, 96 with padding
    made.tensor("v", [4], type: 0, offset: 96)
    made.data = [UInt8](repeating: 0, count: 96 + 32)
    return made
  }

  private func refuse(
    _ words: String..., location: SourceLocation = #_sourceLocation, _ change: (inout MadeGGUF) -> Void
  ) {
    var made = good()
    change(&made)
    refuse(made.bytes(), words, location)
  }

  private func refuse(_ bytes: [UInt8], _ words: [String], _ location: SourceLocation) {
    do {
      _ = try GGUFFile(ByteSource(bytes, name: "x.gguf"))
      Issue.record("accepted; expected \(words)", sourceLocation: location)
    } catch {
      for word in words + ["x.gguf"] {
        #expect("\(error)".contains(word), "\(error)", sourceLocation: location)
      }
      #expect(error is Failure, sourceLocation: location)
    }
  }

  @Test func theFileItselfIsRead() throws {
    #expect(try GGUFFile(ByteSource(good().bytes(), name: "x.gguf")).tensors.count == 2)
    #expect(try GGUFFile(ByteSource(MadeGGUF().bytes(), name: "x.gguf")).keys.isEmpty)
  }

  // MARK: header

  @Test func badMagic() { refuse("not a GGUF file") { $0.magic = Array("GGUX".utf8) } }
  @Test func version0() { refuse("is of version 0, expected 2 or 3") { $0.version = 0 } }
  @Test func version1() {
    refuse("is of version 1, expected 2 or 3; convert the model again") { $0.version = 1 }
  }
  @Test func futureVersion() { refuse("is of version 4, expected 2 or 3") { $0.version = 4 } }
  @Test func bigEndian() {
    refuse("is of version 3 in big-endian order", "convert the file to little-endian") {
      $0.version = 3 << 24
    }
  }
  @Test func hugeNumberOfTensors() {
    refuse("claims \(UInt64.max) tensors, the limit is") { $0.tensorCount = .max }
  }
  @Test func hugeNumberOfKeys() { refuse("claims \(UInt64.max) keys, the limit is") { $0.keyCount = .max } }
  @Test func moreKeysThanThereAre() { refuse("of 5", "but the file ends after") { $0.keyCount = 5 } }
  @Test func moreTensorsThanThereAre() { refuse("tensor '' has 0 dimensions") { $0.tensorCount = 100 } }
  @Test func fewerTensorsThanThereAre() {
    refuse("bytes after the last tensor belong to none") { $0.tensorCount = 1 }
  }
  @Test func nothingButTheMagic() {
    refuse(Array("GGUF".utf8), ["the version", "ends after 0"], #_sourceLocation)
  }

  // MARK: keys

  @Test func hugeKey() {
    refuse("key 3 of 3", "but the file ends after") { $0.keys.append(u64(.max) + u32(4) + u32(1)) }
  }
  @Test func keyLongerThanTheFormatAllows() {
    refuse("a name of 65536 bytes, at most 65535") { $0.add(String(repeating: "k", count: 65536), 4, u32(1)) }
  }
  @Test func emptyKey() { refuse("key ''", "not a name of printable ASCII") { $0.add("", 4, u32(1)) } }
  @Test func keyWithControlCharacters() {
    refuse(#"key 'a\u{1b}[2J'"#, "printable ASCII") { $0.add("a\u{1B}[2J", 4, u32(1)) }
  }
  @Test func unknownType() { refuse("key 'k' has the unknown type 13") { $0.add("k", 13, u32(1)) } }
  @Test func hugeType() { refuse("key 'k' has the unknown type 4294967295") { $0.add("k", .max, u32(1)) } }
  @Test func sameKeyTwice() {
    refuse("key 'llama.block_count' occurs twice") { $0.add("llama.block_count", 4, u32(1)) }
  }
  @Test func boolThatIsNeither() { refuse("key 'k' is a bool of the byte 2") { $0.add("k", 7, [2]) } }
  @Test func numberBeyond63Bits() {
    refuse("key 'k' is 18446744073709551615, beyond 2^63 - 1") { $0.add("k", 10, u64(.max)) }
  }
  @Test func hugeText() {
    refuse("key 'k' needs 18446744073709551615 bytes for its value, but the file ends") {
      $0.add("k", 8, u64(.max))
    }
  }
  @Test func arrayOfArrays() {
    refuse("key 'k' is an array of arrays") { $0.add("k", 9, u32(9) + u64(1) + u32(4) + u64(0)) }
  }
  @Test func arrayOfAnUnknownType() {
    refuse("key 'k' has the unknown type 77") { $0.add("k", 9, u32(77) + u64(1)) }
  }
  @Test func hugeArray() {
    refuse("key 'k' has \(UInt64.max) elements, more than any file holds") {
      $0.add("k", 9, u32(4) + u64(.max))
    }
  }
  @Test func arrayBeyondTheFile() {
    refuse("key 'k' needs 4000000 bytes for elements") { $0.add("k", 9, u32(4) + u64(1_000_000)) }
  }
  @Test func hugeArrayOfTexts() {
    refuse("key 'k' has \(UInt64.max) strings, but the file ends") { $0.add("k", 9, u32(8) + u64(.max)) }
  }
  @Test func hugeTextInAnArray() {
    refuse("key 'k' needs \(UInt64.max) bytes for a string of the array") {
      $0.add("k", 9, u32(8) + u64(1) + u64(.max))
    }
  }
  @Test func alignmentThatIsNoPowerOfTwo() {
    refuse("key 'general.alignment' is 13, expected a power of two") {
      $0.add("general.alignment", 4, u32(13))
    }
  }
  @Test func alignmentOfZero() {
    refuse("key 'general.alignment' is 0, expected a power of two") { $0.add("general.alignment", 4, u32(0)) }
  }
  @Test func alignmentOfAnotherType() {
    refuse("key 'general.alignment' is uint64, expected uint32") { $0.add("general.alignment", 10, u64(32)) }
  }
  @Test func alignmentBeyondTheFile() {
    refuse("tensor 'w' needs 68 bytes at byte 2147483648") { $0.add("general.alignment", 4, u32(1 << 31)) }
  }
  @Test func alignmentUnlikeThatOfTheOffsets() {
    refuse("tensor 'v' begins at byte 96 of the data, expected 128") {
      $0.add("general.alignment", 4, u32(64))
    }
  }

  // MARK: tensors

  @Test func nameLongerThanTheFormatAllows() {
    refuse("tensor 3 of 3 has a name of 65 bytes, at most 64") {
      $0.tensor(String(repeating: "n", count: 65), [4], type: 0, offset: 128)
    }
  }
  @Test func hugeName() {
    refuse("tensor 3 of 3", "but the file ends") { $0.tensors.append(u64(.max) + u32(1)) }
  }
  @Test func noDimensions() {
    refuse("tensor 'x' has 0 dimensions") { $0.tensor("x", [], type: 0, offset: 128) }
  }
  @Test func fiveDimensions() {
    refuse("tensor 'x' has 5 dimensions, expected 1 to 4") {
      $0.tensor("x", [1, 1, 1, 1, 1], type: 0, offset: 128)
    }
  }
  @Test func hugeRank() {
    refuse("tensor 'x' has 4294967295 dimensions") { $0.tensor("x", [1], type: 0, offset: 128, rank: .max) }
  }
  @Test func sizeOfZero() {
    refuse("tensor 'x' has the size 0") { $0.tensor("x", [4, 0], type: 0, offset: 128) }
  }
  @Test func negativeSize() {
    refuse("tensor 'x' has the size 18446744073709551615") { $0.tensor("x", [.max], type: 0, offset: 128) }
  }
  @Test func tooManyElements() {
    refuse("tensor 'x' has an impossible shape") { $0.tensor("x", [1 << 40, 1 << 40], type: 0, offset: 128) }
  }
  @Test func tooManyBytes() {
    refuse("tensor 'x' has an impossible shape") { $0.tensor("x", [1 << 62, 1], type: 0, offset: 128) }
  }
  @Test func paddingThatOverflows() {
    refuse("tensor 'x' needs 9223372036854775782 bytes at byte") {
      $0.tensor("x", [UInt64(Int.max / 34) * 32], type: 8, offset: 128)
    }
  }
  @Test func unknownTensorType() {
    refuse("tensor 'x' has the unknown type 99") { $0.tensor("x", [4], type: 99, offset: 128) }
  }
  @Test func removedTensorType() {
    refuse("tensor 'x' is of the type Q4_2, which is not read; read are F32, F16, Q4_0") {
      $0.tensor("x", [32], type: 4, offset: 128)
    }
  }
  @Test func tensorTypeThatIsNotRead() {
    refuse("tensor 'x' is of the type IQ2_XS, which is not read") {
      $0.tensor("x", [256], type: 17, offset: 128)
    }
  }
  @Test func rowsThatAreNotWholeBlocks() {
    refuse("tensor 'x' has rows of 33 elements, not whole blocks of 32 of Q8_0") {
      $0.tensor("x", [33], type: 8, offset: 128)
    }
  }
  @Test func sameNameTwice() {
    refuse("tensor 'w' occurs twice") { $0.tensor("w", [4], type: 0, offset: 128) }
  }
  @Test func offsetThatIsNotAligned() {
    refuse("tensor 'x' begins at byte 130 of the data, expected 128") {
      $0.tensor("x", [4], type: 0, offset: 130)
    }
  }
  @Test func overlap() {
    refuse("tensor 'x' begins at byte 0 of the data, expected 128") {
      $0.tensor("x", [4], type: 0, offset: 0)
    }
  }
  @Test func hole() {
    refuse("tensor 'x' begins at byte 160 of the data, expected 128") {
      $0.tensor("x", [4], type: 0, offset: 160)
    }
  }
  @Test func hugeOffset() {
    refuse("tensor 'x' begins at byte 18446744073709551615") { $0.tensor("x", [4], type: 0, offset: .max) }
  }

  // MARK: data

  @Test func dataCutShort() {
    refuse("tensor 'v' needs 16 bytes", "it is cut short; fetch it again") { $0.data.removeLast(20) }
  }
  @Test func noData() { refuse("tensor 'w' needs 68 bytes") { $0.data = [] } }
  @Test func bytesLeftOver() {
    refuse("5 bytes after the last tensor belong to none") { $0.data += [1, 2, 3, 4, 5] }
  }

  /// Cut anywhere but in the last padding, which carries nothing.
  @Test func everyCutIsRefused() {
    let bytes = good().bytes()
    for length in 0..<bytes.count - 16 {
      refuse(Array(bytes[..<length]), [], #_sourceLocation)
    }
  }

  // MARK: models

  @Test func modelsWithoutOrOfAnotherArchitectureAreNamed() {
    func open(_ change: (inout MadeGGUF) -> Void) throws {
      var made = MadeGGUF()
      change(&made)
      _ = try WeightFiles.open(ByteSource(made.bytes(), name: "x.gguf"))
    }
    expectFailure("x.gguf: no key 'general.architecture'") { try open { _ in } }
    expectFailure("general.architecture is 'mamba', which is not read; read are llama, qwen2") {
      try open { $0.add("general.architecture", 8, string("mamba")) }
    }
    expectFailure("not a model: it holds no tensors, perhaps only a tokenizer") {
      try open { $0.add("general.architecture", 8, string("llama")) }
    }
    expectFailure("key 'general.architecture' is uint32, expected a string") {
      try open { $0.add("general.architecture", 4, u32(1)) }
    }
  }
}
