/// A tiny model as a folder of transformers, with what transformers computes of it (scripts/golden/models.py).
import Autograd
import Base
import Formats
import Foundation
import Tensors

@testable import Models
@testable import Weights

struct FolderFixture {
  static let names = ["gpt2", "llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3", "t5"].flatMap {
    [$0 + "-a", $0 + "-b"]
  }

  let path: String
  /// What the encoder reads; none for a decoder alone.
  let source: [Int]
  /// The whole sequence; the response of an encoder-decoder.
  let tokens: [Int]
  let prompt: Int
  let greedy: [Int]
  let sumLogp: Double
  /// [tokens, vocab], row after row.
  let logits: [Float]

  init(_ name: String) throws {
    var folder = URL(fileURLWithPath: #filePath)
    for _ in 0..<2 { folder.deleteLastPathComponent() }
    path = folder.appendingPathComponent("Golden/models/\(name)").path
    let expected = try JSONValue.load(path + "/expected.json")
    func integers(_ key: String) -> [Int] { expected[key]?.elements?.compactMap(\.int) ?? [] }
    (source, tokens, greedy) = (integers("source"), integers("tokens"), integers("greedy"))
    (prompt, sumLogp) = (expected["prompt"]?.int ?? 0, expected["sum_logp"]?.double ?? .nan)
    logits = try Safetensors.read(path + "/logits.safetensors").tensors[0].tensor.elements(Float.self)
  }

  /// All tokens that the model predicts of the fixture.
  func rows() throws -> TokenRows {
    source.isEmpty
      ? try TokenRows([tokens], from: [1]) : try TokenRows(prompts: [source], responses: [tokens])
  }

  /// What greedy decoding begins with.
  var greedyPrompt: [Int] { source.isEmpty ? Array(tokens.prefix(prompt)) : source }

  /// The largest difference of logits, in units of their deviation where that is above 1.
  func logitError(_ model: Transformer) throws -> Double {
    let found = try Tape.withoutRecording {
      let all =
        source.isEmpty
        ? try model.logits(TokenBatch([tokens])) : try model.outputs(rows(), [.logits])[.logits]
      return try all?.value.elements(Float.self).map(Double.init) ?? []
    }
    if found.count != logits.count { return .infinity }
    let mean = logits.reduce(0) { $0 + Double($1) } / Double(logits.count)
    let variance = logits.reduce(0) { $0 + pow(Double($1) - mean, 2) } / Double(logits.count)
    let largest = zip(found, logits).map { abs($0 - Double($1)) }.max() ?? .infinity
    return largest.isFinite ? largest / max(1, variance.squareRoot()) : .infinity
  }

  /// The gradients of minus the sum of log-probabilities, arranged as the model's parameters are.
  func gradients(_ model: FolderModel) throws -> [(name: String, value: [Float])] {
    let file = try WeightFiles.open(path + "/gradients.safetensors")
    var layout = model.layout
    if layout.name == WeightLayout.gemma.name { layout = Self.plainGemma }
    if model.config.hasEncoder { layout.embedding = [.init("shared")] }
    return try Transformer(model.config, file, layout).parameters.map {
      ($0.name, try $0.value.value.elements(Float.self))
    }
  }

  /// Gemma's layout for gradients: nothing is added to those of norms.
  static let plainGemma: WeightLayout = {
    let g = WeightLayout.gemma
    func plain(_ sources: [WeightSource]) -> [WeightSource] { sources.map { .init($0.name, $0.arrangement) } }
    return WeightLayout(
      name: g.name, embedding: g.embedding, positions: [], layer: g.layer.map(plain), norm: plain(g.norm),
      head: g.head, prefixes: g.prefixes)
  }()
}
