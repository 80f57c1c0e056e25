/// The legend of an SVG plot: one line for each name, in the corner that hides the least.

struct SVGLegend {
  let plot: SVGPlot

  static let lineHeight = 19.0
  static let swatch = 30.0
  static let size = 12.0

  static func width(_ scene: Scene) -> Double {
    let longest = scene.legend.map { SVGWriter.width($0.label, size: size) }.max() ?? 0
    return min(longest + swatch + 18, Double(scene.figure.width) * 0.45)
  }

  func draw(_ out: inout SVGWriter) {
    let entries = plot.scene.legend
    if entries.isEmpty { return }
    let width = SVGLegend.width(plot.scene)
    let height = Double(entries.count) * SVGLegend.lineHeight + 8
    let corner = self.corner(width, height)
    if plot.scene.figure.legend != .outside {
      out.leaf(
        "rect",
        [
          "x": SVGWriter.number(corner.x), "y": SVGWriter.number(corner.y), "width": SVGWriter.number(width),
          "height": SVGWriter.number(height), "rx": "3", "fill": "#ffffff", "fill-opacity": "0.85",
          "stroke": "#cccccc",
          "stroke-width": "0.8",
        ])
    }
    for (i, entry) in entries.enumerated() {
      let y = corner.y + 4 + (Double(i) + 0.5) * SVGLegend.lineHeight
      for layer in entry.layers { sample(layer, Point(x: corner.x + 8, y: y), &out) }
      let available = width - SVGLegend.swatch - 16
      out.label(
        SVGWriter.cut(entry.label, to: available, size: SVGLegend.size), x: corner.x + SVGLegend.swatch + 12,
        y: y + 4,
        anchor: "start", size: SVGLegend.size)
    }
  }

  /// A short piece of what the layer looks like.
  private func sample(_ layer: Scene.Layer, _ at: Point, _ out: inout SVGWriter) {
    let color = layer.ink.color.hex
    let middle = Point(x: at.x + SVGLegend.swatch / 2 - 2, y: at.y)
    let (from, to) = (SVGWriter.number(at.x), SVGWriter.number(at.x + SVGLegend.swatch - 4))
    let y = SVGWriter.number(at.y)
    switch layer.kind {
    case .band, .histogram, .bars:
      let opacity = layer.kind == .band ? "0.18" : "0.75"
      out.leaf(
        "path",
        [
          "d": "M\(from) \(SVGWriter.number(at.y - 5))H\(to)v10H\(from)Z", "fill": color,
          "fill-opacity": opacity,
        ])
      return
    default: break
    }
    if layer.ink.style != .none {
      let dashes = layer.ink.style == .dashed ? "6 4" : layer.ink.style == .dotted ? "1.5 3" : "none"
      out.leaf(
        "path",
        ["d": "M\(from) \(y)H\(to)", "stroke": color, "stroke-width": "1.8", "stroke-dasharray": dashes])
    }
    if layer.kind == .errorbar {
      let (top, low) = (SVGWriter.number(at.y - 7), SVGWriter.number(at.y + 7))
      out.leaf(
        "path", ["d": "M\(SVGWriter.number(middle.x)) \(top)V\(low)", "stroke": color, "stroke-width": "1.2"])
    }
    let hasMarker = layer.kind == .line ? plot.drawsMarkers(on: layer) : layer.rule == nil
    guard hasMarker, layer.ink.marker != .none else { return }
    let isOpen = [Marker.plus, .cross, .star].contains(layer.ink.marker)
    out.leaf(
      "path",
      [
        "d": SVGPlot.outline(layer.ink.marker, middle, 3.8), "fill": isOpen ? "none" : color,
        "stroke": isOpen ? color : "#ffffff", "stroke-width": isOpen ? "1.6" : "0.7",
      ])
  }

