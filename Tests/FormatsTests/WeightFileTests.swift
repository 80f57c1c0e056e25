/// Weight files of every format: told by content, read by layout.
import Base
import Foundation
import Tensors
import Testing

@testable import Formats
@testable import Weights

@Suite struct WeightFileTests {
  private func source(_ bytes: [UInt8]) -> ByteSource { ByteSource(bytes, name: "file") }

  private func header(_ numbers: Int32...) -> [UInt8] {
    numbers.flatMap { n in withUnsafeBytes(of: n.littleEndian) { Array($0) } }
  }

  @Test func otherKindsAreRefusedByNameWithWhatToDo() {
    for (bytes, words) in [
      (Array("GGUF".utf8) + [3, 0, 0, 0, 1], ["the number of tensors", "is damaged or cut short"]),
      ([0x80, 2, 0x8A, 10], ["is a Python pickle", "safetensors.torch.save_file"]),
      ([0x50, 0x4B, 3, 4, 0, 0, 0, 8], ["PyTorch's .pt", "safetensors.torch.save_file"]),
      ([0x1F, 0x8B, 8, 0], ["is gzip data", "gunzip"]),
      ([0x28, 0xB5, 0x2F, 0xFD, 4], ["is zstd data", "unzstd"]),
      // llama2.c, export.py: the magic 0x616b3432 and the version, as little-endian 32-bit numbers.
      (header(0x616B_3432, 1), ["llama2.c's format of version 1 or 2", "--version 0"]),
      (header(0x616B_3432, 2), ["llama2.c's format of version 1 or 2", "--version 0"]),
      ([], ["is empty"]),
      (Array("# Perilune, a laboratory, and more".utf8), ["begins with the text '# Perilune"]),
    ] {
      do {
        _ = try WeightFiles.open(source(bytes))
        Issue.record("accepted: \(words)")
      } catch {
        for word in words { #expect("\(error)".contains(word), "\(error)") }
      }
    }
  }

  @Test func formatIsToldByContent() throws {
    #expect(try WeightFiles.open(source(SafetensorsTests.sample().encoded())) is SafetensorsFile)
    // 123 layers: the byte of '{' where a safetensors header begins.
    let zeros = [UInt8](repeating: 0, count: 4 * (2 + (2 + 16 + 2 + 12) * 123 + 2))
    #expect(try WeightFiles.open(source(header(2, 2, 123, 1, 1, 1, 2) + zeros)) is Llama2C)
  }

  @Test func storiesModelIsReadByName() throws {
    guard let path = sharedData("stories260K/stories260K.bin") else { return }
    let file = try WeightFiles.open(path)
    let expected = [
      "dim": "64", "hidden": "172", "layers": "5", "heads": "8", "kv_heads": "4", "vocab": "512",
      "max_length": "512", "tied": "true",
    ]
    for (key, value) in expected { #expect(file.metadata[key] == value) }
    #expect(file.entries.reduce(0) { $0 + $1.shape.elementCount } == 260_032)
    func first(_ name: String) throws -> Float {
      let index = try #require(file.entries.firstIndex { $0.name == name })
      var value: [Float] = [0]
      try value.withUnsafeMutableBufferPointer { try file.read(index, from: 0, into: $0) }
      return value[0]
    }
    // The first element of each, at its place in the file: embedding 512 x 64, then attention norms 5 x 64.
    let raw = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    func float(_ i: Int) -> Float {
      raw[28 + 4 * i..<32 + 4 * i].withUnsafeBytes { $0.loadUnaligned(as: Float.self) }
    }
    #expect(try first("tok_embeddings.weight") == float(0))
    #expect(try first("attention_norm.weight") == float(512 * 64))
    #expect(try first("attention.wq.weight") == float(512 * 64 + 5 * 64))
    #expect(try first("norm.weight") == float(260_032 - 64))
  }

  @Test func lyingLlamaHeadersAreRefused() throws {
    func open(_ bytes: [UInt8]) throws { _ = try Llama2C(source(bytes)) }
    expectFailure("too short for seven") { try open([1, 2, 3]) }
    expectFailure("layers is 0") { try open(header(8, 8, 0, 2, 1, 4, 4)) }
    expectFailure("heads is -2") { try open(header(8, 8, 1, -2, 1, 4, 4)) }
    expectFailure("not an even number for each of 3") { try open(header(8, 8, 1, 3, 1, 4, 4)) }
    expectFailure("cannot share 3") { try open(header(8, 8, 1, 4, 3, 4, 4)) }
    expectFailure("28 bytes, but its header describes") { try open(header(8, 8, 1, 2, 1, 4, 4)) }
    expectFailure("does not fit in 64 bits") { try open(header(.max - 1, .max, .max, 1, 1, .max, .max)) }
    // Vocabulary of 2 untied, 1 layer, dim 2: 2*2 + 2 + 4*4 + 2 + 3*2*2 + 2, tables 2*2, head 4.
    let untied =
      header(2, 2, 1, 1, 1, -2, 2) + [UInt8](repeating: 0, count: 4 * (4 + 2 + 16 + 2 + 12 + 2 + 4 + 4))
    let file = try Llama2C(source(untied))
    #expect(file.entries.last?.name == "output.weight" && file.metadata["tied"] == "false")
  }

  // MARK: layouts

  private func numbered(_ name: String, _ shape: [Int], from start: Float) throws -> (String, Tensor) {
    let count = shape.reduce(1, *)
    return (name, try Tensor((0..<count).map { start + Float($0) }, shape: Shape(checked: shape)))
  }

  private func reader(_ tensors: [(String, Tensor)], _ layout: WeightLayout) throws -> WeightReader {
    let bytes = try Safetensors(tensors.map { (name: $0.0, tensor: $0.1) }).encoded()
    return WeightReader(try SafetensorsFile(source(bytes)), layout, headSize: 4)
  }

  /// transformers 5.23.0, Conv1D: y = x W + b with W [inputs, outputs].
  @Test func gpt2MatricesAreTransposedAndMaskBuffersSkipped() throws {
    var reader = try reader(
      [
        try numbered("transformer.h.3.attn.c_attn.weight", [2, 6], from: 0),
        try numbered("transformer.h.3.attn.c_attn.bias", [6], from: 50),
        try numbered("transformer.h.3.attn.bias", [4], from: 90),
      ], .gpt2)
    let weight = try reader.read("qkv", WeightLayout.gpt2.layer.qkv, .weight, layer: 3, shape: [6, 2])
    #expect(try weight.elements(Float.self) == [0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11])
    let bias = try reader.read("qkv", WeightLayout.gpt2.layer.qkv, .bias, layer: 3, shape: [6])
    #expect(try bias.elements(Float.self) == [50, 51, 52, 53, 54, 55])
    try reader.finish()
  }

  /// transformers 5.23.0, `rotate_half`: elements i and i + size/2 of a head turn together; here neighbours
  /// do.
  @Test func llamaHeadsAreStackedWithRotaryPairsSideBySide() throws {
    let tensors = [
      try numbered("model.layers.0.self_attn.q_proj.weight", [8, 1], from: 0),
      try numbered("model.layers.0.self_attn.k_proj.weight", [4, 1], from: 20),
      try numbered("model.layers.0.self_attn.v_proj.weight", [4, 1], from: 40),
    ]
    var reader = try reader(tensors, .llama)
    let weight = try reader.read("qkv", WeightLayout.llama.layer.qkv, .weight, layer: 0, shape: [16, 1])
    #expect(
      try weight.elements(Float.self) == [0, 2, 1, 3, 4, 6, 5, 7, 20, 22, 21, 23, 40, 41, 42, 43])
    try reader.finish()
  }

  @Test func layersAreSplitOffATensorOfAll() throws {
    var reader = try reader([try numbered("attention.wo.weight", [3, 2, 2], from: 0)], .llama2c)
    let weight = try reader.read(
      "output", WeightLayout.llama2c.layer.output, .weight, layer: 2, shape: [2, 2])
    #expect(try weight.elements(Float.self) == [8, 9, 10, 11])
    expectFailure("'attention.wo.weight' is F32 3x2x2 and does not fit") {
      _ = try reader.read("output", WeightLayout.llama2c.layer.output, .weight, layer: 3, shape: [2, 2])
    }
  }

  @Test func missingUnknownAndMisshapenTensorsAreNamed() throws {
    let layout = WeightLayout.perilune
    var reader = try reader(
      [try numbered("norm.weight", [4], from: 0), try numbered("lora\u{1B}", [1], from: 0)], layout)
    expectFailure("the file has no tensor 'head.weight'") {
      _ = try reader.read("head.weight", layout.head, .weight, layer: 0, shape: [2, 4])
    }
    expectFailure("'norm.weight' is F32 4 and does not fit the weight 'norm.weight', expected f32 5x2") {
      _ = try reader.read("norm.weight", layout.norm, .weight, layer: 0, shape: [5, 2])
    }
    expectFailure("needs 5 rows, its tensors have 4") {
      _ = try reader.read("norm.weight", layout.norm, .weight, layer: 0, shape: [5])
    }
    _ = try reader.read("norm.weight", layout.norm, .weight, layer: 0, shape: [4])
    expectFailure(#"the model has no weight for the tensor 'lora\u{1b}'"#) { try reader.finish() }
  }

  @Test func familiesAreToldByTheirNames() {
    #expect(WeightLayout.gpt2.matches(["wte.weight", "h.0.attn.c_attn.weight"]))
    #expect(
      WeightLayout.llama.matches(
        Set(
          [
            "embed_tokens", "layers.0.self_attn.q_proj", "layers.0.self_attn.k_proj",
            "layers.0.self_attn.v_proj",
          ]
          .map { "model.\($0).weight" })))
    #expect(!WeightLayout.perilune.matches(["wte.weight"]))
  }
}
