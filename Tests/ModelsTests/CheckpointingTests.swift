/// Activation checkpointing: the bits of loss and gradients are those of the pass that keeps everything.
import Autograd
import Base
import Foundation
import Models
import Tensors
import Testing

@Suite(.serialized) struct CheckpointingTests {
  /// GPT-2's style, Llama's with grouped heads, and one with all that Gemma and Qwen add.
  private static func models() throws -> [Transformer] {
    var gemma = TransformerConfig.llama(vocab: 19, dim: 24, layers: 3, heads: 4, maxLength: 24)
    (gemma.kvHeads, gemma.headDim, gemma.activation) = (2, 8, .geglu)
    (gemma.qkNorm, gemma.postNorms, gemma.qkvBias) = (true, true, true)
    (gemma.attentionScale, gemma.attentionSoftcap, gemma.logitSoftcap) = (0.3, 5, 3)
    (gemma.slidingWindow, gemma.layerPattern, gemma.ropeLocalBase) = (4, "sf", 100)
    gemma.embeddingScale = 4.9
    return [try Support.tinyGPT2(), try Support.tinyLlama(), try Transformer(gemma, seed: 3)].map {
      Support.sharpened($0, 3)
    }
  }

  /// With adapters of every map whose B is not 0.
  private static func adapted(_ model: Transformer) throws -> Transformer {
    var lora = LoRA(targets: .all)
    lora.r = 3
    let policy = try model.withAdapters(lora, seed: 2)
    var random = Philox(seed: 5, stream: "adapters")
    for value in policy.trainable {
      let p = value.value.pointer(Float.self)
      for i in 0..<value.value.elementCount { p[i] = Float(random.normal()) * 0.2 }
    }
    return policy
  }

  /// Bits of the loss of two microbatches and of all gradients after them.
  private static func bits(_ model: Transformer, checkpointing: Bool, retain: Bool = false) throws
    -> [[Float]]
  {
    var found: [[Float]] = []
    for parameter in model.parameters { parameter.value.grad = nil }
    for part in 0..<2 {
      let batch = Support.sequences([12, 9, 5, 20], vocabulary: 19, seed: UInt64(part))
      let loss = try Tape.checkpointing(checkpointing) {
        try model.tokenLogps(TokenRows(batch, from: [1, 4, 1, 7])).apply(
          .mean, attributes: [.none, .flag(false)])
      }
      if retain { try loss.backward(retainGraph: true) }
      try loss.backward()
      found.append(try loss.value.elements(Float.self))
    }
    for parameter in model.parameters { found.append(try parameter.value.grad?.elements(Float.self) ?? []) }
    return found
  }

  @Test func lossAndGradientsHaveTheSameBitsInFullTrainingAndWithAdapters() throws {
    for base in try Self.models() {
      for model in [base, try Self.adapted(base)] {
        let plain = try Self.bits(model, checkpointing: false)
        #expect(plain.filter { $0.contains { $0 != 0 } }.count >= model.trainable.count)
        #expect(try Self.bits(model, checkpointing: true) == plain)
        #expect(
          try Self.bits(model, checkpointing: true, retain: true)
            == Self.bits(model, checkpointing: false, retain: true))
      }
    }
  }

  @Test func frozenLayersGetNoGradientAndTheOthersTheSame() throws {
    for model in try Self.models() {
      for pattern in ["embedding*", "layers.0.*", "layers.1.mlp*", "*norm*"] {
        try model.setRequiresGrad(false, matching: pattern)
        let plain = try Self.bits(model, checkpointing: false)
        #expect(try Self.bits(model, checkpointing: true) == plain)
        #expect(model.parameters.allSatisfy { $0.value.requiresGrad == ($0.value.grad != nil) })
        try model.setRequiresGrad(true)
      }
    }
  }

  /// Of eight layers the input is kept; of one at a time the rest.
  @Test func theTensorsOfOneLayerAtATimeAreKept() throws {
    let model = try Transformer(
      .llama(vocab: 19, dim: 64, layers: 8, heads: 4, maxLength: 128), seed: 1)
    for parameter in model.parameters {
      parameter.value.grad = try Tensor(zeros: parameter.value.value.shape, .f32)
    }
    let rows = try TokenRows(
      Support.sequences([128, 128, 128, 128], vocabulary: 19), from: [1, 1, 1, 1])
    func peak(_ checkpointing: Bool) throws -> Int {
      let before = MemoryAccount.liveBytes
      MemoryAccount.resetPeak()
      let loss = try Tape.checkpointing(checkpointing) {
        try model.tokenLogps(rows).apply(.mean, attributes: [.none, .flag(false)])
      }
      try loss.backward()
      return MemoryAccount.peakBytes - before
    }
    let (whole, kept) = (try peak(false), try peak(true))
    let state = 512 * 64 * 4
    // A layer of this size keeps more than ten times its input, and its gradients need as much again.
    #expect(whole > 8 * 10 * state)
    #expect(kept < (8 + 35) * state)
  }

  @Test func aWeightThatIsChangedBeforeTheSecondRunIsRefused() throws {
    let model = try Support.tinyLlama()
    let loss = try Tape.checkpointing(true) {
      try model.tokenLogps(TokenRows([[1, 2, 3, 4]], from: [1])).apply(
        .mean, attributes: [.none, .flag(false)])
    }
    let weight = try #require(model.parameters.first { $0.name == "layers.0.mlp.up.weight" }?.value)
    try Tape.withoutRecording { try weight.mutate("mul_") { $0.pointer(Float.self)[0] *= 2 } }
    #expect(throws: Failure.self) { try loss.backward() }
    #expect(model.parameters.allSatisfy { $0.value.grad == nil })
  }
}
