/// Reward models in folders of transformers: scores, gradients, faults and refusals (scripts/golden/rewards.py).
import Autograd
import Base
import Formats
import Foundation
import Tensors
import Testing

@testable import Models
@testable import Weights

@Suite struct RewardFolderTests {
  struct Fixture {
    static let names = [
      "gpt2", "llama", "llama-unpadded", "mistral", "qwen2", "qwen2-older", "qwen3", "gemma2", "gemma3",
    ]
    let path: String
    let texts: [[Int]]
    let scores, losses: [Double]

    init(_ name: String) throws {
      var folder = URL(fileURLWithPath: #filePath)
      for _ in 0..<2 { folder.deleteLastPathComponent() }
      path = folder.appendingPathComponent("Golden/rewards/\(name)").path
      let expected = try JSONValue.load(path + "/expected.json")
      func numbers(_ key: String) -> [Double] { expected[key]?.elements?.compactMap(\.double) ?? [] }
      texts = expected["texts"]?.elements?.map { $0.elements?.compactMap(\.int) ?? [] } ?? []
      (scores, losses) = (numbers("scores"), numbers("losses"))
    }

    /// The largest difference of scores, in units of their deviation where that is above 1.
    func error(_ model: Transformer) throws -> Double {
      let found = try Tape.withoutRecording { try model.scores(TokenBatch(texts)).value.elements(Float.self) }
      if found.count != scores.count || scores.isEmpty { return .infinity }
      let mean = scores.reduce(0, +) / Double(scores.count)
      let variance = scores.reduce(0) { $0 + pow($1 - mean, 2) } / Double(scores.count)
      let largest = zip(found, scores).map { abs(Double($0) - $1) }.max() ?? .infinity
      return largest.isFinite ? largest / max(1, variance.squareRoot()) : .infinity
    }
  }

  @Test(arguments: Fixture.names)
  func scoresAreThoseOfTransformers(_ name: String) throws {
    let fixture = try Fixture(name)
    let model = try Transformer.load(path: fixture.path)
    #expect(model.config.head == .score)
    #expect(try fixture.error(model) <= FolderTests.tolerance)
  }

  /// Of the mean of -log sigmoid(chosen - rejected) over the pairs.
  @Test(arguments: Fixture.names)
  func gradientsOfTheLossAreThoseOfPyTorch(_ name: String) throws {
    let fixture = try Fixture(name)
    let folder = try FolderModel(path: fixture.path)
    let model = try folder.model()
    let scores = try model.scores(TokenBatch(fixture.texts)).reshaped([fixture.texts.count / 2, 2])
    let (chosen, rejected) = (
      try scores.narrowed(1, from: 0, length: 1), try scores.narrowed(1, from: 1, length: 1)
    )
    let losses = try chosen.minus(rejected).logSigmoid().negated()
    for (a, b) in zip(try losses.value.elements(Float.self), fixture.losses) {
      #expect(abs(Double(a) - b) <= 2e-5 * max(1, b))
    }
    try losses.mean().backward()
    let file = try WeightFiles.open(fixture.path + "/gradients.safetensors")
    let isGemma = folder.layout.name == WeightLayout.gemma.name
    var layout = isGemma ? FolderFixture.plainGemma : folder.layout
    layout.score = folder.layout.score
    let expected = try Transformer(model.config, file, layout).parameters
    #expect(expected.map(\.name) == model.parameters.map(\.name))
    for ((name, wanted), parameter) in zip(expected, model.parameters) {
      let found = try #require(parameter.value.grad).elements(Float.self)
      let wanted = try wanted.value.elements(Float.self)
      let scale = max(1e-3, wanted.map(abs).max() ?? 0)
      let worst = zip(found, wanted).map { abs($0 - $1) }.max() ?? .infinity
      #expect(worst <= 1e-4 * scale, "\(name)")
    }
  }

