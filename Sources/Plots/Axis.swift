/// An axis: from values to shares of its length, with ticks.
///
/// An end that the user did not set moves out to the next tick, so that the ticks cover the data.
import Foundation

struct Axis: Equatable {
  let scale: AxisScale
  /// The ends; logarithms on a log axis.
  let lower: Double
  let upper: Double
  let ticks: [Tick]

  /// Places far outside the axes stop here, where arithmetic on them is still exact enough to clip a line.
  private static let farAway = 1e6

  /// The share of the axis at which `value` stands: 0 at the lower end, 1 at the upper.
  func unit(_ value: Double) -> Double {
    unit(place: scale == .log ? (value > 0 ? log10(value) : -400) : value)
  }

  /// The share of the axis for a tick's place.
  func unit(place: Double) -> Double {
    let share = (place - lower) / (upper - lower)
    return min(max(share, -Axis.farAway), Axis.farAway)
  }

  func contains(_ value: Double) -> Bool {
    let share = unit(value)
    return share >= -1e-9 && share <= 1 + 1e-9
  }

  /// Makes an axis over the extent of the data (nil without data) with about `count` ticks.
  init(extent: Extent, limits: AxisRange, scale: AxisScale, count: Int) {
    func place(_ value: Double) -> Double { scale == .log ? log10(value) : value }
    var (lower, upper) =
      extent.isEmpty ? (scale == .log ? (0, 1) : (0, 1)) : (place(extent.lower), place(extent.upper))
    if let set = limits.lower { lower = place(set) }
    if let set = limits.upper { upper = place(set) }
    (lower, upper) = Axis.opened(
      lower, upper, keepLower: limits.lower != nil, keepUpper: limits.upper != nil, scale)

    self.scale = scale
    if scale == .log {
      let ends = (lower, upper)
      if limits.lower == nil { lower = Axis.outward(ends.0, ends, -1, count) }
      if limits.upper == nil { upper = Axis.outward(ends.1, ends, 1, count) }
      (self.lower, self.upper) = (lower, upper)
      ticks = logTicks(from: lower, to: upper, count: count)
      return
    }
    // One step for both ends and the ticks between: the widest that wastes little of the axis and leaves two ticks.
    var found: (lower: Double, upper: Double, ticks: [Tick]) = (lower, upper, [])
    for more in 0..<6 {
      let step = Step(span: upper - lower, count: count + more)
      var a = limits.lower == nil ? step.value((lower / step.size + 1e-6).rounded(.down)) : lower
      var b = limits.upper == nil ? step.value((upper / step.size - 1e-6).rounded(.up)) : upper
      if !a.isFinite || !b.isFinite { (a, b) = (lower, upper) }
      let isTighter = count >= 4 && more <= 2 && b - a < 0.92 * (found.upper - found.lower)
      if found.ticks.count < 2 || isTighter { found = (a, b, step.ticks(from: a, to: b)) }
    }
    (self.lower, self.upper, ticks) = found
  }

  /// An axis of named places 1, 2, 3 ...
  init(categories: [String]) {
    scale = .linear
    lower = 0.5
    upper = Double(max(categories.count, 1)) + 0.5
    ticks = categories.enumerated().map { Tick(place: Double($0 + 1), label: $1) }
  }

  /// Opens an axis whose ends meet, or nearly: one point is not at an edge.
  private static func opened(
    _ lower: Double, _ upper: Double, keepLower: Bool, keepUpper: Bool, _ scale: AxisScale
  ) -> (Double, Double) {
    let size = max(abs(lower), abs(upper))
    if upper - lower > max(size * 1e-10, 1e-290) { return (lower, upper) }
    let margin = scale == .log ? 0.5 : max(size * 0.1, size == 0 ? 1 : 1e-280)
    if keepLower { return (lower, lower + 2 * margin) }
    if keepUpper { return (upper - 2 * margin, upper) }
    return ((min(lower, upper)) - margin, max(lower, upper) + margin)
  }

  /// The first tick of a log axis at or beyond `end` in the direction given, or `end` when that tick is far away.
  private static func outward(
    _ end: Double, _ ends: (lower: Double, upper: Double), _ direction: Double, _ count: Int
  ) -> Double {
    let wide = logTicks(from: ends.lower - 1, to: ends.upper + 1, count: count + 4)
    let beyond = wide.map(\.place).filter { direction < 0 ? $0 <= end + 1e-9 : $0 >= end - 1e-9 }
    guard let next = direction < 0 ? beyond.max() : beyond.min() else { return end }
    return abs(next - end) <= max(0.35 * (ends.upper - ends.lower), 0.1) ? next : end
  }
}

/// The smallest and largest of the values seen.
struct Extent: Equatable {
  private(set) var lower = Double.infinity
  private(set) var upper = -Double.infinity
  var isEmpty: Bool { lower > upper }

  mutating func include(_ value: Double) {
    guard value.isFinite else { return }
    lower = min(lower, value)
    upper = max(upper, value)
  }
}
