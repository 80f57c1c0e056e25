/// The order in which shards are added does not depend on who adds them.
import Testing

@testable import Distributed

@Suite struct SumTreeTests {
  /// Numbers whose sum depends on the order: magnitudes over eight decades.
  static func shard(_ k: Int) -> [Float] {
    (0..<50).map { i in Float((k * 7919 + i * 104729) % 9973 - 4986) * (i % 2 == 0 ? 1e-4 : 1e4) }
  }

  @Test(arguments: [1, 2, 3, 5, 8, 16, 23]) func partialSumsOfAnyDivisionHaveTheSameBits(count: Int) {
    let tree = SumTree(count: count)
    func sums(_ range: Range<Int>) -> PartialSums<Float> {
      var sums = PartialSums<Float>(tree)
      for k in range { sums.append(SumTree.Node(low: k, high: k + 1), Self.shard(k)) }
      return sums
    }
    let whole = sums(0..<count).parts
    #expect(whole.count == 1)
    for size in 1...count {
      var joined = PartialSums<Float>(tree)
      for rank in 0..<size {
        let own = tree.own(rank: rank, size: size)
        let parts = sums(own).parts
        #expect(parts.map(\.node) == tree.nodes(in: own))
        for part in parts { joined.append(part.node, part.values) }
      }
      #expect(joined.parts.count == 1)
      #expect(joined.parts[0].values == whole[0].values)
    }
  }

  @Test func addingFromLeftToRightHasOtherBits() {
    let sums = (1..<16).reduce(Self.shard(0)) { sum, k in zip(sum, Self.shard(k)).map(+) }
    var tree = PartialSums<Float>(SumTree(count: 16))
    for k in 0..<16 { tree.append(SumTree.Node(low: k, high: k + 1), Self.shard(k)) }
    #expect(sums != tree.parts[0].values)
  }

  @Test func everyShardHasOneProcess() {
    for size in 1...7 {
      let tree = SumTree(count: 7)
      #expect((0..<size).flatMap { Array(tree.own(rank: $0, size: size)) } == Array(0..<7))
    }
  }
}
