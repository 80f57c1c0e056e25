/// A set of Unicode scalars, as a character class of a regular expression gives it.
///
/// A byte that is not UTF-8 is in no class, so it is in every negated one.
import Base

struct ScalarSet: Sendable, Hashable {
  /// Scalars by general category (bits 0...29), word (30) and white space (31), and by range.
  struct Item: Sendable, Hashable {
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

  /// Membership of the basic plane, a bit for each scalar.
  func basicPlane() -> [UInt64] {
    var all = [UInt64](repeating: negated ? .max : 0, count: 1024)
    for item in items {
      var plane = [UInt64](repeating: 0, count: 1024)
      if item.properties != 0 {
        for value in 0..<0x10000 where ScalarProperties.of(UInt32(value)) & item.properties != 0 {
          plane[value >> 6] |= 1 << UInt64(value & 63)
        }
      }
      for range in item.ranges where range.lowerBound < 0x10000 {
        for value in range.lowerBound...min(range.upperBound, 0xFFFF) {
          plane[Int(value >> 6)] |= 1 << UInt64(value & 63)
        }
      }
      for word in plane.indices {
        let found = item.negated ? ~plane[word] : plane[word]
        if negated { all[word] &= ~found } else { all[word] |= found }
      }
    }
    return all
  }
}
