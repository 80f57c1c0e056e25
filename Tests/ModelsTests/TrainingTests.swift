import Autograd
import Base
import Foundation
import Models
import Optim
import Tensors
import Testing

@Suite struct TrainingTests {
  private func train(_ model: Transformer, steps: Int) throws -> [Double] {
    let optimizer = try Optimizer(model.parameters.map(\.value), AdamW())
    var losses: [Double] = []
    for step in 0..<steps {
      let batch = Support.sequences([12, 12, 5, 20], vocabulary: 19, seed: UInt64(step % 2))
      for parameter in model.parameters { parameter.value.grad = nil }
      let loss = try model.tokenLogps(TokenRows(batch, from: [1, 4, 1, 1])).apply(
        .mean, attributes: [.none, .flag(false)]
      ).negated()
      try loss.backward()
      try GradientNorm.clip(model.parameters.map(\.value), to: 1)
      try optimizer.update(lr: 1e-2)
      losses.append(try loss.value.item())
    }
    return losses
  }

  @Test func trainingLearnsAndGivesTheSameBitsOnAnyThreadCount() throws {
    let before = Parallel.threads
    defer { Parallel.threads = before }
    var hashes: Set<String> = []
    for threads in [1, 2, 1, 3] {
      Parallel.threads = threads
      let model = try Support.tinyLlama()
      let losses = try train(model, steps: 30)
      #expect(losses[29] < 0.7 * losses[0])
      hashes.insert(try model.contentHash())
    }
    #expect(hashes.count == 1)
  }

  @Test func stepsRepeatBitForBitFromARestoredState() throws {
    let model = try Support.tinyGPT2()
    let optimizer = try Optimizer(model.parameters.map(\.value), AdamW())
    func step() throws {
      for parameter in model.parameters { parameter.value.grad = nil }
      try model.tokenLogps(TokenRows([[1, 2, 3, 4]], from: [1])).apply(
        .mean, attributes: [.none, .flag(false)]
      )
      .negated().backward()
      try optimizer.update()
    }
    for _ in 0..<3 { try step() }
    let saved = try optimizer.state.map { ($0.name, try $0.values.copied()) }
    let weights = try model.parameters.map { try $0.value.value.copied() }
    try step()
    let after = try model.contentHash()
    for (parameter, weight) in zip(model.parameters, weights) {
      try Strided.copy(from: weight, to: parameter.value.value)
    }
    try optimizer.restore(step: 3, state: saved)
    try step()
    #expect(try model.contentHash() == after)
  }
}
