/// Models in GGUF files against transformers.
///
/// Tests/Golden/gguf has one tiny random model for each architecture and type of block, and the logits that
/// transformers 5.23.0 gives for the same, dequantised weights (scripts/golden/gguf_models.py).
import Autograd
import Base
import Formats
import Foundation
import Tensors
import Testing
import Weights

@testable import Models

@Suite struct GGUFModelTests {
  private static func golden(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Golden/gguf/\(name)").path
  }

  private static let expected = (try? JSONValue.load(golden("models.json"))) ?? .null
  private static let files = expected["logits"]?.members?.map(\.key) ?? []

  @Test func everyFileHasItsLogits() throws {
    let present = try FileManager.default.contentsOfDirectory(atPath: Self.golden("."))
      .filter { $0.hasSuffix(".gguf") && $0 != "blocks.gguf" }.map { String($0.dropLast(5)) }
    #expect(Set(present) == Set(Self.files) && present.count >= 16)
  }

  /// The largest difference of two lists of logits, in units of the tolerance.
  private func excess(_ model: Transformer, _ file: String) throws -> Double {
    let ids = try #require(Self.expected["ids"]?.elements).compactMap(\.int)
    let wanted = try #require(Self.expected["logits"]?[file]?.elements).compactMap(\.double)
    let got = try Tape.withoutRecording { try model.logits(TokenBatch([ids])).value.doubles() }
    #expect(got.count == wanted.count)
    let mean = wanted.reduce(0, +) / Double(wanted.count)
    let deviation = (wanted.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(wanted.count)).squareRoot()
    let worst = zip(got, wanted).map { abs($0 - $1) }.max() ?? .infinity
    return worst / (2e-5 * max(1, deviation))
  }

  @Test(arguments: files)
  func logitsAreThoseOfTransformers(_ file: String) throws {
    let excess = try excess(try Transformer.load(path: Self.golden(file + ".gguf")), file)
    #expect(excess <= 1, "\(file): \(excess) times the tolerance")
  }

  /// What a reader could leave out without an error shows in the logits of these files.
  @Test func mistakesOfAReaderAreSeen() throws {
    func weights(_ file: String) throws -> GGUFWeights {
      try GGUFWeights(ByteSource(path: Self.golden(file + ".gguf")))
    }
    func excess(_ file: String, layout other: String, _ change: (inout TransformerConfig) -> Void = { _ in })
      throws
      -> Double
    {
      let own = try weights(file)
      var config = try TransformerConfig(metadata: own.metadata, file: file)
      change(&config)
      let layout = try #require(try weights(other).layout)
      return try self.excess(try Transformer(config, own, layout), file)
    }
    // Rows of rotary pairs that are side by side taken for halves, and halves taken for pairs.
    #expect(try excess("llama", layout: "qwen3") > 100)
    #expect(try excess("qwen3", layout: "llama") > 100)
    #expect(try excess("llama-rope", layout: "llama") { $0.ropeKind = .plain } > 100)
    #expect(try excess("gemma2", layout: "gemma2") { $0.embeddingScale = 1 } > 100)
    #expect(try excess("gemma2", layout: "gemma2") { $0.attentionSoftcap = 0 } > 100)
    #expect(try excess("gemma2", layout: "gemma2") { $0.layerPattern = "f" } > 100)
    #expect(try excess("gemma3", layout: "gemma3") { $0.layerPattern = "s" } > 100)
    #expect(try excess("gemma3", layout: "gemma3") { $0.ropeLocalBase = 0 } > 100)
  }

  @Test func aHeadIsTiedWhereTheFileHasNone() throws {
    #expect(try Transformer.load(path: Self.golden("llama-rope.gguf")).config.tied)
    #expect(try !Transformer.load(path: Self.golden("llama.gguf")).config.tied)
  }
}