  /// The upper left corner of the legend.
  private func corner(_ width: Double, _ height: Double) -> Point {
    let (l, r) = (plot.left + 10, plot.right - width - 6)
    let (t, b) = (plot.top + 6, plot.bottom - height - 8)
    switch plot.scene.figure.legend {
    case .upperLeft: return Point(x: l, y: t)
    case .upperRight: return Point(x: r, y: t)
    case .lowerLeft: return Point(x: l, y: b)
    case .lowerRight: return Point(x: r, y: b)
    case .outside: return Point(x: plot.right + 10, y: plot.top)
    case .best, .none: break
    }
    return bestCorner(width, height).corner
  }

  /// True when even the best corner would hide something that is drawn.
  var isInTheWay: Bool {
    let entries = plot.scene.legend
    if entries.isEmpty || plot.scene.figure.legend != .best { return false }
    return bestCorner(SVGLegend.width(plot.scene), Double(entries.count) * SVGLegend.lineHeight + 8).hidden
      > 0
  }

  private func bestCorner(_ width: Double, _ height: Double) -> (corner: Point, hidden: Int) {
    let (l, r) = (plot.left + 10, plot.right - width - 6)
    let (t, b) = (plot.top + 6, plot.bottom - height - 8)
    let occupied = self.occupied()
    let places = [
      Point(x: r, y: t), Point(x: l, y: t), Point(x: r, y: b), Point(x: l, y: b),
      Point(x: r, y: (t + b) / 2), Point(x: l, y: (t + b) / 2), Point(x: (l + r) / 2, y: t),
      Point(x: (l + r) / 2, y: b),
    ]
    func hidden(_ corner: Point) -> Int {
      occupied.reduce(0) { sum, point in
        let isInside =
          point.x > corner.x - 4 && point.x < corner.x + width + 4 && point.y > corner.y - 4
          && point.y < corner.y + height + 4
        return sum + (isInside ? 1 : 0)
      }
    }
    // The first of the least: `min` would take any.
    var (best, least) = (places[0], Int.max)
    for place in places {
      let count = hidden(place)
      if count < least { (best, least) = (place, count) }
    }
    return (best, least)
  }

  /// Pixels where something is drawn, lines sampled every few of them.
  private func occupied() -> [Point] {
    var points: [Point] = []
    func walk(_ line: [Point]) {
      for piece in clipped(line) {
        for (a, b) in zip(piece.map(plot.pixel), piece.dropFirst().map(plot.pixel)) {
          let steps = Int(max(abs(b.x - a.x), abs(b.y - a.y)) / 6) + 1
          for i in 0..<steps {
            let share = Double(i) / Double(steps)
            points.append(Point(x: a.x + (b.x - a.x) * share, y: a.y + (b.y - a.y) * share))
          }
        }
        if let last = piece.last { points.append(plot.pixel(last)) }
      }
    }
    for layer in plot.scene.layers {
      for run in layer.runs {
        let units = run.map(plot.unit)
        if layer.ink.style == .none { points += units.map(plot.pixel) } else { walk(units) }
      }
      for run in layer.band {
        walk(run.map { plot.unit(Point(x: $0.x, y: $0.lower)) })
        walk(run.map { plot.unit(Point(x: $0.x, y: $0.upper)) })
      }
      for whisker in layer.whiskers {
        if let y = whisker.y {
          walk([
            plot.unit(Point(x: whisker.point.x, y: y.lower)),
            plot.unit(Point(x: whisker.point.x, y: y.upper)),
          ])
        }
        if let x = whisker.x {
          walk([
            plot.unit(Point(x: x.lower, y: whisker.point.y)),
            plot.unit(Point(x: x.upper, y: whisker.point.y)),
          ])
        }
      }
      for box in layer.boxes where box.height != 0 {
        for share in [0.25, 0.5, 0.75, 1.0] {
          let height = plot.y.unit(0) + (plot.y.unit(box.height) - plot.y.unit(0)) * share
          walk([Point(x: plot.x.unit(box.left), y: height), Point(x: plot.x.unit(box.right), y: height)])
        }
      }
      if let rule = layer.rule {
        let at = layer.kind == .hline ? plot.y.unit(rule) : plot.x.unit(rule)
        walk(
          layer.kind == .hline
            ? [Point(x: 0, y: at), Point(x: 1, y: at)] : [Point(x: at, y: 0), Point(x: at, y: 1)])
      }
    }
    return points
  }
}
