/// Folders of transformers: what this program computes of them against what transformers computes.
import Autograd
import Base
import Formats
import Foundation
import Tensors
import Testing
import Weights

@testable import Models

@Suite struct FolderTests {
  static let tolerance = 2e-5

  @Test(arguments: FolderFixture.names)
  func logitsAndLogpsAreThoseOfTransformers(_ name: String) throws {
    let fixture = try FolderFixture(name)
    let model = try Transformer.load(path: fixture.path)
    #expect(try fixture.logitError(model) <= Self.tolerance)
    let logps = try model.tokenLogps(try fixture.rows()).value.elements(Float.self)
    #expect(abs(logps.reduce(0) { $0 + Double($1) } - fixture.sumLogp) <= 1e-4)
  }

  @Test(arguments: FolderFixture.names)
  func greedyTokensAreThoseOfTransformers(_ name: String) throws {
    let fixture = try FolderFixture(name)
    let model = try Transformer.load(path: fixture.path)
    let prompt = fixture.greedyPrompt
    var options = SamplingOptions()
    (options.temperature, options.maxNewTokens) = (0, 32)
    #expect(fixture.greedy.count == 32)
    for thresholds in [DecoderThresholds(), DecoderThresholds(packedBytesMax: 0, ownRowsBytesMax: 0)] {
      #expect(try model.sample([prompt], options, thresholds)[0].tokens == fixture.greedy)
    }
  }

  @Test(arguments: FolderFixture.names)
  func drawnTokensHaveTheLogpsOfTheWholePass(_ name: String) throws {
    let fixture = try FolderFixture(name)
    let model = try Transformer.load(path: fixture.path)
    let prompts = [Array(fixture.tokens.prefix(17)), [3], Array(fixture.tokens.suffix(9))]
    var options = SamplingOptions()
    options.maxNewTokens = 40
    let responses = try model.sample(prompts, options)
    let rows = try TokenRows(prompts: prompts, responses: responses.map(\.tokens))
    let whole = try model.tokenLogps(rows).value.elements(Float.self)
    for (a, b) in zip(responses.flatMap(\.logps), whole) { #expect(abs(a - b) <= 1e-5 * max(1, abs(b))) }
  }

  @Test(arguments: FolderFixture.names)
  func gradientsAreThoseOfTransformers(_ name: String) throws {
    let fixture = try FolderFixture(name)
    let folder = try FolderModel(path: fixture.path)
    let model = try folder.model()
    let expected = try fixture.gradients(folder)
    try model.tokenLogps(fixture.rows()).sum().negated().backward()
    #expect(expected.map(\.name) == model.parameters.map(\.name))
    for ((name, wanted), parameter) in zip(expected, model.parameters) {
      let found = try #require(parameter.value.grad).elements(Float.self)
      let scale = max(1e-3, wanted.map(abs).max() ?? 0)
      let worst = zip(found, wanted).map { abs($0 - $1) }.max() ?? .infinity
      #expect(worst <= 1e-4 * scale, "\(name)")
    }
  }

  @Test(arguments: FolderFixture.names)
  func aFolderWrittenBackIsTheSameModel(_ name: String) throws {
    let fixture = try FolderFixture(name)
    let model = try Transformer.load(path: fixture.path)
    try Self.withFolder { path in
      try model.save(folder: path)
      let again = try Transformer.load(path: path)
      #expect(again.config.canonical == model.config.canonical)
      #expect(try fixture.logitError(again) <= Self.tolerance)
      if !name.hasPrefix("gemma") { #expect(try again.contentHash() == model.contentHash()) }
    }
  }

  @Test(arguments: FolderFixture.names)
  func aFileOfOurOwnKeepsTheModel(_ name: String) throws {
    let model = try Transformer.load(path: try FolderFixture(name).path)
    try Self.withFolder { path in
      try AtomicFile.makeFolder(path)
      try model.save(path: path + "/model")
      let again = try Transformer.load(path: path + "/model")
      #expect(again.config == model.config)
      #expect(try again.contentHash() == model.contentHash())
    }
  }

  @Test(arguments: ["gemma2-a", "gemma2-b"])
  func boundedLogitsHaveTheirDivergence(_ name: String) throws {
    let fixture = try FolderFixture(name)
    let model = try Transformer.load(path: fixture.path)
    let rows = try TokenRows([fixture.tokens], from: [4])
    let (zero, entropy) = try model.divergence(from: model, rows)
    #expect(try zero.elements(Float.self).allSatisfy { $0 == 0 })
    let width = model.config.vocab
    for (row, found) in try entropy.elements(Float.self).enumerated() {
      let x = fixture.logits[(row + 3) * width..<(row + 4) * width].map { exp(Double($0)) }
      let sum = x.reduce(0, +)
      #expect(abs(x.reduce(0) { $0 - $1 / sum * log($1 / sum) } - Double(found)) < 1e-5)
    }
  }

  static func withFolder(_ body: (String) throws -> Void) throws {
    let path = NSTemporaryDirectory() + "perilune-folder-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }
}
