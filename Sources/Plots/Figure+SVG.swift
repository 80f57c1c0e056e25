/// Draws a figure as SVG 1.1, for papers and reports.
///
/// Two thin axes, a pale grid, ticks outside, and nothing else that is not data. The file stands alone: no style sheet,
/// no script, no font file, and a white ground unless asked otherwise, so that it looks the same on a dark page.
import Base

extension Figure {
  /// The figure as a whole SVG file.
  ///
  ///     let svg = try figure.renderSVG()           // write it to a file that ends in .svg
  ///
  /// `background` is "white", "none", or a colour as series take it.
  public func renderSVG(background: String = "white") throws -> String {
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" + (try svgElement(id: "plot", background: background))
  }

  /// The `svg` element alone. `id` keeps the names inside apart when a page holds several figures.
  func svgElement(id: String, background: String = "white") throws -> String {
    let ground: String? =
      background == "none" ? nil : background == "white" ? "#ffffff" : try RGB(named: background).hex
    let scene = try Scene(self)
    var out = SVGWriter()
    out.begin(
      "svg",
      [
        "xmlns": "http://www.w3.org/2000/svg", "width": "\(width)", "height": "\(height)",
        "viewBox": "0 0 \(width) \(height)", "role": "img", "font-family": SVGWriter.fonts,
      ])
    out.note("title", title.isEmpty ? "figure" : title)
    out.note("desc", description(scene))
    if let ground { out.leaf("rect", ["width": "\(width)", "height": "\(height)", "fill": ground]) }
    if let series = series.first, case .heatmap(let matrix, let rows, let columns) = series.shape {
      SVGHeatmap(figure: self, label: series.label, map: HeatmapData(matrix, rows, columns)).draw(&out)
    } else {
      var plot = SVGPlot(scene: scene, id: id)
      if SVGLegend(plot: plot).isInTheWay, width >= 420 {
        var beside = self
        beside.legend = .outside
        plot = SVGPlot(scene: try Scene(beside), id: id)
      }
      plot.draw(&out)
    }
    out.end()
    return out.text
  }

  /// What a screen reader says after the title.
  private func description(_ scene: Scene) -> String {
    let axes = [ylabel, xlabel].filter { !$0.isEmpty }.joined(separator: " against ")
    let names = scene.layers.map(\.label).filter { !$0.isEmpty }
    var seen = Set<String>()
    let series = names.filter { seen.insert($0).inserted }.joined(separator: ", ")
    return [axes, series].filter { !$0.isEmpty }.joined(separator: ": ")
  }
}

/// A plot with two axes in pixels.
struct SVGPlot {
  let scene: Scene
  let id: String
  let x: Axis
  let y: Axis
  /// The frame of the axes.
  let left, top, right, bottom: Double
  /// True when the names under the x axis stand at a slant.
  let isSlanted: Bool
  let notes: [String]

  static let ink = "#222222"
  static let quiet = "#555555"
  static let pale = "#e8e8e8"

  init(scene: Scene, id: String) {
    let figure = scene.figure
    let (width, height) = (Double(figure.width), Double(figure.height))
    self.scene = scene
    self.id = id
    notes = SVGPlot.notes(scene.noteLines, width: width)
    let top = figure.title.isEmpty ? 16.0 : 40.0
    let y = scene.yAxis(count: max(2, Int((height - 100) / 48)))
    let numbers = y.ticks.map { SVGWriter.width($0.label, size: 12) }.max() ?? 0
    let left = min(numbers + 14 + (scene.ylabel.isEmpty ? 4 : 26), width * 0.45)
    var right = width - 18
    if figure.legend == .outside, !scene.legend.isEmpty {
      right -= SVGLegend.width(scene) + 12
    }
    right = max(right, left + 40)
    let x = scene.xAxis(count: max(2, Int((right - left) / 76)))
    let names = x.ticks.map { SVGWriter.width($0.label, size: 12) }.max() ?? 0
    isSlanted = scene.xAxisIsNamed && names > (right - left) / Double(max(x.ticks.count, 1)) - 6
    let tickRoom = isSlanted ? min(names * 0.55 + 18, height * 0.35) : 22
    let below =
      tickRoom + (figure.xlabel.isEmpty ? 6 : 26) + Double(notes.count) * 15 + (notes.isEmpty ? 2 : 8)
    (self.x, self.y, self.left, self.top, self.right) = (x, y, left, top, right)
    bottom = max(height - below, top + 30)
  }

  /// Small print as lines that fit the width.
  static func notes(_ lines: [String], width: Double) -> [String] {
    lines.flatMap {
      TerminalText.wrapped(TerminalText.line($0, unicode: true), to: max(Int(width / 6.4), 10), unicode: true)
    }
  }

  func place(_ point: Point) -> Point {
    Point(x: left + x.unit(point.x) * (right - left), y: bottom - y.unit(point.y) * (bottom - top))
  }

