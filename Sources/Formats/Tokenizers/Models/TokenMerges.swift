/// The merge step that both tokenizers share: the best adjacent pair becomes one token, until no pair is
/// left.
///
/// Best is the lowest rank, then the leftmost, as in GPT-2's loop and in llama2.c's. The plain loop looks at
/// every pair each time; long runs use a heap over a linked list, which gives the same tokens in n log n.
import Base

struct TokenMerges: Sendable {
  struct Merge: Sendable {
    var rank: Int32
    var token: Int32
  }

  /// An open hash table, at most half full.
  private var keys: [UInt64] = []
  private var found: [Merge] = []
  private(set) var count = 0
  private static let free = UInt64.max

  init(reservingCapacity capacity: Int = 0) { grow(to: capacity) }

  @inline(__always)
  static func key(_ left: Int32, _ right: Int32) -> UInt64 {
    UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
  }

  /// Adds a merge; false when the pair already has one.
  mutating func add(_ left: Int32, _ right: Int32, _ merge: Merge) -> Bool {
    if 2 * (count + 1) > keys.count { grow(to: 2 * (count + 1)) }
    let key = Self.key(left, right)
    let slot = slotOf(key)
    if keys[slot] == key { return false }
    keys[slot] = key
    found[slot] = merge
    count += 1
    return true
  }

  @inline(__always)
  func merge(_ left: Int32, _ right: Int32) -> Merge? {
    let key = Self.key(left, right)
    let slot = slotOf(key)
    return keys[slot] == key ? found[slot] : nil
  }

  /// The slot of a key, or the free one where it belongs.
  @inline(__always)
  private func slotOf(_ key: UInt64) -> Int {
    let mask = keys.count - 1
    var slot = Int(truncatingIfNeeded: ByteHash.fold(key ^ 0x9E37_79B9_7F4A_7C15)) & mask
    while keys[slot] != key && keys[slot] != Self.free { slot = (slot + 1) & mask }
    return slot
  }

  private mutating func grow(to capacity: Int) {
    let old = (keys, found)
    var size = 16
    while size < 2 * capacity { size *= 2 }
    keys = [UInt64](repeating: Self.free, count: size)
    found = [Merge](repeating: Merge(rank: 0, token: 0), count: size)
    for (key, merge) in zip(old.0, old.1) where key != Self.free {
      let slot = slotOf(key)
      keys[slot] = key
      found[slot] = merge
    }
  }

  /// Merges in place. Ctrl-C ends it between merges.
  func apply(to tokens: inout [Int32]) throws {
    if tokens.count > 32 { try applyWithHeap(to: &tokens) } else { applyPlainly(to: &tokens) }
  }

  /// The readable form: quadratic.
  func applyPlainly(to tokens: inout [Int32]) {
    while tokens.count > 1 {
      var best: (at: Int, merge: Merge)?
      for i in 0..<tokens.count - 1 {
        if let merge = merge(tokens[i], tokens[i + 1]), best.map({ merge.rank < $0.merge.rank }) ?? true {
          best = (i, merge)
        }
      }
      guard let best else { return }
      tokens[best.at] = best.merge.token
      tokens.remove(at: best.at + 1)
    }
  }

  /// The same result with a heap of candidate pairs; entries whose tokens have changed since are thrown away.
  func applyWithHeap(to tokens: inout [Int32]) throws {
    struct Candidate: Comparable {
      var rank: Int32
      var at: Int32
      var left: Int32
      var right: Int32
      var token: Int32
      static func < (a: Candidate, b: Candidate) -> Bool { (a.rank, a.at) < (b.rank, b.at) }
    }
    let count = tokens.count
    var next = (1...count).map { Int32($0) }
    var previous = (-1..<count - 1).map { Int32($0) }
    var heap = MinHeap<Candidate>()
    func candidate(_ at: Int, _ after: Int) -> Candidate? {
      merge(tokens[at], tokens[after]).map {
        Candidate(rank: $0.rank, at: Int32(at), left: tokens[at], right: tokens[after], token: $0.token)
      }
    }
    for i in 0..<count - 1 {
      if i & 0xFFFF == 0 { try Interrupt.check() }
      if let found = candidate(i, i + 1) { heap.push(found) }
    }
    while let best = heap.pop() {
      try Interrupt.check()
      let at = Int(best.at)
      let after = Int(next[at])
      if tokens[at] != best.left || after >= count || tokens[after] != best.right { continue }
      tokens[at] = best.token
      tokens[after] = -1
      next[at] = next[after]
      if Int(next[at]) < count { previous[Int(next[at])] = Int32(at) }
      if previous[at] >= 0, let found = candidate(Int(previous[at]), at) { heap.push(found) }
      if Int(next[at]) < count, let found = candidate(at, Int(next[at])) { heap.push(found) }
    }
    tokens.removeAll { $0 == -1 }
  }
}

/// A binary heap whose least element comes first.
struct MinHeap<Element: Comparable> {
  private var items: [Element] = []

  var isEmpty: Bool { items.isEmpty }

  mutating func push(_ element: Element) {
    items.append(element)
    var child = items.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      if !(items[child] < items[parent]) { return }
      items.swapAt(child, parent)
      child = parent
    }
  }

  mutating func pop() -> Element? {
    guard let last = items.popLast() else { return nil }
    if items.isEmpty { return last }
    let top = items[0]
    items[0] = last
    var parent = 0
    while true {
      var least = parent
      let left = 2 * parent + 1
      if left < items.count && items[left] < items[least] { least = left }
      if left + 1 < items.count && items[left + 1] < items[least] { least = left + 1 }
      if least == parent { return top }
      items.swapAt(parent, least)
      parent = least
    }
  }
}
