import Base
import Testing

@Suite struct CheckedTests {
  @Test func overflowIsAFailureThatNamesWhatWasCounted() throws {
    #expect(try Checked.times(3, 4, "elements") == 12)
    #expect(try Checked.plus(Int.max, 0, "bytes") == Int.max)
    #expect(throws: Failure.self) { try Checked.times(Int.max, 2, "elements") }
    #expect(throws: Failure.self) { try Checked.plus(Int.max, 1, "bytes") }
    do { _ = try Checked.times(1 << 40, 1 << 40, "tokens") } catch let failure as Failure {
      #expect(failure.kind == .memory && failure.message.contains("tokens"))
    }
  }
}

@Suite struct PhiloxTests {
  /// Philox4x32-10 with zero key and counter, from the known-answer tests of Random123 1.14.0 (kat_vectors).
  @Test func theFirstBlockIsThePublishedOne() {
    let words = Philox(seed: 0, subsequence: 0).words(at: 0)
    #expect(words == [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8])
  }

  @Test func numbersArePureFunctionsOfSeedStreamAndStep() {
    func draw(_ seed: UInt64, _ stream: String, _ step: UInt64) -> [UInt32] {
      var random = Philox(seed: seed, stream: stream, step: step)
      return (0..<8).map { _ in random.next32() }
    }
    #expect(draw(1, "a", 0) == draw(1, "a", 0))
    #expect(Set([draw(1, "a", 0), draw(2, "a", 0), draw(1, "b", 0), draw(1, "a", 1)]).count == 4)
  }

  @Test func momentsAreThoseOfTheDistributions() {
    var random = Philox(seed: 3, stream: "moments")
    let count = 200_000.0
    var (mean, square, uniform) = (0.0, 0.0, 0.0)
    for _ in 0..<Int(count) {
      let x = random.normal()
      mean += x
      square += x * x
      let u = random.uniform()
      #expect(u >= 0 && u < 1)
      uniform += u
    }
    // Five standard errors.
    #expect(abs(mean / count) < 5 / count.squareRoot())
    #expect(abs(square / count - 1) < 5 * (2 / count).squareRoot())
    #expect(abs(uniform / count - 0.5) < 5 * (1 / 12 / count).squareRoot())
  }

  @Test func permutationsHoldEveryNumberOnceAndBoundsAreKept() throws {
    var random = Philox(seed: 4, stream: "permutation")
    for count in [0, 1, 2, 17, 1000] {
      #expect(try random.permutation(count).sorted() == Array(0..<count))
    }
    #expect((0..<1000).allSatisfy { _ in (0..<7).contains(random.below(7)) })
  }
}
