/// Models with products of bf16 against PyTorch: Tests/Golden/bf16.json, made by
/// `python3 scripts/golden/bf16.py Tests/Golden/training.json Tests/Golden/bf16.json`.
import Autograd
import Base
import Foundation
import Optim
import Tensors
import Testing
import Weights

@testable import Models

@Suite struct BFloat16ModelTests {
  struct File: Decodable {
    let models: [Model]
    let q8_0: Blocks
  }

  struct Blocks: Decodable {
    let x: [Float]
    let bytes: [UInt8]
  }

  struct Model: Decodable {
    let style: String
    /// Under torch.autocast, which rounds results and attention too.
    let autocast: Pass
    /// With linear maps whose operands are rounded, forward and backward.
    let rounded: Pass
  }

  struct Pass: Decodable {
    let loss: Double
    let gradients: [String: [Double]]
  }

  static let file: File? = {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    guard let data = try? Data(contentsOf: folder.appendingPathComponent("Golden/bf16.json")) else {
      return nil
    }
    return try? JSONDecoder().decode(File.self, from: data)
  }()
  static let models = file?.models ?? []

  /// The loss and the gradients of the first batch of training.json.
  private func pass(_ index: Int, _ precision: Precision) throws -> Pass {
    let file = try #require(GoldenTrainingTests.file)
    let model = try GoldenTrainingTests().transformer(file.models[index]).withPrecision(precision)
    let batch = file.batches[0]
    let logps = try model.tokenLogps(TokenRows(batch.sequences, from: batch.from))
    let loss = try logps.apply(.mean, attributes: [.none, .flag(false)]).negated()
    try loss.backward()
    var gradients: [String: [Double]] = [:]
    for (name, parameter) in model.parameters { gradients[name] = try parameter.grad?.doubles() }
    return Pass(loss: try loss.value.item(), gradients: gradients)
  }

  /// The largest difference of a gradient's element, in parts of the parameter's largest. The keys' biases have none
  /// but rounding.
  private func distance(_ found: Pass, _ expected: Pass) throws -> Double {
    var worst = 0.0
    for (name, numbers) in expected.gradients where !name.hasSuffix("qkv.bias") {
      let own = try #require(found.gradients[name])
      #expect(own.count == numbers.count)
      let largest = numbers.map(abs).max() ?? 1
      worst = max(worst, (zip(own, numbers).map { abs($0 - $1) }.max() ?? 0) / largest)
    }
    return worst
  }

  @Test(arguments: 0..<2)
  func gradientsAreThoseOfRoundedOperandsInPyTorch(_ index: Int) throws {
    try #require(Self.models.count == 2)
    let golden = Self.models[index].rounded
    let (found, unrounded) = (try pass(index, .bf16), try pass(index, .f32))
    #expect(abs(found.loss - golden.loss) <= 2e-4 * golden.loss)
    // Sums in f32 and in f64 round to neighbouring bf16 now and then.
    #expect(try distance(found, golden) <= 0.01)
    #expect(try distance(unrounded, golden) > 0.02)
  }

  /// Autocast's own distance from the gradients of rounded operands is 0.053 and 0.042.
  @Test(arguments: 0..<2)
  func gradientsAreThoseOfAutocastWithinItsRounding(_ index: Int) throws {
    try #require(Self.models.count == 2)
    let golden = Self.models[index].autocast
    let found = try pass(index, .bf16)
    #expect(abs(found.loss - golden.loss) <= 2e-3 * golden.loss)
    #expect(try distance(found, golden) <= 0.07)
  }

  @Test func lossGradientsAndWeightsAreTheSameBitsOnOneThreadAndTwo() throws {
    func trained(_ threads: Int) throws -> String {
      let before = Parallel.threads
      defer { Parallel.threads = before }
      Parallel.threads = threads
      var config = TransformerConfig.llama(vocab: 300, dim: 72, layers: 2, heads: 4, maxLength: 64)
      config.precision = .bf16
      let model = try Transformer(config, seed: 1)
      let adam = try Optimizer(model.parameters.map(\.value), AdamW())
      let rows = try TokenRows(Support.sequences([50, 33, 60], vocabulary: 300), from: [1, 9, 20])
      for _ in 0..<3 {
        for parameter in model.parameters { parameter.value.grad = nil }
        try model.tokenLogps(rows).apply(.mean, attributes: [.none, .flag(false)]).negated().backward()
        try adam.update()
      }
      return try model.contentHash()
    }
    #expect(try trained(1) == trained(2))
  }

