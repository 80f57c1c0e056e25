/// Ten training steps of a tiny GPT-2 and a tiny Llama, and one step of IPO, against PyTorch in double precision.
///
/// Tests/Golden/training.json, made by `python3 scripts/golden/training.py Tests/Golden/training.json`, holds the models'
/// weights, batches of ragged lengths, and of every step the loss and the norm of the gradient; of the first step all
/// gradients; of the last weights each parameter's sum and sum of squares. IPO starts from the trained model, with the
/// untrained one as its reference: the loss, the norm of each parameter's gradient, and the loss after one step.
import Autograd
import Base
import Formats
import Foundation
import Models
import Optim
import Tensors
import Testing
import Weights

@Suite struct GoldenTrainingTests {
  struct File: Decodable {
    let torch: String
    let lr: Double
    let weight_decay: Double
    let beta: Double
    let batches: [Batch]
    let pairs: [Pair]
    let models: [Model]
  }

  struct Batch: Decodable {
    let sequences: [[Int]]
    let from: [Int]
  }

  struct Pair: Decodable {
    let prompt: [Int]
    let chosen: [Int]
    let rejected: [Int]
  }

  struct Model: Decodable {
    let style: String
    let config: Config
    let names: [String]
    let shapes: [[Int]]
    let weights: [String: [Double]]
    let losses: [Double]
    let norms: [Double]
    let gradients: [String: [Double]]
    let final: [String: [Double]]
    let ipo: IPO
  }

  struct Config: Decodable {
    let vocab: Int
    let dim: Int
    let layers: Int
    let heads: Int
    let kv_heads: Int
    let hidden: Int
    let max_length: Int
    let norm: String
    let activation: String
    let positions: String
    let rope_base: Double
    let norm_eps: Double
    let bias: Bool
    let tied: Bool
  }

  struct IPO: Decodable {
    let loss: Double
    let norms: [String: Double]
    let after: Double
  }

  static let file: File? = {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    guard let data = try? Data(contentsOf: folder.appendingPathComponent("Golden/training.json")) else {
      return nil
    }
    return try? JSONDecoder().decode(File.self, from: data)
  }()

