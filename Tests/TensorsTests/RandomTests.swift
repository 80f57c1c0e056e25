import Base
import Tensors
import Testing

@Suite(.serialized) struct RandomTests {
  private func moments(_ x: [Double]) -> (mean: Double, variance: Double) {
    let mean = x.reduce(0, +) / Double(x.count)
    return (mean, x.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(x.count))
  }

  /// Philox4x32-10 of the paper's test vectors (Random123's kat_vectors): key and counter 0.
  @Test func philoxMatchesItsPublishedNumbers() {
    let words = Philox(seed: 0, subsequence: 0).words(at: 0)
    #expect(words == [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8])
  }

  @Test func distributionsHaveTheirMoments() throws {
    let shape: Shape = [50_000]
    let normal = moments(try Tensor.normal(shape, .f64, seed: 1, stream: "t").doubles())
    #expect(abs(normal.mean) < 0.02 && abs(normal.variance - 1) < 0.03)
    let uniform = try Tensor.uniform(shape, .f32, low: -1, high: 3, seed: 1, stream: "t").doubles()
    #expect(uniform.allSatisfy { $0 >= -1 && $0 < 3 })
    #expect(abs(moments(uniform).mean - 1) < 0.03 && abs(moments(uniform).variance - 16.0 / 12) < 0.03)
    let coins = moments(try Tensor.bernoulli(shape, chance: 0.3, seed: 1, stream: "t").doubles())
    #expect(abs(coins.mean - 0.3) < 0.01)
    let dice = try Tensor.integers(shape, low: -2, high: 3, seed: 1, stream: "t").doubles()
    #expect(Set(dice) == [-2, -1, 0, 1, 2, 3] && abs(moments(dice).mean - 0.5) < 0.05)
    let all = try Tensor.integers([64], low: .min, high: .max, seed: 1, stream: "t").elements(Int64.self)
    #expect(all.contains { $0 < 0 } && all.contains { $0 > 0 } && Set(all).count == 64)
  }

  /// A sum that is rounded to `high` came out as `high`, one in 30 million.
  @Test func uniformNumbersStayBelowTheUpperEnd() throws {
    let floats = try Tensor.uniform([1 << 25], .f32, low: 1, high: 2, seed: 3, stream: "rand").elements(
      Float.self)
    #expect(floats.max() == Float(2).nextDown && floats.min() == 1)
    for high in [1.nextUp, 1 + 1e-9] {
      let x = try Tensor.uniform([1000], .f64, low: 1, high: high, seed: 3, stream: "t").doubles()
      #expect(x.allSatisfy { $0 >= 1 && $0 < high })
    }
    #expect(
      try Tensor.uniform([9], .f32, low: 2, high: 2, seed: 3, stream: "t").doubles().allSatisfy { $0 == 2 })
    for (low, high) in [(2, 1), (-1e308, 1e308), (.nan, 1), (0, .infinity)] as [(Double, Double)] {
      #expect(throws: Failure.self) {
        try Tensor.uniform([2], .f64, low: low, high: high, seed: 3, stream: "t")
      }
    }
  }

  @Test func threadCountAndLengthChangeNoNumber() throws {
    let before = Parallel.threads
    defer { Parallel.threads = before }
    Parallel.threads = 1
    let one = try Tensor.normal([40_001], seed: 5, stream: "t").doubles()
    Parallel.threads = 4
    #expect(try Tensor.normal([40_001], seed: 5, stream: "t").doubles() == one)
    #expect(try Tensor.normal([7], seed: 5, stream: "t").doubles() == Array(one.prefix(7)))
    #expect(try Tensor.normal([7], seed: 5, stream: "t", step: 1).doubles() != Array(one.prefix(7)))
    #expect(try Tensor.normal([7], seed: 5, stream: "other").doubles() != Array(one.prefix(7)))
  }

  @Test func categoricalFollowsItsWeightsRowByRow() throws {
    let weights = try Tensor([1, 0, 3, 0, 0, 2, 2, 0] as [Double], shape: [2, 4])
    let draws = try Tensor.categorical(weights, count: 20_000, seed: 3, stream: "t")
    #expect(draws.shape == [2, 20_000])
    let ids = try draws.elements(Int64.self)
    func share(_ row: Int, _ id: Int64) -> Double {
      Double(ids[row * 20_000..<(row + 1) * 20_000].filter { $0 == id }.count) / 20_000
    }
    #expect(
      abs(share(0, 0) - 0.25) < 0.02 && abs(share(0, 2) - 0.75) < 0.02 && share(0, 1) == 0 && share(0, 3) == 0
    )
    #expect(abs(share(1, 1) - 0.5) < 0.02 && abs(share(1, 2) - 0.5) < 0.02)
    // A row alone draws what it drew among others, and logits mean the same as their exponentials.
    let first = try Tensor.categorical(
      weights.narrowed(0, from: 0, length: 1), count: 50, seed: 3, stream: "t")
    #expect(try first.elements(Int64.self) == Array(ids.prefix(50)))
    let logits = try Tensor([0, -Double.infinity, 1.0986122886681098, -.infinity], shape: [4])
    let same = try Tensor.categorical(logits, count: 50, areLogits: true, seed: 3, stream: "t")
    #expect(try same.elements(Int64.self) == Array(ids.prefix(50)))
  }

  @Test func whatIsNoDistributionIsRefused() throws {
    for bad: [Double] in [[0, 0], [-1, 2], [.nan, 1], [.infinity, 1]] {
      #expect(throws: Failure.self) {
        try Tensor.categorical(Tensor(bad, shape: [2]), seed: 1, stream: "t")
      }
    }
    #expect(throws: Failure.self) {
      try Tensor.categorical(Tensor(zeros: [2, 0], .f32), seed: 1, stream: "t")
    }
    #expect(throws: Failure.self) { try Tensor.categorical(Tensor(scalar: 1, .f32), seed: 1, stream: "t") }
    #expect(throws: Failure.self) { try Tensor.bernoulli([2], chance: .nan, seed: 1, stream: "t") }
    #expect(throws: Failure.self) { try Tensor.integers([2], low: 3, high: 2, seed: 1, stream: "t") }
    #expect(throws: Failure.self) { try Tensor.permutation(-1, seed: 1, stream: "t") }
    #expect(throws: Failure.self) { try Tensor.normal([2], .i64, seed: 1, stream: "t") }
  }

  @Test func permutationHoldsEachPositionOnce() throws {
    let order = try Tensor.permutation(100, seed: 1, stream: "t").elements(Int64.self)
    #expect(order.sorted() == Array(0..<100) && order != Array(0..<100))
  }
}
