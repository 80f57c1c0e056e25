/// The order in which shards are added does not depend on who adds them.
import Testing

@testable import Distributed

@Suite struct SumTreeTests {
  /// Numbers whose sum depends on the order: magnitudes over eight decades.
  static func shard(_ k: Int) -> [Float] {
    (0..<50).map { i in Float((k * 7919 + i * 104729) % 9973 - 4986) * (i % 2 == 0 ? 1e-4 : 1e4) }
  }

  static func sums(_ tree: SumTree) -> PartialSums<[Float]> {
    PartialSums(tree) { sum, other in sum = zip(sum, other).map(+) }
  }

  @Test(arguments: [1, 2, 3, 5, 8, 16, 23]) func partialSumsOfAnyDivisionHaveTheSameBits(count: Int) throws {
    let tree = SumTree(count: count)
    func sums(_ range: Range<Int>) throws -> PartialSums<[Float]> {
      var sums = Self.sums(tree)
      for k in range { try sums.append(SumTree.Node(low: k, high: k + 1), Self.shard(k)) }
      return sums
    }
    let whole = try sums(0..<count).parts
    #expect(whole.count == 1)
    for size in 1...count {
      var joined = Self.sums(tree)
      for rank in 0..<size {
        let own = tree.own(rank: rank, size: size)
        let parts = try sums(own).parts
        #expect(parts.map(\.node) == tree.nodes(in: own))
        for part in parts { try joined.append(part.node, part.sum) }
      }
      #expect(joined.parts.count == 1)
      #expect(joined.parts[0].sum == whole[0].sum)
    }
  }

  @Test func addingFromLeftToRightHasOtherBits() throws {
    let sums = (1..<16).reduce(Self.shard(0)) { sum, k in zip(sum, Self.shard(k)).map(+) }
    var tree = Self.sums(SumTree(count: 16))
    for k in 0..<16 { try tree.append(SumTree.Node(low: k, high: k + 1), Self.shard(k)) }
    #expect(sums != tree.parts[0].sum)
  }

  @Test func everyShardHasOneProcess() {
    for size in 1...7 {
      let tree = SumTree(count: 7)
      #expect((0..<size).flatMap { Array(tree.own(rank: $0, size: size)) } == Array(0..<7))
    }
  }
}
