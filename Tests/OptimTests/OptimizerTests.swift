/// Optimizers, clipping and schedules: what holds for any of them.
import Autograd
import Base
import Optim
import Tensors
import Testing

@Suite struct OptimizerTests {
  static let rules: [any UpdateRule] = {
    var (momentum, lion, half) = (SGD(), Lion(), AdamW())
    momentum.momentum = 0.9
    lion.weightDecay = 0.1
    half.moments = .bf16
    return [AdamW(), half, SGD(), momentum, lion, Adafactor()]
  }()

  /// Against the formula in double precision, and against PyTorch 2.15:
  /// w = tensor([1., -2.], requires_grad=True); AdamW([w], lr=0.1, weight_decay=0.1);
  /// three steps with grad [0.5, -1.5]
  @Test func adamWMatchesItsFormulaAndPyTorch() throws {
    var rule = AdamW()
    rule.lr = 0.1
    rule.weightDecay = 0.1
    for dtype in [DType.f32, .f64] {
      let w = Variable(try Tensor([1.0, -2.0], shape: [2]).cast(to: dtype), requiresGrad: true)
      let optimizer = try Optimizer([w], rule)
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
    let (a, b) = (try Optimizer([fast], AdamW()), try Optimizer([slow], AdamW()))
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
          let optimizer = try Optimizer(parameters, AdamW())
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

  @Test func schedulesRiseToTheRateAndFallByOnePartAStep() throws {
    let linear = try Schedule(lr: 1, steps: 10, warmup: 2, decay: .linear)
    #expect((1...4).map(linear.rate) == [0.5, 1, 1, 0.875])
    #expect(linear.rate(at: 10) == 0.125 && linear.rate(at: 11) == 0 && linear.rate(at: 99) == 0)
    let cosine = try Schedule(lr: 2, steps: 11, warmup: 1, decay: .cosine, floor: 0.1)
    #expect(cosine.rate(at: 2) == 2 && abs(cosine.rate(at: 12) - 0.2) < 1e-12)
    #expect(abs(cosine.rate(at: 7) - 1.1) < 1e-12)
    #expect(try Schedule(lr: 1, steps: 0).rate(at: 99) == 1)
    #expect(try Schedule(lr: 1, steps: 10, decay: .linear).rate(at: .min) == 1)
    #expect(linear.rate(at: .max) == 0)
    for decay in Schedule.Decay.allCases {
      #expect(try Schedule(lr: 3, steps: 1, decay: decay).rate(at: 1) == 3)
    }
    #expect(throws: Failure.self) { try Schedule(lr: .nan, steps: 1) }
  }

  /// The norm of n gradients of g is g sqrt n: 1e19 sqrt 128 = 1.1313708498984761e20 (Python 3.11,
  /// math.sqrt).
  @Test func theNormOfLargeAndSmallGradientsIsRight() throws {
    for dtype in [DType.f32, .f64] {
      for (size, count) in [(1e19, 128), (1e-25, 10_000), (3e38, 5), (1e-44, 9), (0, 4)] {
        let w = Variable(try Tensor(zeros: [count], dtype), requiresGrad: true)
        w.grad = try Tensor([Double](repeating: size, count: count), shape: [count]).cast(to: dtype)
        let stored = try w.grad.unwrap().doubles()[0]
        let expected = stored * Double(count).squareRoot()
        #expect(abs(try GradientNorm.of([w]) - expected) <= 1e-6 * expected)
        try GradientNorm.clip([w], to: 1)
        #expect(abs(try GradientNorm.of([w]) - min(expected, 1)) < 1e-5)
      }
    }
    let wide = Variable(try Tensor(zeros: [4], .f64), requiresGrad: true)
    wide.grad = try Tensor([1e200, 1e200, 1e200, 1e200], shape: [4])
    #expect(abs(try GradientNorm.of([wide]) / 2e200 - 1) < 1e-12)
    wide.grad = try Tensor([1e-200, 0, 0, 0], shape: [4])
    #expect(try GradientNorm.of([wide]) == 1e-200)
  }

  @Test func aStateRestoresTheSameStepsForEveryRule() throws {
    var random = Samples(seed: 5)
    for rule in Self.rules {
      let w = Variable(try random.normal([3, 7], .f32), requiresGrad: true)
      let b = Variable(try random.normal([5], .f32), requiresGrad: true)
      let optimizer = try Optimizer([w, b], rule)
      func step() throws {
        w.grad = try random.normal([3, 7], .f32)
        b.grad = try random.normal([5], .f32)
        try optimizer.update()
      }
      for _ in 0..<3 { try step() }
      let state = try optimizer.state.map { ($0.name, try $0.values.copied()) }
      let start = (try w.value.copied(), try b.value.copied(), random)
      try step()
      try step()
      let expected = try w.value.doubles() + b.value.doubles()
      let other = try Optimizer(
        [Variable(start.0, requiresGrad: true), Variable(start.1, requiresGrad: true)], rule)
      try other.restore(step: 3, state: state)
      random = start.2
      for _ in 0..<2 {
        for parameter in other.parameters { parameter.grad = try random.normal(parameter.value.shape, .f32) }
        try other.update()
      }
      #expect(try other.parameters.flatMap { try $0.value.doubles() } == expected)
      #expect(other.step == 5)
    }
  }

  @Test func aStateOfOtherShapesOrNamesIsRefusedAndNothingChanges() throws {
    let w = Variable(try Tensor(zeros: [2], .f32), requiresGrad: true)
    let optimizer = try Optimizer([w], AdamW())
    func refused(_ state: [(String, Tensor)], _ words: String) {
      #expect { try optimizer.restore(step: 1, state: state) } throws: { "\($0)".contains(words) }
      #expect(optimizer.step == 0)
    }
    let two = try Tensor(zeros: [2], .f32)
    refused([("exp_avg.1", two)], "no tensor 'exp_avg_sq.1'")
    refused([("exp_avg.1", two), ("exp_avg_sq.1", try Tensor(zeros: [3], .f32))], "f32 3, expected f32 2")
    refused([("exp_avg.1", two), ("exp_avg_sq.1", two), ("x", two)], "a tensor 'x'")
    let bad = try Tensor([Double.nan, 0], shape: [2]).cast(to: .f32)
    refused([("exp_avg.1", two), ("exp_avg_sq.1", bad)], "holds nan or inf")
  }

  @Test func computedTensorsAreRefusedFrozenAndRepeatedOnesSkipped() throws {
    let w = Variable(try Tensor([1.0, 2.0], shape: [2]), requiresGrad: true)
    let frozen = Variable(try Tensor([1.0], shape: [1]))
    let optimizer = try Optimizer([frozen, w, w], AdamW())
    #expect(optimizer.parameters.count == 1 && optimizer.parameters[0] === w)
    let computed = try w.times(w)
    #expect { try Optimizer([w, computed], SGD()) } throws: {
      "\($0)".contains("parameter 2 (2) is computed from other tensors")
    }
    #expect { try Optimizer([frozen], SGD()) } throws: { "\($0)".contains("none of the 1 tensors requires") }
    #expect { try Optimizer([], SGD()) } throws: { "\($0)".contains("no parameters to train") }
  }

  @Test func weightsThatAreNotFiniteAfterAStepAreAnError() throws {
    for rule in Self.rules {
      let w = Variable(try Tensor([1e30, 2], shape: [2]).cast(to: .f32), requiresGrad: true)
      w.grad = try Tensor([1.0, 1], shape: [2]).cast(to: .f32)
      let optimizer = try Optimizer([w], rule)
      if rule is Adafactor { continue }  // its step is relative to the weight and limited by 1 / sqrt t
      #expect { try optimizer.update(lr: 1e300) } throws: {
        "\($0)".contains("step 1: parameter 1 (2) holds nan or inf after the update with lr 1e+300")
      }
      #expect(optimizer.step == 0)
    }
  }

  @Test func stridedParametersMoveAsContiguousOnes() throws {
    var random = Samples(seed: 9)
    let start = try random.normal([4, 3], .f32)
    let gradient = try random.normal([4, 3], .f32)
    for rule in Self.rules {
      let packed = Variable(try start.copied(), requiresGrad: true)
      let strided = Variable(
        try start.transposed(0, 1).copied().transposed(0, 1), requiresGrad: true)
      for parameter in [packed, strided] {
        parameter.grad = gradient
        try Optimizer([parameter], rule).update(lr: 0.1)
      }
      #expect(try packed.value.doubles() == strided.value.doubles())
    }
  }
}

extension Optional {
  fileprivate func unwrap() throws -> Wrapped { try #require(self) }
}
