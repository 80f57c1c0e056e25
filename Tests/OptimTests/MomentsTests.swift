/// Moments in bfloat16: rounding without bias, the same on any number of threads.
import Autograd
import Base
import Optim
import Tensors
import Testing

@Suite(.serialized) struct MomentsTests {
  private static let half: AdamW = {
    var rule = AdamW()
    rule.moments = .bf16
    return rule
  }()

  @Test func roundingTakesANeighbourWithTheProbabilityOfThePlaceBetween() throws {
    let count = 1 << 16
    let half = try BFloat16Tensor(zeros: [count])
    // Between 1 and 1 + 2^-7; below 0; a number that bfloat16 has.
    for (value, low, high) in [
      (1.002 as Float, 1 as Float, 1.0078125 as Float), (-3.01, -3.015625, -3), (0.5, 0.5, 0.5),
    ] {
      let source = try Tensor([Float](repeating: value, count: count), shape: [count])
      half.round(source.pointer(Float.self), to: 0..<count, key: 7)
      let rounded = try half.widened().elements(Float.self)
      #expect(Set(rounded).isSubset(of: [low, high]))
      let mean = rounded.reduce(0.0) { $0 + Double($1) } / Double(count)
      // Four deviations of the mean of as many draws.
      let spread = Double(high - low) / 2 / Double(count).squareRoot()
      #expect(abs(mean - Double(value)) <= 4 * spread)
    }
  }

  /// A gradient of 1 and then of 0.01: the root of the mean of squares falls as 0.999^(t / 2). Rounded to the nearest it
  /// would stay, since a step takes less than half of what 8 bits resolve.
  @Test func theMeanOfSquaresDecays() throws {
    let count = 4096
    let w = Variable(try Tensor(zeros: [count], .f32), requiresGrad: true)
    let optimizer = try Optimizer([w], Self.half)
    for step in 0..<1000 {
      w.grad = try Tensor([Float](repeating: step == 0 ? 1 : 0.01, count: count), shape: [count])
      try optimizer.update()
    }
    let squares = try #require(optimizer.state.first { $0.name == "exp_avg_sq.1" }).values.copied()
    let mean = try squares.doubles().reduce(0, +) / Double(count)
    let expected = (1..<1000).reduce(0.001) { sum, _ in 0.999 * sum + 0.001 * 1e-4 }
    #expect(abs(mean / expected - 1) < 0.01)
  }

  @Test func theBitsDoNotDependOnThreadsAndDifferBetweenStepsAndParameters() throws {
    let before = Parallel.threads
    defer { Parallel.threads = before }
    var found: Set<[Float]> = []
    for threads in [1, 2, 3] {
      Parallel.threads = threads
      // More than a block, so that the second begins within the parameter.
      let count = (1 << 20) + 37
      let weights = try (0..<2).map { _ in Variable(try Tensor(zeros: [count], .f32), requiresGrad: true) }
      let optimizer = try Optimizer(weights, Self.half)
      for _ in 0..<2 {
        for weight in weights {
          weight.grad = try Tensor([Float](repeating: 0.3, count: count), shape: [count])
        }
        try optimizer.update()
      }
      let states = try optimizer.state.map { try $0.values.copied().elements(Float.self) }
      #expect(Set(states).count == 4)
      found.insert(states.flatMap { $0 } + (try weights[0].value.elements(Float.self)))
    }
    #expect(found.count == 1)
  }

  @Test func theMomentsTakeHalfOfTheMemoryAndParametersOfF64KeepTheirs() throws {
    let count = 1 << 20
    func bytes(_ rule: AdamW, _ dtype: DType) throws -> Int {
      let w = Variable(try Tensor(zeros: [count], dtype), requiresGrad: true)
      let before = MemoryAccount.liveBytes
      let optimizer = try Optimizer([w], rule)
      return withExtendedLifetime(optimizer) { MemoryAccount.liveBytes - before }
    }
    #expect(try bytes(Self.half, .f32) == 2 * 2 * count)
    #expect(try bytes(AdamW(), .f32) == 2 * 4 * count)
    #expect(try bytes(Self.half, .f64) == 2 * 8 * count)
  }
}
