/// Encoder-decoders: buckets, sampling, what is refused.
import Autograd
import Base
import Formats
import Foundation
import Tensors
import Testing
import Weights

@testable import Models

@Suite struct EncoderDecoderTests {
  static func tiny(seed: UInt64 = 1, _ change: (inout TransformerConfig) -> Void = { _ in }) throws
    -> Transformer
  {
    var config = TransformerConfig(.t5, vocab: 19, dim: 12, layers: 2, heads: 3, maxLength: 64)
    (config.encoderLayers, config.headDim, config.relativeBuckets, config.relativeDistance) = (1, 5, 8, 12)
    change(&config)
    return Support.sharpened(try Transformer(config, seed: seed), 15)
  }

  /// Runs of equal buckets that transformers gives for distances -4096...4096 (scripts/golden/models.py).
  @Test(arguments: ["t5-a", "t5-b"])
  func bucketsAreThoseOfTransformers(_ name: String) throws {
    let config = try Transformer.load(path: try FolderFixture(name).path).config
    let expected = try JSONValue.load(try FolderFixture(name).path + "/expected.json")
    for (key, isCausal) in [("both", false), ("causal", true)] {
      let buckets = try config.relativeBuckets(isCausal: isCausal)
      let runs = expected["buckets"]?[key]?.elements ?? []
      var at = -4096
      for run in runs {
        let (bucket, count) = (run.elements?.first?.int ?? -1, run.elements?.last?.int ?? 0)
        #expect((at..<at + count).allSatisfy { buckets.bucket($0) == bucket }, "\(key), from \(at)")
        at += count
      }
      #expect(at == 4097)
    }
  }

  /// A prompt is read once for rows that share it, and a row depends on no other.
  @Test func rowsDependOnTheirPromptAlone() throws {
    let model = try Self.tiny()
    let prompts = Support.sequences([5, 9, 5, 1, 30], vocabulary: 19)
    var options = SamplingOptions()
    (options.maxNewTokens, options.rowSeeds) = (12, [3, 4, 5, 6, 7, 3])
    let together = try model.sample(prompts + [prompts[0]], options)
    #expect(together[0].tokens == together[5].tokens)
    for (row, prompt) in prompts.enumerated() {
      options.rowSeeds = [UInt64(row + 3)]
      let alone = try model.sample([prompt], options)[0]
      #expect(alone.tokens == together[row].tokens)
      #expect(alone.logps == together[row].logps)
    }
  }

  @Test func lastLogitsAreThoseOfTheNextToken() throws {
    let model = try Self.tiny()
    let rows = try TokenRows(prompts: [[3, 4], [5]], responses: [[7, 8, 9], []])
    let longer = try TokenRows(prompts: [[3, 4], [5]], responses: [[7, 8, 9, 2], [6]])
    let found = try model.lastLogits(rows).value.elements(Float.self)
    let all = try #require(try model.outputs(longer, [.logits])[.logits]).value.elements(Float.self)
    #expect(found == Array(all[3 * 19..<5 * 19]))
  }

  @Test func aMixtureOfADecoderAndAnEncoderDecoderIsDrawnFrom() throws {
    let (model, other) = (try Self.tiny(), try Support.tinyGPT2())
    var options = SamplingOptions()
    options.maxNewTokens = 6
    let prompts = [[3, 4, 5], [6]]
    let alone = try model.sample(prompts, options)
    let mixed = try model.sample(prompts, options, mixture: Mixture(other, weight: 0))
    #expect(mixed.map(\.tokens) == alone.map(\.tokens))
    let swapped = try other.sample(prompts, options, mixture: Mixture(model, weight: 1))
    #expect(swapped.map(\.tokens) == alone.map(\.tokens))
  }

  @Test func adaptersBeginAsTheModelAndAreKept() throws {
    let model = try Self.tiny()
    let policy = try model.withAdapters(LoRA(targets: model.config.defaultTargets), seed: 1)
    let rows = try TokenRows(prompts: [[3, 4]], responses: [[7, 8]])
    #expect(
      try policy.tokenLogps(rows).value.elements(Float.self)
        == model.tokenLogps(rows).value.elements(Float.self))
    // q and v of two decoder layers, twice, and of one encoder layer: A and B.
    #expect(policy.trainable.count == 2 * (2 * 2 * 2 + 2))
    try FolderTests.withFolder { path in
      try policy.saveAdapters(folder: path)
      #expect(try model.withAdapters(folder: path).contentHash() == policy.contentHash())
    }
  }

  private func words(_ body: () throws -> Void) -> String {
    do { try body() } catch { return "\(error)" }
    return "accepted"
  }

  @Test func whatMakesNoSenseIsNamed() throws {
    let model = try Self.tiny()
    #expect(words { _ = try model.logits(TokenBatch([[1, 2]])) }.contains("give Rows"))
    #expect(words { _ = try model.lastLogits(TokenBatch([[1, 2]])) }.contains("give Rows"))
    let rows = try TokenRows(prompts: [[3, 4]], responses: [[7]])
    #expect(words { _ = try model.outputs(rows, [.promptLogps]) }.contains("prompt_logps"))
    for (change, expected) in [
      ({ $0.positions = .rotary }, "with positions = \"rotary\""),
      ({ $0.encoderLayers = 0 }, "encoder_layers is 0"),
      ({ $0.head = .score }, "head = \"score\""), ({ $0.kvHeads = 1 }, "kv_heads"),
      ({ $0.qkNorm = true }, "qk_norm"),
      ({ $0.postNorms = true }, "post_norms"), ({ $0.attentionSoftcap = 2 }, "attention_softcap"),
      ({ $0.relativeBuckets = 7 }, "an even number from 4 on"), ({ $0.relativeDistance = 4 }, "above half"),
      ({ $0.startToken = 19 }, "decoder_start_token_id 19"),
    ] as [((inout TransformerConfig) -> Void, String)] {
      let found = words { _ = try Self.tiny(change) }
      #expect(found.contains(expected), "\(found)")
    }
  }
}
