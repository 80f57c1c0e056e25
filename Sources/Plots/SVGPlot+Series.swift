/// Draws each kind of series into an SVG plot.

extension SVGPlot {
  /// The name of the frame that cuts series: it tells the frame's place, so that figures of one page may share it.
  var frame: String {
    id + [left, top, right, bottom].map { "-" + SVGWriter.number($0) }.joined()
  }

  var clip: String { "url(#\(frame))" }

  func band(_ layer: Scene.Layer, _ out: inout SVGWriter) {
    for run in layer.band {
      let columns = Int(right - left)
      let high = thinned(run.map { unit(Point(x: $0.x, y: $0.upper)) }, columns: columns)
      let low = thinned(run.map { unit(Point(x: $0.x, y: $0.lower)) }, columns: columns)
      let outline = (high + low.reversed()).map { pixel(Point(x: $0.x, y: min(max($0.y, -2), 3))) }
      out.leaf(
        "path",
        [
          "d": SVGPlot.path(outline) + "Z", "fill": layer.ink.color.hex, "fill-opacity": "0.18",
          "clip-path": clip,
        ])
    }
  }

  func boxes(_ layer: Scene.Layer, _ out: inout SVGWriter) {
    let base = Point(x: 0, y: min(max(y.unit(0), 0), 1))
    let isBars = layer.kind == .bars
    var path = ""
    for box in layer.boxes where y.unit(box.height) > -1 || box.height < 0 {
      let high = min(max(y.unit(box.height), -0.01), 1.01)
      let (a, b) = (pixel(Point(x: x.unit(box.left), y: base.y)), pixel(Point(x: x.unit(box.right), y: high)))
      let gap = isBars ? 1.0 : 0.0
      path +=
        "M\(SVGWriter.number(a.x + gap)) \(SVGWriter.number(a.y))V\(SVGWriter.number(b.y))"
        + "H\(SVGWriter.number(b.x - gap))V\(SVGWriter.number(a.y))Z"
    }
    let isAlone = scene.layers.filter { $0.kind == .histogram }.count < 2
    out.leaf(
      "path",
      [
        "d": path, "fill": layer.ink.color.hex, "fill-opacity": isBars ? "0.85" : isAlone ? "0.75" : "0.25",
        "stroke": isAlone && !isBars ? "#ffffff" : "none", "stroke-width": "0.8", "clip-path": clip,
      ])
    if !isAlone, !isBars {
      let outline = layer.outline(base: 0).map { Point(x: x.unit($0.x), y: max(y.unit($0.y), base.y)) }
      stroke([outline], layer.ink, width: 1.6, &out)
    }
  }

  func rule(_ layer: Scene.Layer, _ out: inout SVGWriter) {
    guard let value = layer.rule else { return }
    let isFlat = layer.kind == .hline
    guard isFlat ? y.contains(value) : x.contains(value) else { return }
    let at = isFlat ? y.unit(value) : x.unit(value)
    let ends = isFlat ? [Point(x: 0, y: at), Point(x: 1, y: at)] : [Point(x: at, y: 0), Point(x: at, y: 1)]
    stroke([ends], layer.ink, width: 1.2, &out)
  }

  func series(_ layer: Scene.Layer, _ out: inout SVGWriter) {
    whiskers(layer, &out)
    let runs = layer.runs.map { $0.map(unit) }
    let columns = Int(right - left)
    if layer.ink.style != .none {
      stroke(runs.map { thinned($0, columns: columns) }, layer.ink, width: 1.8, &out)
    }
    if layer.kind == .line {
      if drawsMarkers(on: layer) {
        markers(spread(runs.flatMap { $0 }), layer.ink, size: 3.4, opacity: "1", &out)
      }
    } else {
      let count = layer.runs.reduce(0) { $0 + $1.count }
      let isBackground = scene.isBackground(layer)
      let size = count > 2000 ? 1.8 : count > 200 || isBackground ? 2.8 : 3.8
      let opacity = isBackground ? "0.4" : count > 200 ? "0.7" : "1"
      markers(runs.flatMap { $0 }, layer.ink, size: size, opacity: opacity, &out)
    }
  }

  /// Lines among others carry a few markers, so that grey print and colour-blind readers can follow them.
  func drawsMarkers(on layer: Scene.Layer) -> Bool {
    guard layer.kind == .line, layer.ink.marker != .none else { return false }
    return scene.layers.filter { $0.kind == .line }.count > 1
      || scene.figure.series.contains { $0.kind == .line && $0.marker != nil && $0.label == layer.label }
  }

  /// The points themselves when few, else about ten of them, evenly along the x axis.
  private func spread(_ points: [Point]) -> [Point] {
    if points.count <= 16 { return points }
    var next = 0.04
    return points.filter { point in
      guard point.x >= next, point.x <= 1 else { return false }
      next = point.x + 0.1
      return true
    }
  }

