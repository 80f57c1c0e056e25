/// A figure made ready for drawing: only numbers that can be drawn, looks settled, axes' extents known.
///
/// Text and SVG start from the same scene, so that both leave out the same points and say so in the same note.
import Base

struct Scene {
  var layers: [Layer] = []
  var notes: [String] = []
  /// Names of the places 1, 2, 3 ... on the x axis when bars are drawn.
  var categories: [String] = []
  var xExtent = Extent()
  var yExtent = Extent()
  let figure: Figure

  /// One series, cleaned.
  struct Layer {
    var kind: Series.Kind
    var label: String
    var ink: Ink
    /// Runs of points without a gap; in data coordinates.
    var runs: [[Point]] = []
    var whiskers: [Whisker] = []
    var band: [[Slice]] = []
    var boxes: [Box] = []
    var rule: Double?

    var points: [Point] { runs.flatMap { $0 } }
  }

  /// An error bar: the point and both ends of what is known about it.
  struct Whisker {
    var point: Point
    var x: (lower: Double, upper: Double)?
    var y: (lower: Double, upper: Double)?
  }

  struct Slice { var x, lower, upper: Double }
  struct Box {
    var left, right, height: Double
    var center: Double { (left + right) / 2 }
  }

  init(_ figure: Figure) throws {
    try figure.check()
    self.figure = figure
    let inks = try Scene.inks(figure.series)
    let edges = binEdges()
    categories = Scene.categories(figure.series)
    let barGroups = figure.series.filter { $0.kind == .bars }.count
    var barIndex = 0
    for (series, ink) in zip(figure.series, inks) {
      var layer = Layer(kind: series.kind, label: series.label, ink: ink)
      switch series.shape {
      case .line(let x, let y), .scatter(let x, let y): fill(&layer, x, y)
      case .errorbar(let x, let y, let xerr, let yerr):
        fill(&layer, x, y)
        layer.whiskers = whiskers(x, y, xerr, yerr, label: series.label)
      case .band(let x, let lower, let upper): fill(&layer, band: x, lower, upper)
      case .histogram(let values, let bins, let density):
        fill(&layer, histogram: values, edges: edges(bins), density: density)
      case .bars(let labels, let values, let errors):
        fill(&layer, bars: labels, values, errors, group: barIndex, of: barGroups)
        barIndex += 1
      case .hline(let y):
        layer.rule = y
        if acceptsY(y) { yExtent.include(y) }
      case .vline(let x):
        layer.rule = x
        if acceptsX(x) { xExtent.include(x) }
      case .heatmap: break
      }
      layers.append(layer)
    }
  }

  /// True when nothing but rules can be drawn.
  var isEmpty: Bool {
    layers.allSatisfy { $0.runs.isEmpty && $0.band.isEmpty && $0.boxes.isEmpty && $0.whiskers.isEmpty }
  }

  func acceptsX(_ x: Double) -> Bool { isDrawable(x) && (figure.xscale == .linear || x > 0) }
  func acceptsY(_ y: Double) -> Bool { isDrawable(y) && (figure.yscale == .linear || y > 0) }

  var xAxisIsNamed: Bool { !categories.isEmpty }

  func xAxis(count: Int) -> Axis {
    if xAxisIsNamed { return Axis(categories: categories) }
    return Axis(extent: xExtent, limits: figure.xlimits, scale: figure.xscale, count: count)
  }

  func yAxis(count: Int) -> Axis {
    Axis(extent: yExtent, limits: figure.ylimits, scale: figure.yscale, count: count)
  }

  /// The y label, or what the heights are when all series are histograms.
  var ylabel: String {
    guard figure.ylabel.isEmpty, !figure.series.isEmpty else { return figure.ylabel }
    let drawn = figure.series.filter { ![.hline, .vline].contains($0.kind) }
    let density = drawn.compactMap { series -> Bool? in
      if case .histogram(_, _, let density) = series.shape { return density }
      return nil
    }
    guard density.count == drawn.count, !drawn.isEmpty else { return "" }
    return density.allSatisfy { $0 } ? "density" : density.contains(true) ? "" : "count"
  }

  /// True for loose points under a curve of the same name: they are drawn smaller and below it.
  func isBackground(_ layer: Layer) -> Bool {
    layer.kind == .scatter && !layer.label.isEmpty
      && layers.contains { $0.label == layer.label && [.line, .errorbar].contains($0.kind) }
  }

  /// The figure's own note and what was left out, one line each.
  var noteLines: [String] { (figure.note.isEmpty ? [] : [figure.note]) + notes }

  /// Series with a name, each name once, with the layers it stands for.
  var legend: [(label: String, layers: [Layer])] {
    var entries: [(label: String, layers: [Layer])] = []
    for layer in layers where !layer.label.isEmpty && figure.legend != .none {
      if let i = entries.firstIndex(where: { $0.label == layer.label }) {
        entries[i].layers.append(layer)
      } else {
        entries.append((layer.label, [layer]))
      }
    }
    return entries
  }

  /// Looks for every series: the same label shares colour and marker, rules are grey and dashed.
  private static func inks(_ series: [Series]) throws -> [Ink] {
    var index: [String: Int] = [:]
    var chosen: [String: String] = [:]
    var next = 0
    for one in series where !one.label.isEmpty && one.color != nil && chosen[one.label] == nil {
      chosen[one.label] = one.color
    }
    return try series.map { one in
      let isRule = one.kind == .hline || one.kind == .vline
      var place = 0
      if let known = index[one.label], !one.label.isEmpty {
        place = known
      } else if !isRule {
        place = next
        next += 1
        index[one.label] = place
      }
      let asked = one.color ?? chosen[one.label]
      let color = try asked.map { try RGB(named: $0) } ?? (isRule ? Palette.rule : Palette.color(place))
      let usual: LineStyle =
        isRule ? .dashed : [.scatter, .errorbar].contains(one.kind) ? .none : place < 8 ? .solid : .dashed
      return Ink(color: color, marker: one.marker ?? Marker.cycle[place % 8], style: one.style ?? usual)
    }
  }

  /// The labels of all bars, each once, in the order of their first appearance.
  private static func categories(_ series: [Series]) -> [String] {
    var seen = Set<String>()
    return series.flatMap { one -> [String] in
      if case .bars(let labels, _, _) = one.shape { return labels }
      return []
    }.filter { seen.insert($0).inserted }
  }
}
