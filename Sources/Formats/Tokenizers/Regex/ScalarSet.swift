/// A set of Unicode scalars, as a character class of a regular expression gives it.
///
/// A byte that is not UTF-8 is in no class, so it is in every negated one.
import Base

struct ScalarSet: Sendable {
  /// Scalars by general category (bits 0...29), word (30) and white space (31), and by range.
  struct Item: Sendable {
    var properties: UInt64 = 0
    var ranges: [ClosedRange<UInt32>] = []
    var negated = false

    func contains(_ value: UInt32) -> Bool {
      let found = ScalarProperties.of(value) & properties != 0 || ranges.contains { $0.contains(value) }
      return found != negated
    }
  }

  private var items: [Item] = []
  var negated = false

  init() {}

  init(_ range: ClosedRange<UInt32>) { items = [Item(ranges: [range])] }

  init(properties: UInt64, negated: Bool = false) { items = [Item(properties: properties, negated: negated)] }

  init(ranges: [ClosedRange<UInt32>], negated: Bool = false) {
    items = [Item(ranges: ranges, negated: negated)]
  }

  mutating func insert(_ range: ClosedRange<UInt32>) { insert(ScalarSet(range)) }

  /// Adds all scalars of another set.
  mutating func insert(_ other: ScalarSet) {
    if other.negated, other.items.count != 1 {
      // Not (a or b) has no form as one item; only nested classes need it, and they are refused.
      return
    }
    for var item in other.items {
      if other.negated { item.negated.toggle() }
      if !item.negated, let same = items.firstIndex(where: { !$0.negated }) {
        items[same].properties |= item.properties
        items[same].ranges += item.ranges
      } else {
        items.append(item)
      }
    }
  }

  func contains(_ value: UInt32) -> Bool { items.contains { $0.contains(value) } != negated }
}