  private func whiskers(_ layer: Scene.Layer, _ out: inout SVGWriter) {
    var path = ""
    func number(_ value: Double) -> String { SVGWriter.number(value) }
    for whisker in layer.whiskers {
      let center = place(whisker.point)
      if let ends = whisker.y, x.contains(whisker.point.x), y.unit(ends.lower) <= 1, y.unit(ends.upper) >= 0 {
        let low = pixel(Point(x: 0, y: max(y.unit(ends.lower), 0))).y
        let high = pixel(Point(x: 0, y: min(y.unit(ends.upper), 1))).y
        path += "M\(number(center.x)) \(number(low))V\(number(high))"
        // A cap says "here it ends", so an end outside the frame has none.
        for (end, at) in [(ends.lower, low), (ends.upper, high)] where y.contains(end) {
          path += "M\(number(center.x - 3.5)) \(number(at))h7"
        }
      }
      if let ends = whisker.x, y.contains(whisker.point.y), x.unit(ends.lower) <= 1, x.unit(ends.upper) >= 0 {
        let low = pixel(Point(x: max(x.unit(ends.lower), 0), y: 0)).x
        let high = pixel(Point(x: min(x.unit(ends.upper), 1), y: 0)).x
        path += "M\(number(low)) \(number(center.y))H\(number(high))"
        for (end, at) in [(ends.lower, low), (ends.upper, high)] where x.contains(end) {
          path += "M\(number(at)) \(number(center.y - 3.5))v7"
        }
      }
    }
    if path.isEmpty { return }
    let color = layer.kind == .bars ? SVGPlot.ink : layer.ink.color.hex
    out.leaf("path", ["d": path, "stroke": color, "stroke-width": "1.2", "fill": "none"])
  }

  private func stroke(_ runs: [[Point]], _ ink: Ink, width: Double, _ out: inout SVGWriter) {
    let path = runs.flatMap { clipped($0) }.map { SVGPlot.path($0.map(pixel)) }.joined()
    if path.isEmpty { return }
    switch ink.style {
    case .dashed, .dotted:
      out.leaf(
        "path",
        [
          "d": path, "fill": "none", "stroke": ink.color.hex, "stroke-width": SVGWriter.number(width),
          "stroke-linejoin": "round", "stroke-dasharray": ink.style == .dashed ? "6 4" : "1.5 3",
        ])
    default:
      out.leaf(
        "path",
        [
          "d": path, "fill": "none", "stroke": ink.color.hex, "stroke-width": SVGWriter.number(width),
          "stroke-linejoin": "round", "stroke-linecap": "round",
        ])
    }
  }

  private func markers(_ points: [Point], _ ink: Ink, size: Double, opacity: String, _ out: inout SVGWriter) {
    guard ink.marker != .none else { return }
    var seen = Set<String>()
    var path = ""
    for point in points where clipped(point, point) != nil {
      let at = pixel(point)
      // Of many points at one place only the first is written: a place is a quarter of a pixel, or two pixels wide.
      let fineness = points.count > 50_000 ? 0.5 : 4.0
      let key = "\(Int(at.x * fineness)) \(Int(at.y * fineness))"
      if points.count > 2000, !seen.insert(key).inserted { continue }
      path += SVGPlot.outline(ink.marker, at, size)
    }
    if path.isEmpty { return }
    let isOpen = ink.marker == .plus || ink.marker == .cross || ink.marker == .star
    out.leaf(
      "path",
      isOpen
        ? [
          "d": path, "fill": "none", "stroke": ink.color.hex, "stroke-width": "1.6",
          "stroke-opacity": opacity,
        ]
        : [
          "d": path, "fill": ink.color.hex, "fill-opacity": opacity, "stroke": "#ffffff",
          "stroke-width": opacity == "1" ? "0.7" : "0.3",
        ])
  }

  /// A path through points, each within a hundredth of a pixel.
  static func path(_ points: [Point]) -> String {
    guard let first = points.first else { return "" }
    var text = "M\(SVGWriter.number(first.x)) \(SVGWriter.number(first.y))"
    if points.count == 1 { return text + "h0" }
    text += "L"
    text += points.dropFirst().map { "\(SVGWriter.number($0.x)) \(SVGWriter.number($0.y))" }.joined(
      separator: " ")
    return text
  }

  /// The outline of a marker around a place, all of about the same weight to the eye.
  static func outline(_ marker: Marker, _ at: Point, _ size: Double) -> String {
    func move(_ dx: Double, _ dy: Double) -> String {
      "\(SVGWriter.number(at.x + dx * size)) \(SVGWriter.number(at.y + dy * size))"
    }
    func closed(_ corners: [(Double, Double)]) -> String {
      "M" + corners.map { move($0.0, $0.1) }.joined(separator: "L") + "Z"
    }
    let r = SVGWriter.number(size)
    switch marker {
    case .circle, .none:
      let (over, back) = (SVGWriter.number(2 * size), SVGWriter.number(-2 * size))
      return "M\(move(-1, 0))a\(r) \(r) 0 1 0 \(over) 0a\(r) \(r) 0 1 0 \(back) 0Z"
    case .square: return closed([(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)])
    case .triangle: return closed([(0, -1.2), (1.1, 0.8), (-1.1, 0.8)])
    case .triangleDown: return closed([(0, 1.2), (1.1, -0.8), (-1.1, -0.8)])
    case .diamond: return closed([(0, -1.3), (1.15, 0), (0, 1.3), (-1.15, 0)])
    case .plus: return "M\(move(-1, 0))L\(move(1, 0))M\(move(0, -1))L\(move(0, 1))"
    case .cross: return "M\(move(-0.85, -0.85))L\(move(0.85, 0.85))M\(move(-0.85, 0.85))L\(move(0.85, -0.85))"
    case .star:
      return "M\(move(0, -1.1))L\(move(0, 1.1))M\(move(-0.95, -0.55))L\(move(0.95, 0.55))"
        + "M\(move(-0.95, 0.55))L\(move(0.95, -0.55))"
    }
  }
}
