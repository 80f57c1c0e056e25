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
  private static let files = [
    "gpt2", "llama-f16", "llama-bf16", "llama-q4_0", "llama-q4_1", "llama-q5_0", "llama-q5_1", "llama-q8_0",
    "llama-k",
  ]

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

  @Test func aHeadIsTiedWhereTheFileHasNone() throws {
    #expect(try Transformer.load(path: Self.golden("gpt2.gguf")).config.tied)
    #expect(try !Transformer.load(path: Self.golden("llama-f16.gguf")).config.tied)
  }
}