  func transformer(_ golden: Model) throws -> Transformer {
    let c = golden.config
    var config = TransformerConfig.gpt2(
      vocab: c.vocab, dim: c.dim, layers: c.layers, heads: c.heads, maxLength: c.max_length)
    config.kvHeads = c.kv_heads
    config.hidden = c.hidden
    config.norm = try #require(TransformerConfig.Norm(rawValue: c.norm))
    config.activation = try #require(TransformerConfig.Activation(rawValue: c.activation))
    config.positions = try #require(TransformerConfig.Positions(rawValue: c.positions))
    config.ropeBase = c.rope_base
    config.normEpsilon = c.norm_eps
    config.bias = c.bias
    config.tied = c.tied
    let tensors = try zip(golden.names, golden.shapes).map { name, shape in
      (name: name, tensor: try Tensor(try #require(golden.weights[name]), shape: Shape(known: shape)))
    }
    let file = ByteSource(try Safetensors(tensors).encoded(), name: "golden weights")
    return try Transformer(config, WeightFiles.open(file), .perilune)
  }

  private func optimizer(_ model: Transformer, _ file: File) throws -> Optimizer {
    var adam = AdamW()
    adam.lr = file.lr
    adam.weightDecay = file.weight_decay
    return try Optimizer(model.parameters.map(\.value), adam)
  }

  private func mean(_ x: Variable) throws -> Variable {
    try x.apply(.mean, attributes: [.none, .flag(false)])
  }

  private func isNear(_ found: Double, _ expected: Double) -> Bool {
    abs(found - expected) <= 1e-4 * abs(expected)
  }

  /// Trains as PyTorch did; `look` sees each step's loss while the gradients are there.
  private func trained(
    _ golden: Model, _ file: File, look: (Int, Double, Transformer) throws -> Void = { _, _, _ in }
  )
    throws -> Transformer
  {
    let model = try transformer(golden)
    let adam = try optimizer(model, file)
    for step in 0..<golden.losses.count {
      let batch = file.batches[step % file.batches.count]
      for parameter in model.parameters { parameter.value.grad = nil }
      let loss = try mean(try model.tokenLogps(TokenRows(batch.sequences, from: batch.from))).negated()
      try loss.backward()
      try look(step, try loss.value.item(), model)
      try adam.update()
    }
    return model
  }

  @Test(arguments: 0..<2)
  func tenStepsHaveTheLossesAndGradientNormsOfPyTorch(_ index: Int) throws {
    let file = try #require(Self.file)
    let golden = file.models[index]
    _ = try trained(golden, file) { step, loss, model in
      #expect(isNear(loss, golden.losses[step]), "\(golden.style), step \(step + 1)")
      let norm = try GradientNorm.of(model.parameters.map(\.value))
      #expect(isNear(norm, golden.norms[step]), "\(golden.style), step \(step + 1)")
    }
  }

  @Test(arguments: 0..<2)
  func everyGradientOfTheFirstStepIsPyTorchs(_ index: Int) throws {
    let file = try #require(Self.file)
    let golden = file.models[index]
    _ = try trained(golden, file) { step, _, model in
      guard step == 0 else { return }
      #expect(model.parameters.map(\.name) == golden.names)
      for (name, parameter) in model.parameters {
        let found = try #require(parameter.grad).doubles()
        let expected = try #require(golden.gradients[name])
        #expect(found.count == expected.count)
        // Relative to the parameter's largest: single elements come close to 0, and keys have biases without effect.
        let largest = max(expected.map(abs).max() ?? 0, 1e-6)
        let worst = zip(found, expected).map { abs($0 - $1) }.max() ?? 0
        #expect(worst <= 1e-4 * largest, "\(golden.style), \(name): off by \(worst) of \(largest)")
      }
    }
  }

  @Test(arguments: 0..<2)
  func theWeightsAfterTenStepsAreThoseOfPyTorch(_ index: Int) throws {
    let file = try #require(Self.file)
    let golden = file.models[index]
    for (name, parameter) in try trained(golden, file).parameters {
      // The keys' biases change no probability: their gradients are rounding, of which Adam makes whole steps.
      if name.hasSuffix("qkv.bias") { continue }
      let weights = try parameter.value.doubles()
      let expected = try #require(golden.final[name])
      let squares = weights.reduce(0) { $0 + $1 * $1 }
      #expect(isNear(squares, expected[1]), "\(golden.style), \(name)")
      let scale = (Double(weights.count) * expected[1]).squareRoot()
      #expect(abs(weights.reduce(0, +) - expected[0]) <= 1e-4 * scale, "\(golden.style), \(name)")
    }
  }

  @Test(arguments: 0..<2)
  func aStepOfIPOIsThatOfPyTorch(_ index: Int) throws {
    let file = try #require(Self.file)
    let golden = file.models[index]
    let (policy, reference) = (try trained(golden, file), try transformer(golden))

    func logps(_ model: Transformer, _ answer: KeyPath<Pair, [Int]>) throws -> Variable {
      let tokens = try model.tokenLogps(
        TokenRows(prompts: file.pairs.map(\.prompt), responses: file.pairs.map { $0[keyPath: answer] }))
      return try Op.segmentSum([tokens], [.integers(file.pairs.map { $0[keyPath: answer].count })])[0]
    }
    func margin(_ model: Transformer) throws -> Variable {
      try logps(model, \.chosen).minus(try logps(model, \.rejected))
    }
    func loss() throws -> Variable {
      let held = try Tape.withoutRecording { try margin(reference) }
      let wanted = [Float](repeating: Float(1 / (2 * file.beta)), count: file.pairs.count)
      let off = try margin(policy).minus(held).minus(Variable(try Tensor(wanted, shape: [wanted.count])))
      return try mean(try off.times(off))
    }

    let adam = try optimizer(policy, file)
    for parameter in policy.parameters { parameter.value.grad = nil }
    let before = try loss()
    try before.backward()
    #expect(isNear(try before.value.item(), golden.ipo.loss), "\(golden.style)")
    for (name, parameter) in policy.parameters {
      let expected = try #require(golden.ipo.norms[name])
      #expect(isNear(try GradientNorm.of([parameter]), expected), "\(golden.style), \(name)")
    }
    try adam.update()
    #expect(
      isNear(try Tape.withoutRecording { try loss().value.item() }, golden.ipo.after), "\(golden.style)")
  }
}
