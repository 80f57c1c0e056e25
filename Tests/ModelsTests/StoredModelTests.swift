/// Frozen models whose weights are kept as bf16 or as a file has them, against the same weights as f32, bit by bit.
///
/// That the f32 models are those of transformers is tested in GGUFModelTests; SmolLM2 is described in SmolLM2Tests.
import Autograd
import Base
import Formats
import Foundation
import Tensors
import Testing
import Weights

@testable import Models

@Suite struct StoredModelTests {
  private static let golden = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("Golden").path
  private static let ggufs = [
    "gemma2", "gemma3", "gpt2", "llama", "llama-bf16", "llama-bias", "llama-f16", "llama-k", "llama-q4_0",
    "llama-q4_1", "llama-q5_0", "llama-q5_1", "llama-q8_0", "llama-rope", "qwen2", "qwen3",
  ].map { "\(golden)/gguf/\($0).gguf" }
  private static let folders = ((try? FileCalls.names(in: golden + "/models")) ?? []).sorted()
    .map { "\(golden)/models/\($0)" }.filter { FileCalls.isFolder($0) }

  /// Log-probabilities of two sequences, a KL, and sampled tokens with theirs, by each way of the decoder, as bits.
  private func bits(_ model: Transformer, _ other: Transformer) throws -> [UInt32] {
    try Tape.withoutRecording {
      let sequences = Support.sequences([9, 5], vocabulary: model.config.vocab)
      let rows = try TokenRows(sequences, from: [1, 2])
      var numbers = try model.tokenLogps(rows).value.elements(Float.self)
      if !model.config.hasEncoder {
        numbers += try model.logits(TokenBatch(sequences)).value.elements(Float.self)
      }
      numbers += try model.divergence(from: other, rows).kl.elements(Float.self)
      var options = SamplingOptions()
      (options.maxNewTokens, options.seed, options.count) = (5, 3, 5)
      let prompts = sequences.map { Array($0.prefix(3)) }
      for packedMax in [0, 1 << 30] {
        let thresholds = DecoderThresholds(packedBytesMax: packedMax, ownRowsBytesMax: packedMax)
        for response in try model.sample(prompts, options, thresholds) {
          numbers += response.logps + response.tokens.map(Float.init)
        }
      }
      return numbers.map(\.bitPattern)
    }
  }

  @Test(arguments: ggufs + folders)
  func aModelAsTheFileHasItGivesTheBitsOfF32(_ path: String) throws {
    let whole = try Transformer.load(path: path)
    let stored = try Transformer.load(path: path, .auto)
    #expect(stored.isFrozen && stored.parameterCount == whole.parameterCount)
    let expected = try bits(whole, stored)
    #expect(try bits(stored, whole) == expected)
    let (wholeRounded, storedRounded) = (whole.withPrecision(.bf16), stored.withPrecision(.bf16))
    let rounded = try bits(wholeRounded, storedRounded)
    #expect(try bits(storedRounded, wholeRounded) == rounded && rounded != expected)
    #expect(try stored.merged().contentHash() == whole.contentHash())
  }

  /// Rounding to nearest, ties to even, by the distances to the two neighbours.
  private func rounded(_ x: Float) -> Float {
    let low = Float(bitPattern: x.bitPattern & 0xFFFF_0000)
    let high = Float(bitPattern: low.bitPattern &+ 0x1_0000)
    let (below, above) = (abs(Double(x) - Double(low)), abs(Double(high) - Double(x)))
    if below == above { return low.bitPattern >> 16 & 1 == 0 ? low : high }
    return below < above ? low : high
  }

  @Test(arguments: ggufs + folders)
  func aModelInBF16GivesTheBitsOfItsRoundedWeights(_ path: String) throws {
    let whole = try Transformer.load(path: path)
    let stored = try Transformer.load(path: path, .bf16)
    #expect(stored.dtype == "bf16")
    let matrices = Set(stored.stored.map(\.name))
    for (name, parameter) in whole.parameters where matrices.contains(name) {
      let p = parameter.value.pointer(Float.self)
      for i in 0..<parameter.value.elementCount { p[i] = rounded(p[i]) }
    }
    #expect(try bits(stored, whole) == bits(whole, stored))
    let bytes = stored.stored.reduce(0) { $0 + $1.matrix.byteCount }
    #expect(bytes == 2 * stored.stored.reduce(0) { $0 + $1.matrix.outputs * $1.matrix.inputs })
  }