  @Test(arguments: Fixture.names)
  func aFolderWrittenBackHasTheSameScores(_ name: String) throws {
    let fixture = try Fixture(name)
    let model = try Transformer.load(path: fixture.path)
    try FolderTests.withFolder { path in
      try model.save(folder: path)
      let again = try Transformer.load(path: path)
      #expect(again.config.canonical == model.config.canonical)
      #expect(try fixture.error(again) <= FolderTests.tolerance)
      let written = try JSONValue.load(path + "/config.json")
      #expect(
        written["architectures"] == (try JSONValue.load(fixture.path + "/config.json"))["architectures"])
      try model.save(path: path + "/own")
      #expect(try Transformer.load(path: path + "/own").contentHash() == model.contentHash())
    }
  }

  struct Fault: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let folders: [String]
    let change: @Sendable (inout FolderModel) -> Void

    init(_ name: String, _ folders: [String], _ change: @escaping @Sendable (inout FolderModel) -> Void) {
      (testDescription, self.folders, self.change) = (name, folders, change)
    }
  }

  static let faults = [
    Fault("the last token is read though it pads", ["gpt2", "llama", "qwen2", "qwen3", "gemma2", "gemma3"]) {
      $0.config.padTokenId = -1
    },
    Fault("another id pads", ["llama", "mistral", "qwen2", "gemma2"]) { $0.config.padTokenId = 0 },
    Fault("Gemma's own padding id is forgotten", ["gemma3"]) { $0.config.padTokenId = 5 },
    Fault("an id pads though none is stated", ["llama-unpadded", "qwen2-older"]) { $0.config.padTokenId = 5 },
    Fault("embeddings are not scaled", ["gemma2", "gemma3"]) { $0.config.embeddingScale = 1 },
    Fault("the base is its default", ["mistral", "qwen2", "qwen3"]) { $0.config.ropeBase = 10_000 },
  ]

  @Test(arguments: faults)
  func aFaultIsNoticed(_ fault: Fault) throws {
    for name in fault.folders {
      let fixture = try Fixture(name)
      var folder = try FolderModel(path: fixture.path)
      #expect(try fixture.error(try folder.model()) <= FolderTests.tolerance, "\(name)")
      fault.change(&folder)
      #expect(try fixture.error(try folder.model()) > 10 * FolderTests.tolerance, "\(name)")
    }
  }

  @Test func aHeadGivesOnlyWhatItHas() throws {
    let reward = try Transformer.load(path: try Fixture("llama").path)
    let rows = try TokenRows([[1, 2, 3]], from: [1])
    let model = try Transformer.load(path: try FolderFixture("llama-a").path)
    for call in [
      { _ = try reward.logits(rows.batch) }, { _ = try reward.tokenLogps(rows) },
      { _ = try reward.lastLogits(rows.batch) }, { _ = try reward.outputs(rows, [.entropy]) },
      { _ = try reward.sample([[1]], SamplingOptions()) }, { _ = try model.divergence(from: reward, rows) },
      { _ = try reward.divergence(from: model, rows) }, { _ = try model.scores(rows.batch) },
      { _ = try reward.scores(TokenBatch([[1], []])) },
    ] as [() throws -> Void] {
      #expect(throws: Failure.self) { try call() }
    }
  }

  @Test func aNewHeadIsOnACopyOfTheWeights() throws {
    let model = try Transformer.load(path: try FolderFixture("qwen2-b").path)
    let reward = try model.withScoreHead(padTokenId: 3, seed: 7)
    #expect(reward.config.padTokenId == 3)
    let (own, others) = (model.parameters.dropLast(), reward.parameters.dropLast())
    #expect(own.map(\.name) == others.map(\.name))
    #expect(reward.parameters.last?.name == "score.weight")
    for (a, b) in zip(own, others) {
      #expect(try a.value.value.elements(Float.self) == b.value.value.elements(Float.self))
      #expect(a.value !== b.value)
    }
    #expect(try reward.contentHash() == model.withScoreHead(padTokenId: 3, seed: 7).contentHash())
    #expect(try reward.contentHash() != model.withScoreHead(padTokenId: 3, seed: 8).contentHash())
  }
}
