import Base
import Foundation
import Tensors
import Testing

@testable import Formats
@testable import Weights

@Suite struct SafetensorsTests {
  /// A file of this header text and so many zero bytes.
  static func file(_ header: String, data: Int = 0) -> [UInt8] {
    withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) } + Array(header.utf8)
      + [UInt8](repeating: 0, count: data)
  }

  private func refused(
    _ words: String..., header: String, data: Int = 0, location: SourceLocation = #_sourceLocation
  ) {
    do {
      _ = try Safetensors.read(bytes: Self.file(header, data: data))
      Issue.record("accepted: \(header)", sourceLocation: location)
    } catch {
      for word in words { #expect("\(error)".contains(word), "\(error)", sourceLocation: location) }
    }
  }

  static func sample() throws -> Safetensors {
    let strided = try Tensor([1, 2, 3, 4, 5, 6] as [Float], shape: [2, 3]).transposed(0, 1)
    return Safetensors(
      [
        ("layers.0.w", strided),
        ("a \"quoted\" é", try Tensor([1.5, -0.0, .infinity] as [Double], shape: [3])),
        ("ids", try Tensor([Int64.min, 7] as [Int64], shape: [2, 1])),
        ("mask", try Tensor([true, false, true], shape: [3])), ("none", try Tensor(zeros: [0, 4], .f32)),
        ("scalar", try Tensor(scalar: 3, .f32)),
      ], metadata: ["step": "12", "a": "line\nend"])
  }

  @Test func whatIsWrittenIsReadBack() throws {
    try withTemporaryFolder { folder in
      let sample = try Self.sample()
      try sample.write(to: folder + "/s.safetensors")
      let read = try Safetensors.read(folder + "/s.safetensors")
      #expect(read.tensors.map(\.name) == sample.tensors.map(\.name))
      #expect(read.metadata == sample.metadata)
      for (a, b) in zip(sample.tensors, read.tensors) {
        #expect(a.tensor.dtype == b.tensor.dtype && a.tensor.shape == b.tensor.shape)
        #expect(try a.tensor.doubles() == b.tensor.doubles())
      }
      #expect(try read["layers.0.w"]?.elements(Float.self) == [1, 4, 2, 5, 3, 6])
      #expect(
        try WeightFiles.open(folder + "/s.safetensors").entries.map(\.dtype) == [
          "F32", "F64", "I64", "BOOL", "F32", "F32",
        ])
      #expect(
        try [UInt8](Data(contentsOf: URL(fileURLWithPath: folder + "/s.safetensors"))) == sample.encoded())
      #expect(try sample.encoded() == Self.sample().encoded())
    }
  }

  @Test func narrowTypesWiden() throws {
    var bytes = Self.file(
      #"{"h":{"dtype":"F16","shape":[8],"data_offsets":[0,16]},"b":{"dtype":"BF16","shape":[2],"data_offsets":[16,20]},"i":{"dtype":"I32","shape":[2],"data_offsets":[20,28]}}"#
    )
    // IEEE 754 half: 1, -2, 65504, least subnormal, greatest subnormal, -0, infinity, NaN.
    for half in [0x3C00, 0xC000, 0x7BFF, 0x0001, 0x03FF, 0x8000, 0x7C00, 0x7E00] as [UInt16] {
      bytes += [UInt8(half & 255), UInt8(half >> 8)]
    }
    bytes += [0x80, 0x3F, 0x49, 0xC0] + [255, 255, 255, 255, 5, 0, 0, 0]
    let read = try Safetensors.read(bytes: bytes)
    let half = try #require(try read["h"]?.elements(Float.self))
    #expect(half.prefix(5) == [1, -2, 65504, 0x1p-24, 0x1.ff8p-15])
    #expect(half[5] == 0 && half[5].sign == .minus && half[6] == .infinity && half[7].isNaN)
    #expect(try read["b"]?.elements(Float.self) == [1, -3.140625])
    #expect(try read["i"]?.elements(Int64.self) == [-1, 5])
  }

  @Test func tensorsComeInTheOrderOfTheirBytes() throws {
    let bytes = Self.file(
      #"{"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"extra":{"x":[1]}}}   "#,
      data: 8)
    #expect(try Safetensors.read(bytes: bytes).tensors.map(\.name) == ["a", "b"])
  }

  // MARK: hostile headers

  @Test func emptyFileIsRefused() { expectFailure("too short") { _ = try Safetensors.read(bytes: []) } }
  @Test func shortLengthIsRefused() {
    expectFailure("7 bytes, too short") { _ = try Safetensors.read(bytes: Array(repeating: 0, count: 7)) }
  }
  @Test func hugeHeaderLengthIsRefused() {
    let bytes = Array(repeating: 255, count: 8) + Array("{}".utf8)
    expectFailure("header of 18446744073709551615 bytes, the limit") {
      _ = try Safetensors.read(bytes: bytes)
    }
  }
  @Test func anotherKindOfFileIsCalledByWhatItIs() {
    for (bytes, words) in [
      (
        Array("# Perilune\n\nA Lua laboratory".utf8),
        "not a safetensors file: it begins with the text '# Perilune'"
      ),
      ([0x50, 0x4B, 3, 4, 0, 0, 0, 8, 0, 0, 1], "it is a zip archive, as PyTorch's .pt"),
      ([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 9], "it is gzip data"),
      (Array("GGUF".utf8) + [3, 0, 0, 0, 1], "it is a GGUF file"),
      ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], "it begins with the bytes 01 02 03 04 05 06 07 08"),
      (Array("{\"a\": [1, 2, 3]}".utf8), "it begins with the text '{\"a\": [1, 2, 3]}'"),
    ] {
      expectFailure(words) { _ = try Safetensors.read(bytes: bytes) }
    }
  }
  @Test func headerBeyondTheFileIsRefused() {
    expectFailure("header of 99 bytes, but only 2 follow") {
      _ = try Safetensors.read(bytes: [99, 0, 0, 0, 0, 0, 0, 0, 123, 125])
    }
  }
  @Test func emptyHeaderIsRefused() { refused("does not begin with '{'", header: "") }
  @Test func headerThatBeginsWithSpaceIsRefused() { refused("does not begin with '{'", header: " {}") }
  @Test func headerThatIsNoJSONIsRefused() { refused("expected", "line 1", header: "{\"a\"") }
  @Test func textAfterTheHeaderIsRefused() { refused("more text after the value", header: "{} x") }
  @Test func headerThatIsNotUTF8IsRefused() {
    var bytes = Self.file(#"{"x":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}"#, data: 4)
    bytes[10] = 0xFF
    expectFailure("not UTF-8") { _ = try Safetensors.read(bytes: bytes) }
  }
  @Test func deepHeaderIsRefused() {
    refused("nested deeper than 200", header: "{\"a\":{\"x\":" + String(repeating: "[", count: 1_000_000))
  }
  @Test func metadataThatIsNotTextIsRefused() {
    refused("metadata 'a' is not a string", header: #"{"__metadata__":{"a":1}}"#)
  }
  @Test func secondMetadataAreRefused() {
    refused("occurs twice", header: #"{"__metadata__":{},"__metadata__":{}}"#)
  }
  @Test func tensorThatIsNoObjectIsRefused() {
    refused("tensor 'x' is not described by an object", header: #"{"x":[]}"#)
  }
  @Test func missingTypeIsRefused() {
    refused("tensor 'x' has no dtype", header: #"{"x":{"shape":[],"data_offsets":[0,0]}}"#)
  }
  @Test func missingShapeIsRefused() {
    refused("tensor 'x' has no shape", header: #"{"x":{"dtype":"F32","data_offsets":[0,0]}}"#)
  }
  @Test func missingOffsetsAreRefused() {
    refused("tensor 'x' has no data_offsets", header: #"{"x":{"dtype":"F32","shape":[]}}"#)
  }
  @Test func oneOffsetIsRefused() {
    refused(
      "tensor 'x' has no data_offsets of two", header: #"{"x":{"dtype":"F32","shape":[],"data_offsets":[0]}}"#
    )
  }
  @Test func threeOffsetsAreRefused() {
    refused(
      "tensor 'x' has more than two offsets",
      header: #"{"x":{"dtype":"F32","shape":[],"data_offsets":[0,1,2]}}"#)
  }
  @Test func unknownTypeIsRefused() {
    refused(
      "tensor 'x' has unknown dtype 'F33'", header: #"{"x":{"dtype":"F33","shape":[],"data_offsets":[0,0]}}"#)
  }
  @Test func controlCharactersAndLongNamesAreCutInMessages() {
    let long = String(repeating: "n", count: 5_000_000)
    for (name, shown) in [
      (#"a\u001b[2J\nb"#, #"tensor 'a\u{1b}[2J\u{a}b' has no dtype"#), (long, "nnn...' has no dtype"),
    ] {
      do {
        _ = try Safetensors.read(bytes: Self.file(#"{"\#(name)":{}}"#))
        Issue.record("accepted")
      } catch {
        #expect("\(error)".contains(shown))
        #expect("\(error)".utf8.count < 300)
      }
    }
  }
  @Test func moreTensorsThanTheLimitAreRefused() {
    let entry = #"{"dtype":"F32","shape":[0],"data_offsets":[0,0]}"#
    let many = (0...Limits.tensorsMax).map { "\"\($0)\":\(entry)" }.joined(separator: ",")
    refused("more than 131072 tensors", header: "{\(many)}")
  }
  @Test func typeThatIsNotReadIsRefused() {
    refused(
      "tensor 'x' has dtype U64", header: #"{"x":{"dtype":"U64","shape":[1],"data_offsets":[0,8]}}"#, data: 8)
  }
  @Test func negativeSizeIsRefused() {
    refused("expected a size", header: #"{"x":{"dtype":"F32","shape":[-1],"data_offsets":[0,0]}}"#)
  }
  @Test func fractionalSizeIsRefused() {
    refused("expected a size", header: #"{"x":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}}"#, data: 4)
  }
  @Test func sizeBeyond64BitsIsRefused() {
    refused(
      "expected a size",
      header: #"{"x":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4]}}"#, data: 4)
  }
  @Test func overflowingShapeIsRefused() {
    refused(
      "tensor 'x' has an impossible shape",
      header: #"{"x":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#)
  }
  @Test func overflowHiddenByAZeroIsRefused() {
    refused(
      "tensor 'x' has an impossible shape",
      header: #"{"x":{"dtype":"F32","shape":[0,4294967296,4294967296],"data_offsets":[0,0]}}"#)
  }
  @Test func nineDimensionsAreRefused() {
    refused(
      "tensor 'x' has more than 8 dimensions",
      header: #"{"x":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}}"#, data: 4)
  }
  @Test func sizeThatDiffersFromTheOffsetsIsRefused() {
    refused(
      "tensor 'x' of 2 F32 needs 8 bytes, its offsets span 4",
      header: #"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, data: 4)
  }
  @Test func offsetsBeyondTheDataAreRefused() {
    refused(
      "tensor 'x' ends at byte 4 of the data, which has 3",
      header: #"{"x":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}"#, data: 3)
  }
  @Test func reversedOffsetsAreRefused() {
    refused(
      "tensor 'x' ends at byte 0, before its start 4",
      header: #"{"x":{"dtype":"F32","shape":[],"data_offsets":[4,0]}}"#, data: 4)
  }
  @Test func holeIsRefused() {
    refused(
      "tensor 'y' leaves a hole of 4 bytes",
      header:
        #"{"x":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"y":{"dtype":"F32","shape":[],"data_offsets":[8,12]}}"#,
      data: 12)
  }
  @Test func overlapIsRefused() {
    refused(
      "tensor 'y' overlaps the one before by 4 bytes",
      header:
        #"{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"y":{"dtype":"F32","shape":[],"data_offsets":[4,8]}}"#,
      data: 8)
  }
  @Test func holeAtTheStartIsRefused() {
    refused(
      "tensor 'x' leaves a hole of 4", header: #"{"x":{"dtype":"F32","shape":[],"data_offsets":[4,8]}}"#,
      data: 8)
  }
  @Test func bytesAfterTheLastTensorAreRefused() {
    refused(
      "3 bytes after the last tensor", header: #"{"x":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}"#,
      data: 7)
  }
  @Test func sameNameTwiceIsRefused() {
    refused(
      "tensor 'x' occurs twice",
      header:
        #"{"x":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"x":{"dtype":"F32","shape":[],"data_offsets":[4,8]}}"#,
      data: 8)
  }
  @Test func sameNameBehindAnEscapeIsRefused() {
    refused(
      "tensor 'x' occurs twice",
      header:
        #"{"x":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"\u0078":{"dtype":"F32","shape":[],"data_offsets":[4,8]}}"#,
      data: 8)
  }
  @Test func negativeOffsetIsRefused() {
    refused("expected an offset", header: #"{"x":{"dtype":"F32","shape":[],"data_offsets":[-4,0]}}"#)
  }
  @Test func offsetBeyond64BitsIsRefused() {
    refused(
      "expected an offset",
      header: #"{"x":{"dtype":"F32","shape":[],"data_offsets":[0,18446744073709551616]}}"#)
  }
  @Test func offsetsThatAreTextAreRefused() {
    refused(
      "expected a value", header: #"{"x":{"dtype":"F32","shape":[],"data_offsets":["0","4"]}}"#, data: 4)
  }
  @Test func offsetsUnderTheOldNameAreRefused() {
    refused(
      "has no data_offsets of two", header: #"{"x":{"dtype":"F32","shape":[],"offsets":[0,4]}}"#, data: 4)
  }
  @Test func shapeThatIsNoListIsRefused() {
    refused("line 1", header: #"{"x":{"dtype":"F32","shape":4,"data_offsets":[0,16]}}"#, data: 16)
  }
  @Test func typeThatIsNoTextIsRefused() {
    refused("line 1", header: #"{"x":{"dtype":7,"shape":[],"data_offsets":[0,4]}}"#, data: 4)
  }
  @Test func secondTypeShapeOrOffsetsAreRefused() {
    let (type, shape, offsets) = (#""dtype":"F32""#, #""shape":[]"#, #""data_offsets":[0,4]"#)
    for (twice, name) in [(type, "dtype"), (shape, "shape"), (offsets, "data_offsets")] {
      refused(
        "tensor 'x' states its \(name) twice", header: "{\"x\":{\(type),\(shape),\(offsets),\(twice)}}",
        data: 4)
    }
  }
  @Test func headerThatIsAListIsRefused() { refused("does not begin with '{'", header: "[]") }
  @Test func metadataThatAreAListAreRefused() { refused("line 1", header: #"{"__metadata__":[]}"#) }
  @Test func emptyTensorBeyondTheDataIsRefused() {
    refused(
      "tensor 'x' ends at byte 8 of the data, which has 4",
      header: #"{"x":{"dtype":"F32","shape":[0],"data_offsets":[8,8]}}"#, data: 4)
  }
  @Test func everyCutIsRefused() throws {
    let bytes = try Self.sample().encoded()
    for length in 0..<bytes.count {
      #expect(throws: Failure.self, "\(length)") { _ = try Safetensors.read(bytes: Array(bytes[..<length])) }
    }
  }
  @Test func boolThatIsNeitherIsRefused() {
    var bytes = Self.file(#"{"x":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}}"#, data: 2)
    bytes[bytes.count - 1] = 7
    expectFailure("tensor 'x' is BOOL but element 2 is the byte 7") { _ = try Safetensors.read(bytes: bytes) }
  }
  @Test func folderIsRefused() { expectFailure("it is a folder") { _ = try Safetensors.read("/tmp") } }
  @Test func deviceIsRefused() {
    expectFailure("not a regular file") { _ = try Safetensors.read("/dev/zero") }
  }
  @Test func missingFileIsRefused() {
    expectFailure("cannot open /nonexistent.st") { _ = try Safetensors.read("/nonexistent.st") }
  }
  @Test func nameUsedTwiceIsNotWritten() throws {
    let t = try Tensor(zeros: [1], .f32)
    expectFailure("used twice") { _ = try Safetensors([("a", t), ("a", t)]).encoded() }
    expectFailure("reserved") { _ = try Safetensors([("__metadata__", t)]).encoded() }
  }
}