  @Test func typesAreThoseOfTheFile() throws {
    func dtype(_ file: String) throws -> String {
      try Transformer.load(path: "\(Self.golden)/gguf/\(file).gguf", .auto).dtype
    }
    #expect(try dtype("llama-bf16").contains("bf16") && dtype("llama-q5_1").contains("Q5_1"))
    #expect(try dtype("llama-k").contains("Q4_K"))
  }

  /// Gradients of adapters through frozen weights are those through the same weights as f32.
  @Test func adaptersTrainOnStoredWeights() throws {
    let path = "\(Self.golden)/gguf/llama-q4_1.gguf"
    func gradients(_ base: Transformer) throws -> [UInt32] {
      let policy = try base.withAdapters(LoRA(targets: .all), seed: 4)
      for adapter in policy.weights.all.flatMap(\.adapters) {
        let b = adapter.b.value
        for i in 0..<b.elementCount { b.pointer(Float.self)[i] = 0.01 * Float(i % 7) }
      }
      let rows = try TokenRows(Support.sequences([9, 5], vocabulary: base.config.vocab), from: [1, 2])
      try policy.tokenLogps(rows).sum().backward()
      #expect(!policy.trainable.isEmpty)
      return try policy.trainable.flatMap { try #require($0.grad).elements(Float.self).map(\.bitPattern) }
    }
    let expected = try gradients(try Transformer.load(path: path))
    #expect(expected.contains { Float(bitPattern: $0) != 0 })
    #expect(try gradients(try Transformer.load(path: path, .auto)) == expected)
  }

  @Test func aFrozenModelDoesNotTrain() throws {
    let model = try Transformer.load(path: "\(Self.golden)/gguf/llama-q8_0.gguf", .auto)
    #expect(model.trainable.isEmpty)
    func refuses(_ body: () throws -> Void) {
      #expect { try body() } throws: { "\($0)".contains("do not train") && "\($0)".contains("Q8_0") }
    }
    refuses { try model.setRequiresGrad(true) }
    refuses { try model.setRequiresGrad(true, matching: "embedding.*") }
    refuses { _ = try model.trained() }
    try model.setRequiresGrad(false)
    let whole = try model.merged()
    #expect(!whole.trainable.isEmpty && whole.dtype == "f32")
  }

  @Test func aCloneSharesStoredWeights() throws {
    let model = try Transformer.load(path: "\(Self.golden)/gguf/llama-k.gguf", .auto)
    let clone = try model.clone()
    #expect(try clone.contentHash() == model.contentHash() && clone.trainable.isEmpty)
    #expect(zip(model.stored, clone.stored).allSatisfy { $0.matrix === $1.matrix })
    let other = try Transformer.load(path: "\(Self.golden)/gguf/llama-k.gguf", .bf16)
    #expect(try other.contentHash() != model.contentHash())
  }

  @Test func aFrozenModelIsSavedAsF32() throws {
    let model = try Transformer.load(path: "\(Self.golden)/gguf/llama-q4_0.gguf", .auto)
    let path = NSTemporaryDirectory() + "stored-\(UUID().uuidString).safetensors"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try model.save(path: path)
    #expect(try Transformer.load(path: path).contentHash() == model.merged().contentHash())
  }

  private static let smolLM2 =
    ProcessInfo.processInfo.environment["PERILUNE_SMOLLM2"]
    ?? Support.data("SmolLM2-135M-Instruct.Q4_1.gguf")

  /// Held in about the size of the file, also while it is loaded; tokens are those of f32.
  @Test func aRealModelIsHeldInTheSizeOfItsFile() throws {
    guard let path = Self.smolLM2 else {
      return print("skipped: PERILUNE_SMOLLM2 names no SmolLM2-135M-Instruct.Q4_1.gguf")
    }
    let size = try ByteSource(path: path).count
    let before = MemoryAccount.liveBytes
    MemoryAccount.resetPeak()
    let model = try Transformer.load(path: path, .auto)
    #expect(MemoryAccount.liveBytes - before < size + size / 100)
    #expect(MemoryAccount.peakBytes - before < size + size / 4)
    #expect(model.dtype == "F32, Q4_1, Q8_0" || model.dtype == "Q4_1, Q8_0")
    let whole = try Transformer.load(path: path)
    var options = SamplingOptions()
    (options.maxNewTokens, options.temperature) = (12, 0)
    let prompts = [[1, 4093, 198], [1, 9690, 198, 2683, 359]]
    let (own, expected) = (try model.sample(prompts, options), try whole.sample(prompts, options))
    #expect(own.map(\.tokens) == expected.map(\.tokens))
    #expect(own.map { $0.logps.map(\.bitPattern) } == expected.map { $0.logps.map(\.bitPattern) })
  }
}