  /// From shares of the axes to pixels.
  func pixel(_ unit: Point) -> Point {
    Point(x: left + unit.x * (right - left), y: bottom - unit.y * (bottom - top))
  }

  func unit(_ point: Point) -> Point { Point(x: x.unit(point.x), y: y.unit(point.y)) }

  func draw(_ out: inout SVGWriter) {
    let figure = scene.figure
    out.begin("clipPath", ["id": frame])
    out.leaf("rect", box(left, top, right, bottom))
    out.end()
    if figure.grid { grid(&out) }
    for layer in scene.layers where !layer.band.isEmpty { band(layer, &out) }
    for layer in scene.layers where !layer.boxes.isEmpty { boxes(layer, &out) }
    axes(&out)
    for layer in scene.layers where layer.rule != nil { rule(layer, &out) }
    for layer in scene.layers where scene.isBackground(layer) { series(layer, &out) }
    for layer in scene.layers where !scene.isBackground(layer) { series(layer, &out) }
    if scene.isEmpty, scene.layers.allSatisfy({ $0.rule == nil }) {
      out.label("no data", x: (left + right) / 2, y: (top + bottom) / 2, fill: SVGPlot.quiet)
    }
    texts(&out)
    SVGLegend(plot: self).draw(&out)
  }

  private func box(_ x0: Double, _ y0: Double, _ x1: Double, _ y1: Double) -> KeyValuePairs<String, String> {
    [
      "x": SVGWriter.number(min(x0, x1)), "y": SVGWriter.number(min(y0, y1)),
      "width": SVGWriter.number(abs(x1 - x0)), "height": SVGWriter.number(abs(y1 - y0)),
    ]
  }

  private func grid(_ out: inout SVGWriter) {
    var path = ""
    for tick in y.ticks {
      let at = SVGWriter.number(bottom - y.unit(place: tick.place) * (bottom - top))
      path += "M\(SVGWriter.number(left)) \(at)H\(SVGWriter.number(right))"
    }
    if !scene.xAxisIsNamed {
      for tick in x.ticks {
        let at = SVGWriter.number(left + x.unit(place: tick.place) * (right - left))
        path += "M\(at) \(SVGWriter.number(top))V\(SVGWriter.number(bottom))"
      }
    }
    if !path.isEmpty {
      out.leaf("path", ["d": path, "stroke": SVGPlot.pale, "stroke-width": "1", "fill": "none"])
    }
  }

  private func axes(_ out: inout SVGWriter) {
    var path = "M\(SVGWriter.number(left)) \(SVGWriter.number(top))V\(SVGWriter.number(bottom))"
    path += "H\(SVGWriter.number(right))"
    var last = -Double.infinity
    for tick in x.ticks {
      let at = left + x.unit(place: tick.place) * (right - left)
      if !scene.xAxisIsNamed { path += "M\(SVGWriter.number(at)) \(SVGWriter.number(bottom))v4" }
      let size = SVGWriter.width(tick.label, size: 12)
      if isSlanted {
        out.label(tick.label, x: at + 4, y: bottom + 14, anchor: "end", fill: SVGPlot.ink, rotate: -32)
      } else if at - size / 2 > last + 4 {
        out.label(tick.label, x: at, y: bottom + 18, isNumber: !scene.xAxisIsNamed)
        last = at + size / 2
      }
    }
    for tick in y.ticks {
      let at = bottom - y.unit(place: tick.place) * (bottom - top)
      path += "M\(SVGWriter.number(left)) \(SVGWriter.number(at))h-4"
      out.label(tick.label, x: left - 8, y: at + 4, anchor: "end", isNumber: true)
    }
    out.leaf("path", ["d": path, "stroke": SVGPlot.ink, "stroke-width": "1", "fill": "none"])
    if scene.xAxisIsNamed, y.unit(0) > 0.001, y.unit(0) < 0.999 {
      let zero = SVGWriter.number(place(Point(x: 1, y: 0)).y)
      out.leaf(
        "path", ["d": "M\(SVGWriter.number(left)) \(zero)H\(SVGWriter.number(right))", "stroke": SVGPlot.ink])
    }
  }

  private func texts(_ out: inout SVGWriter) {
    let figure = scene.figure
    let (middleX, middleY) = ((left + right) / 2, (top + bottom) / 2)
    let available = Double(figure.width)
    let titleSize = min(15, max(9, 15 * available / max(SVGWriter.width(figure.title, size: 15), 1)))
    out.label(figure.title, x: min(middleX, available / 2 + 40), y: 24, size: titleSize, weight: "bold")
    let after = Double(figure.height) - Double(notes.count) * 15 - (notes.isEmpty ? 0 : 4)
    out.label(figure.xlabel, x: middleX, y: after - 8, size: 13)
    out.label(scene.ylabel, x: 18, y: middleY, size: 13, rotate: -90)
    for (i, note) in notes.enumerated() {
      out.label(note, x: 12, y: after + 11 + Double(i) * 15, anchor: "start", size: 11, fill: SVGPlot.quiet)
    }
  }
}
