/// Fills the layers of a scene from raw numbers, and counts what cannot be drawn.
import Foundation

extension Scene {
  /// Says that `count` of `total` points are missing and why.
  private mutating func leaveOut(_ count: Int, of total: Int, _ label: String, _ why: String) {
    guard count > 0 else { return }
    let name = label.isEmpty ? "" : "\(label): "
    notes.append("\(name)\(count) of \(total) points skipped (\(why))")
  }

  /// Splits the reasons: numbers that are none, and numbers that a log axis has no place for.
  private mutating func leaveOut(notFinite: Int, notPositive: Int, of total: Int, _ label: String) {
    leaveOut(notFinite, of: total, label, "not finite")
    leaveOut(notPositive, of: total, label, "not above 0 on a log axis")
  }

  mutating func fill(_ layer: inout Layer, _ x: [Double], _ y: [Double]) {
    var run: [Point] = []
    var (notFinite, notPositive) = (0, 0)
    for (x, y) in zip(x, y) {
      if acceptsX(x), acceptsY(y) {
        run.append(Point(x: x, y: y))
        xExtent.include(x)
        yExtent.include(y)
        continue
      }
      if isDrawable(x), isDrawable(y) { notPositive += 1 } else { notFinite += 1 }
      if !run.isEmpty { layer.runs.append(run) }
      run = []
    }
    if !run.isEmpty { layer.runs.append(run) }
    leaveOut(notFinite: notFinite, notPositive: notPositive, of: x.count, layer.label)
    if x.isEmpty { notes.append("\(layer.label.isEmpty ? layer.kind.rawValue : layer.label): no points") }
  }

  mutating func whiskers(
    _ x: [Double], _ y: [Double], _ xerr: ErrorBars?, _ yerr: ErrorBars?, label: String
  ) -> [Whisker] {
    var missing = 0
    var found: [Whisker] = []
    for i in x.indices where acceptsX(x[i]) && acceptsY(y[i]) {
      func ends(_ center: Double, _ bars: ErrorBars?) -> (lower: Double, upper: Double)? {
        guard let bars else { return nil }
        let (lower, upper) = (center - max(bars.lower[i], 0), center + max(bars.upper[i], 0))
        guard isDrawable(lower), isDrawable(upper) else {
          missing += 1
          return nil
        }
        return (lower, upper)
      }
      let whisker = Whisker(point: Point(x: x[i], y: y[i]), x: ends(x[i], xerr), y: ends(y[i], yerr))
      for end in [whisker.x?.lower, whisker.x?.upper] { if let end, acceptsX(end) { xExtent.include(end) } }
      for end in [whisker.y?.lower, whisker.y?.upper] { if let end, acceptsY(end) { yExtent.include(end) } }
      found.append(whisker)
    }
    if missing > 0 {
      notes.append("\(label.isEmpty ? "" : "\(label): ")\(missing) error bars skipped (not finite)")
    }
    return found
  }

  mutating func fill(_ layer: inout Layer, band x: [Double], _ lower: [Double], _ upper: [Double]) {
    var run: [Slice] = []
    var (notFinite, notPositive) = (0, 0)
    for (x, (a, b)) in zip(x, zip(lower, upper)) {
      if acceptsX(x), isDrawable(a), isDrawable(b), acceptsY(max(a, b)) {
        run.append(Slice(x: x, lower: min(a, b), upper: max(a, b)))
        xExtent.include(x)
        for end in [a, b] where acceptsY(end) { yExtent.include(end) }
        continue
      }
      if isDrawable(x), isDrawable(a), isDrawable(b) { notPositive += 1 } else { notFinite += 1 }
      if !run.isEmpty { layer.band.append(run) }
      run = []
    }
    if !run.isEmpty { layer.band.append(run) }
    leaveOut(notFinite: notFinite, notPositive: notPositive, of: x.count, layer.label)
  }

