import Autograd
import Base
import Foundation
import Models
import Tensors
import Testing

@Suite struct TransformerTests {
  @Test(arguments: ["gpt2", "llama"])
  func aSequenceHasTheSameLogpsAloneAndInABatch(_ style: String) throws {
    let model = Support.sharpened(style == "gpt2" ? try Support.tinyGPT2() : try Support.tinyLlama(), 8)
    let sequences = Support.sequences([5, 1, 24, 9], vocabulary: 19)
    let together = try Support.logps(model, sequences, from: [1, 1, 1, 4])
    var alone: [Float] = []
    for (sequence, from) in zip(sequences, [1, 1, 1, 4]) {
      alone += try Support.logps(model, [sequence], from: [from])
    }
    #expect(together.count == 4 + 0 + 23 + 5)
    for (a, b) in zip(together, alone) { #expect(abs(a - b) <= 1e-5 * max(1, abs(b))) }
  }

  @Test(arguments: ["gpt2", "llama"])
  func probabilitiesOfAllTokensAddUpToOne(_ style: String) throws {
    let model = Support.sharpened(style == "gpt2" ? try Support.tinyGPT2() : try Support.tinyLlama(), 8)
    let sequences = (0..<19).map { [3, 7, $0] }
    let logps = try Support.logps(model, sequences, from: sequences.map { _ in 2 })
    #expect(abs(logps.reduce(0) { $0 + exp($1) } - 1) < 1e-5)
  }

  @Test func laterTokensDoNotChangeEarlierProbabilities() throws {
    let model = Support.sharpened(try Support.tinyGPT2(), 8)
    let short = try Support.logps(model, [[1, 2, 3, 4]], from: [1])
    let long = try Support.logps(model, [[1, 2, 3, 4, 9, 9, 9]], from: [1])
    for (a, b) in zip(short, long) { #expect(abs(a - b) <= 1e-6) }
  }

  /// The whole chain of fused kernels in f32 against central differences of the same loss along random directions.
  @Test(arguments: ["gpt2", "llama"])
  func gradientsAgreeWithDirectionalDifferences(_ style: String) throws {
    let model = Support.sharpened(style == "gpt2" ? try Support.tinyGPT2() : try Support.tinyLlama(), 6)
    let sequences = Support.sequences([7, 12], vocabulary: 19)
    func loss() throws -> Variable {
      try model.tokenLogps(TokenRows(sequences, from: [1, 3])).apply(
        .mean, attributes: [.none, .flag(false)])
    }
    try loss().backward()
    for (number, parameter) in model.parameters.enumerated() {
      let gradient = try #require(parameter.value.grad).doubles()
      let original = try parameter.value.value.copied()
      var random = Philox(seed: UInt64(number), stream: "direction")
      let direction = gradient.map { _ in random.normal() }
      let expected = zip(gradient, direction).reduce(0.0) { $0 + $1.0 * $1.1 }
      func moved(_ step: Double) throws -> Double {
        let p = parameter.value.value.pointer(Float.self)
        let o = original.pointer(Float.self)
        for i in 0..<direction.count { p[i] = o[i] + Float(step * direction[i]) }
        defer { for i in 0..<direction.count { p[i] = o[i] } }
        return try Tape.withoutRecording { try loss().value.item() }
      }
      let step = 2e-3
      let measured = (try moved(step) - moved(-step)) / (2 * step)
      let scale = max(abs(expected), 0.02)
      #expect(abs(measured - expected) <= 0.03 * scale, "\(parameter.name): \(measured) against \(expected)")
    }
  }

  @Test func savedModelsComeBackBitForBit() throws {
    let path = NSTemporaryDirectory() + "perilune-model-\(getpid()).safetensors"
    defer { try? FileManager.default.removeItem(atPath: path) }
    for model in [try Support.tinyGPT2(), try Support.tinyLlama()] {
      try model.save(path: path)
      let loaded = try Transformer.load(path: path)
      #expect(loaded.config == model.config)
      #expect(try loaded.contentHash() == model.contentHash())
    }
  }

  @Test func aCloneSharesNothing() throws {
    let model = try Support.tinyGPT2()
    let copy = try model.clone()
    #expect(try copy.contentHash() == model.contentHash())
    copy.parameters[0].value.value.pointer(Float.self)[0] += 1
    #expect(try copy.contentHash() != model.contentHash())
  }

  @Test func badSizesAndTokensAreRefused() throws {
    var config = TransformerConfig.gpt2(vocab: 10, dim: 6, layers: 1, heads: 4, maxLength: 8)
    #expect(throws: Failure.self) { try Transformer(config, seed: 0) }
    config = .llama(vocab: 10, dim: 6, layers: 1, heads: 2, maxLength: 8)
    #expect(throws: Failure.self) { try Transformer(config, seed: 0) }
    config = .llama(vocab: 1 << 24, dim: 1 << 24, layers: 1 << 24, heads: 1, maxLength: 1 << 24)
    #expect(throws: Failure.self) { try Transformer(config, seed: 0) }
    let model = try Support.tinyGPT2()
    for (sequences, from) in [
      ([[19]], [1]), ([[-1, 2]], [1]), ([Array(repeating: 1, count: 25)], [1]), ([[1, 2]], [0]),
      ([[1, 2]], [3]), ([[1, 2]], [1, 1]),
    ] {
      #expect(throws: Failure.self) { try model.tokenLogps(TokenRows(sequences, from: from)) }
    }
    #expect(try model.tokenLogps(TokenRows([], from: [])).value.elementCount == 0)
  }

  @Test func theDivergenceFromItselfIsExactlyZeroAndOtherwiseTheFormula() throws {
    let a = Support.sharpened(try Support.tinyGPT2(seed: 1), 8)
    let b = Support.sharpened(try Support.tinyGPT2(seed: 2), 8)
    let sequences = Support.sequences([6, 4], vocabulary: 19)
    let (zero, entropy) = try a.divergence(from: a, TokenRows(sequences, from: [2, 1]))
    #expect(try zero.elements(Float.self).allSatisfy { $0 == 0 })
    let (kl, _) = try a.divergence(from: b, TokenRows(sequences, from: [2, 1]))
    // By the definition, from log-probabilities of every token at the first of these positions.
    let every = (0..<19).map { Array(sequences[0].prefix(2)) + [$0] }
    let p = try Support.logps(a, every, from: every.map { _ in 2 }).map(Double.init)
    let q = try Support.logps(b, every, from: every.map { _ in 2 }).map(Double.init)
    let expected = zip(p, q).reduce(0.0) { $0 + exp($1.0) * ($1.0 - $1.1) }
    #expect(abs(Double(try kl.elements(Float.self)[0]) - expected) < 1e-5)
    let expectedEntropy = p.reduce(0.0) { $0 - exp($1) * $1 }
    #expect(abs(Double(try entropy.elements(Float.self)[0]) - expectedEntropy) < 1e-5)
  }
}