  @Test func aFileKeepsThePrecisionAndTheHashIsOfTheWeights() throws {
    var config = TransformerConfig.gpt2(vocab: 19, dim: 16, layers: 1, heads: 2, maxLength: 24)
    config.precision = .bf16
    let model = try Transformer(config, seed: 1)
    let path = NSTemporaryDirectory() + "perilune-bf16-\(getpid()).safetensors"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try model.save(path: path)
    let back = try Transformer.load(path: path)
    #expect(back.config.precision == .bf16 && back.trainable.count == model.trainable.count)
    #expect(try back.contentHash() == model.contentHash())
    #expect(try back.weightsHash() == model.weightsHash())
    let plain = back.withPrecision(.f32)
    #expect(try plain.contentHash() == model.weightsHash() && model.contentHash() != model.weightsHash())
    #expect(plain.trainable.map(ObjectIdentifier.init) == back.trainable.map(ObjectIdentifier.init))
    #expect(try model.clone().config.precision == .bf16)
    #expect(try model.withAdapters(LoRA(targets: .names(["c_attn"])), seed: 1).config.precision == .bf16)
  }

  @Test func blocksOfEightBitsAreThoseOfGGUF() throws {
    let golden = try #require(Self.file).q8_0
    var bytes = [UInt8](repeating: 0, count: golden.bytes.count)
    let type = try StoredType.q8_0()
    golden.x.withUnsafeBufferPointer { x in bytes.withUnsafeMutableBytes { type.encode(x, into: $0) } }
    #expect(bytes == golden.bytes)
    var block = [Float](repeating: 1, count: 32)
    block[3] = .nan
    var kept = [UInt8](repeating: 0, count: 34)
    block.withUnsafeBufferPointer { x in kept.withUnsafeMutableBytes { type.encode(x, into: $0) } }
    #expect(Float16(bitPattern: UInt16(kept[0]) | UInt16(kept[1]) << 8).isNaN)
  }

  @Test(arguments: FrozenType.allCases)
  func aFrozenCopyComputesWhatItsRoundedWeightsDo(_ type: FrozenType) throws {
    let model = try Transformer(.gpt2(vocab: 19, dim: 32, layers: 2, heads: 2, maxLength: 24), seed: 1)
    let frozen = try model.frozen(type)
    #expect(frozen.isFrozen && frozen.dtype == type.rawValue && frozen.trainable.isEmpty)
    let sequences = Support.sequences([9, 5], vocabulary: 19)
    let logps = try Support.logps(frozen, sequences, from: [1, 1])
    #expect(try Support.logps(frozen.merged(), sequences, from: [1, 1]) == logps)
    let whole = try Support.logps(model, sequences, from: [1, 1])
    #expect(whole != logps && zip(whole, logps).allSatisfy { abs($0 - $1) < 1e-2 })
  }

  @Test func rowsThatAreNotWholeBlocksAreKeptInBFloat16() throws {
    let t5 = try Transformer(
      TransformerConfig(.t5, vocab: 19, dim: 32, layers: 1, heads: 2, maxLength: 24), seed: 1)
    #expect(try t5.frozen(.q8).dtype == "bf16, Q8_0")
    let narrow = try Transformer(.gpt2(vocab: 19, dim: 20, layers: 1, heads: 2, maxLength: 24), seed: 1)
    #expect(try narrow.frozen(.q8).dtype == "bf16")
  }

  /// With adapters too, whose products are of the model's precision.
  @Test func adaptersMultiplyInThePrecisionOfTheModel() throws {
    let model = try Support.tinyLlama()
    let policy = try model.withAdapters(LoRA(targets: .pattern(".*_proj")), seed: 1)
    for (name, parameter) in policy.parameters where LowRank.isName(name) {
      let p = parameter.value.pointer(Float.self)
      for i in 0..<parameter.value.elementCount { p[i] = 0.01 * Float(i % 7 - 3) }
    }
    let sequences = Support.sequences([9, 5], vocabulary: 19)
    let plain = try Support.logps(policy, sequences, from: [1, 1])
    let other = policy.withPrecision(.bf16)
    let rounded = try Support.logps(other, sequences, from: [1, 1])
    let worst = zip(plain, rounded).map { abs($0 - $1) }.max() ?? 0
    #expect(worst > 1e-5 && worst < 2e-2)
    #expect(other.adapters?.base.config.precision == .bf16 && model.config.precision == .f32)
  }
}
