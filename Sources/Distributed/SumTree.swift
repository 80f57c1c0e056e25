/// The one order in which shards are added, whoever has them: a binary tree over shards 0..<count.
///
/// A node covers shards low..<high and splits them at `middle`, low plus the largest power of two below their number.
/// The sum of a node is the sum of its left child plus that of its right child, so it has the same bits on one process
/// and on many.
struct SumTree {
  struct Node: Hashable {
    let low: Int
    let high: Int
    var count: Int { high - low }
    /// Where the node splits; only for nodes of two shards and more.
    var middle: Int {
      var half = 1
      while half * 2 < count { half *= 2 }
      return low + half
    }
  }

  let count: Int

  var root: Node { Node(low: 0, high: count) }

  /// The largest nodes of the tree whose shards all lie in `range`, from left to right.
  func nodes(in range: Range<Int>) -> [Node] {
    func within(_ node: Node) -> [Node] {
      if node.high <= range.lowerBound || node.low >= range.upperBound { return [] }
      if range.lowerBound <= node.low && node.high <= range.upperBound { return [node] }
      return within(Node(low: node.low, high: node.middle)) + within(Node(low: node.middle, high: node.high))
    }
    return range.isEmpty ? [] : within(root)
  }

  /// Whether two neighbouring nodes are the children of one node, which is returned.
  func parent(_ left: Node, _ right: Node) -> Node? {
    var node = root
    while node.count > 1 {
      if node.low == left.low && node.high == right.high {
        return node.middle == left.high && left.high == right.low ? node : nil
      }
      node =
        left.low < node.middle
        ? Node(low: node.low, high: node.middle) : Node(low: node.middle, high: node.high)
    }
    return nil
  }

  /// The shards of process `rank` of `size`: neighbours, and as many as the others or one more.
  func own(rank: Int, size: Int) -> Range<Int> { rank * count / size..<(rank + 1) * count / size }
}

/// Sums of nodes, joined as soon as both children of a node are there: at most about log2(shards) are kept.
struct PartialSums<Sum> {
  let tree: SumTree
  private(set) var parts: [(node: SumTree.Node, sum: Sum)] = []
  /// Adds a sum to its left neighbour.
  private let add: (inout Sum, Sum) throws -> Void

  init(_ tree: SumTree, add: @escaping (inout Sum, Sum) throws -> Void) {
    self.tree = tree
    self.add = add
  }

  /// Adds the sum of `node`, which is the right neighbour of the last one.
  mutating func append(_ node: SumTree.Node, _ sum: Sum) throws {
    parts.append((node, sum))
    while parts.count > 1 {
      let last = parts.count - 2
      guard let parent = tree.parent(parts[last].node, parts[last + 1].node) else { return }
      let right = parts.removeLast().sum
      parts[last].node = parent
      try add(&parts[last].sum, right)
    }
  }

  mutating func removeAll() { parts = [] }
}
