import Autograd
import Base
import Foundation
import Models
import Optim
import Tensors
import Testing

@Suite struct TrainingTests {
  private func train(_ model: Transformer, steps: Int) throws -> [Double] {
    let optimizer = try AdamW(model.parameters.map(\.value))
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

  /// Against the formula in double precision, and against PyTorch 2.15:
  /// w = tensor([1., -2.], requires_grad=True); AdamW([w], lr=0.1, weight_decay=0.1); three steps with grad [0.5, -1.5]
  @Test func adamWMatchesItsFormulaAndPyTorch() throws {
    var options = AdamW.Options()
    options.lr = 0.1
    options.weightDecay = 0.1
    for dtype in [DType.f32, .f64] {
      let w = Variable(try Tensor([1.0, -2.0], shape: [2]).cast(to: dtype), requiresGrad: true)
      let optimizer = try AdamW([w], options)
      for _ in 0..<3 {
        w.grad = try Tensor([0.5, -1.5], shape: [2]).cast(to: dtype)
        try optimizer.update()
      }
      // Equal gradients make every corrected step exactly lr: w_t = 0.99 w - 0.1 sign(g).
      var expected = [1.0, -2.0]
      for _ in 0..<3 { expected = [0.99 * expected[0] - 0.1, 0.99 * expected[1] + 0.1] }
      for (x, y) in zip(try w.value.doubles(), expected) { #expect(abs(x - y) < 1e-6) }
    }
  }

  @Test func theVectorFormOfAdamWEqualsThePlainOne() throws {
    var random = Samples(seed: 3)
    let start = try random.normal([37])
    let fast = Variable(try start.cast(to: .f32), requiresGrad: true)
    let slow = Variable(try start.cast(to: .f32).cast(to: .f64), requiresGrad: true)
    let (a, b) = (try AdamW([fast]), try AdamW([slow]))
    for _ in 0..<20 {
      let gradient = try random.normal([37], .f32)
      fast.grad = gradient
      slow.grad = try gradient.cast(to: .f64)
      try a.update(lr: 0.01)
      try b.update(lr: 0.01)
    }
    for (x, y) in zip(try fast.value.doubles(), try slow.value.doubles()) { #expect(abs(x - y) < 1e-5) }
  }

  @Test func clippingScalesToTheLimitAndReportsTheNormBefore() throws {
    let a = Variable(try Tensor([0.0], shape: [1]), requiresGrad: true)
    let b = Variable(try Tensor([0.0, 0.0], shape: [2]), requiresGrad: true)
    a.grad = try Tensor([3.0], shape: [1])
    b.grad = try Tensor([0.0, 4.0], shape: [2])
    #expect(try GradientNorm.clip([a, b], to: 1) == 5)
    #expect(abs(try GradientNorm.of([a, b]) - 1) < 1e-5)
    #expect(try GradientNorm.clip([a, b], to: 10) < 1.001)
    a.grad = try Tensor([Double.nan], shape: [1])
    #expect(try GradientNorm.of([a, b]).isNaN)
    #expect(throws: Failure.self) { try GradientNorm.clip([a], to: 0) }
  }

  @Test func aGradientThatIsNoNumberIsRefusedBeforeAnythingChanges() throws {
    for dtype in [DType.f32, .f64] {
      for bad in [Double.nan, .infinity, -.infinity] {
        for at in [0, 8, 20_000] {
          let parameters = try (0..<2).map { _ in
            Variable(try Tensor(zeros: [20_001], dtype), requiresGrad: true)
          }
          let optimizer = try AdamW(parameters)
          var gradient = [Double](repeating: 1, count: 20_001)
          parameters[0].grad = try Tensor(gradient, shape: [20_001]).cast(to: dtype)
          gradient[at] = bad
          parameters[1].grad = try Tensor(gradient, shape: [20_001]).cast(to: dtype)
          #expect { try optimizer.update() } throws: {
            "\($0)".contains("the gradient of parameter 2 (20001) holds nan or inf")
          }
          #expect(optimizer.step == 0)
          #expect(try parameters[0].value.doubles().allSatisfy { $0 == 0 })
          parameters[1].grad = parameters[0].grad
          try optimizer.update()
          #expect(optimizer.step == 1)
        }
      }
    }
  }

  @Test func schedulesRiseAndFallWhereTheyShould() throws {
    let linear = try Schedule(lr: 1, steps: 10, warmup: 2, decay: .linear)
    #expect(
      linear.rate(at: 1) == 0.5 && linear.rate(at: 2) == 1 && linear.rate(at: 10) == 0
        && linear.rate(at: 6) == 0.5)
    let cosine = try Schedule(lr: 2, steps: 11, warmup: 1, decay: .cosine, floor: 0.1)
    #expect(
      cosine.rate(at: 1) == 2 && abs(cosine.rate(at: 11) - 0.2) < 1e-12
        && abs(cosine.rate(at: 6) - 1.1) < 1e-12)
    #expect(try Schedule(lr: 1, steps: 0).rate(at: 99) == 1)
    #expect(throws: Failure.self) { try Schedule(lr: .nan, steps: 1) }
  }

  @Test func aStepCanBeRestored() throws {
    let model = try Support.tinyGPT2()
    let optimizer = try AdamW(model.parameters.map(\.value))
    func step() throws {
      for parameter in model.parameters { parameter.value.grad = nil }
      try model.tokenLogps(TokenRows([[1, 2, 3, 4]], from: [1])).apply(
        .mean, attributes: [.none, .flag(false)]
      )
      .negated().backward()
      try optimizer.update()
    }
    for _ in 0..<3 { try step() }
    let saved = try optimizer.moments.map { (first: try $0.first.copied(), second: try $0.second.copied()) }
    let weights = try model.parameters.map { try $0.value.value.copied() }
    try step()
    let after = try model.contentHash()
    for (parameter, weight) in zip(model.parameters, weights) {
      Strided.copy(from: weight, to: parameter.value.value)
    }
    try optimizer.restore(step: 3, moments: saved)
    try step()
    #expect(try model.contentHash() == after)
  }
}