  mutating func fill(
    _ layer: inout Layer, bars labels: [String], _ values: [Double], _ errors: ErrorBars?, group: Int,
    of groups: Int
  ) {
    let width = 0.8 / Double(max(groups, 1))
    var places: [String: Double] = [:]
    for (i, name) in categories.enumerated() { places[name] = Double(i + 1) }
    var (centers, notFinite, notPositive) = ([Double](), 0, 0)
    for (label, value) in zip(labels, values) {
      let left = (places[label] ?? 1) - 0.4 + width * Double(group)
      centers.append(left + width / 2)
      guard acceptsY(value) else {
        if isDrawable(value) { notPositive += 1 } else { notFinite += 1 }
        continue
      }
      layer.boxes.append(Box(left: left, right: left + width, height: value))
      yExtent.include(value)
    }
    if figure.yscale == .linear { yExtent.include(0) }
    leaveOut(notFinite: notFinite, notPositive: notPositive, of: values.count, layer.label)
    if let errors { layer.whiskers = whiskers(centers, values, nil, errors, label: layer.label) }
  }
}

extension Scene {
  /// Edges for a number of bins, the same for all histograms of the figure, so that their heights compare.
  ///
  /// Without a number, the larger of the rules of Sturges (1926) and of Freedman and Diaconis (1981), at most 60.
  func binEdges() -> (Int?) -> [Double] {
    let values = figure.series.flatMap { series -> [Double] in
      if case .histogram(let values, _, _) = series.shape { return values.filter(acceptsX) }
      return []
    }
    let isLog = figure.xscale == .log
    let places = (isLog ? values.map { log10($0) } : values).sorted()
    guard var lower = places.first, var upper = places.last else { return { _ in [] } }
    if upper - lower <= max(abs(lower), abs(upper)) * 1e-10 {
      let margin = lower == 0 ? 0.5 : abs(lower) * 0.1
      (lower, upper) = (lower - margin, upper + margin)
    }
    let quartiles = places[places.count * 3 / 4] - places[places.count / 4]
    let width = 2 * quartiles / pow(Double(places.count), 1.0 / 3)
    let byWidth = width > 0 ? min((upper - lower) / width, 60) : 0
    let usual = max(1, Int(max(log2(Double(places.count)) + 1, byWidth).rounded(.up)))
    return { bins in
      let bins = bins ?? min(usual, 60)
      return (0...bins).map { i in
        // As NumPy's linspace: whole numbers of a whole step are exact.
        let place = i == bins ? upper : lower + Double(i) * ((upper - lower) / Double(bins))
        return isLog ? pow(10, place) : place
      }
    }
  }

  /// Counts values into bins `[a, b)`, the last one closed, as numpy does.
  mutating func fill(_ layer: inout Layer, histogram values: [Double], edges: [Double], density: Bool) {
    let kept = values.filter(acceptsX)
    let notFinite = values.filter { !isDrawable($0) }.count
    leaveOut(
      notFinite: notFinite, notPositive: values.count - kept.count - notFinite, of: values.count, layer.label)
    guard edges.count > 1, !kept.isEmpty else {
      notes.append("\(layer.label.isEmpty ? layer.kind.rawValue : layer.label): no points")
      return
    }
    var counts = [Int](repeating: 0, count: edges.count - 1)
    for value in kept {
      var (low, high) = (0, counts.count)  // the last edge at or below the value, by halving
      while high - low > 1 {
        let middle = (low + high) / 2
        if edges[middle] <= value { low = middle } else { high = middle }
      }
      counts[low] += 1
    }
    for (i, count) in counts.enumerated() {
      let width = edges[i + 1] - edges[i]
      let height = density ? Double(count) / (Double(kept.count) * width) : Double(count)
      guard isDrawable(height) else { continue }
      layer.boxes.append(Box(left: edges[i], right: edges[i + 1], height: height))
      if acceptsY(height) { yExtent.include(height) }
    }
    xExtent.include(edges[0])
    xExtent.include(edges[edges.count - 1])
    if figure.yscale == .linear { yExtent.include(0) }
  }
}

extension Scene.Layer {
  /// The outline of the boxes as a line over their tops, from `base` back to `base`.
  func outline(base: Double) -> [Point] {
    guard let first = boxes.first, let last = boxes.last else { return [] }
    var line = [Point(x: first.left, y: base)]
    for box in boxes {
      line.append(Point(x: box.left, y: box.height))
      line.append(Point(x: box.right, y: box.height))
    }
    line.append(Point(x: last.right, y: base))
    return line
  }
}
