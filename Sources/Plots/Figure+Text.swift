/// Draws a figure as text, for terminals, logs and e-mails.
///
/// Every series has its own sign, so that colour is never needed; it is written only if asked for.
import Base
import Foundation

extension Figure {
  /// Smallest sides that still hold axes, and the largest that one screenful can be asked for.
  static let textWidths = 24...1000
  static let textHeights = 8...500

  /// The figure in at most `width` columns and about `height` lines, each ended by a newline.
  ///
  ///     print(try figure.renderText(width: 60, height: 16), terminator: "")
  ///
  /// Sides out of range are moved into it. `unicode` false gives pure ASCII.
  public func renderText(
    width: Int = 72, height: Int = 20, color: Bool = false, unicode: Bool = true
  ) throws -> String {
    let width = min(max(width, Figure.textWidths.lowerBound), Figure.textWidths.upperBound)
    let height = min(max(height, Figure.textHeights.lowerBound), Figure.textHeights.upperBound)
    let scene = try Scene(self)
    let lines: [String]
    if let series = series.first, case .heatmap(let matrix, let rows, let columns) = series.shape {
      lines = TextHeatmap(
        figure: self, label: series.label, map: HeatmapData(matrix, rows, columns), width: width,
        height: height,
        color: color, unicode: unicode
      ).lines()
    } else if scene.layers.contains(where: { $0.kind == .bars }),
      scene.layers.allSatisfy({ [.bars, .hline].contains($0.kind) }), yscale == .linear
    {
      lines = TextBars(scene: scene, width: width, color: color, unicode: unicode).lines()
    } else {
      lines = TextPlot(scene: scene, width: width, height: height, color: color, unicode: unicode).lines()
    }
    return lines.map { $0 + "\n" }.joined()
  }
}

/// A plot with two axes.
struct TextPlot {
  let scene: Scene
  let width: Int
  let height: Int
  let color: Bool
  let unicode: Bool

  func lines() -> [String] {
    let figure = scene.figure
    let legend = legendLines()
    let notes = scene.noteLines.flatMap {
      TerminalText.wrapped(TerminalText.line($0, unicode: unicode), to: width, unicode: unicode)
    }
    let ylabel = TerminalText.line(scene.ylabel, unicode: unicode)
    let around =
      (figure.title.isEmpty ? 0 : 1) + legend.count + (ylabel.isEmpty ? 0 : 1) + 2
      + (figure.xlabel.isEmpty ? 0 : 1)
      + notes.count
    let rows = max(height - around, 4)
    let y = scene.yAxis(count: max(2, min(rows / 3, 8)))
    let gutter = min(y.ticks.map { TerminalText.width($0.label) }.max() ?? 1, width / 3)
    let columns = max(width - gutter - 2, 8)
    let x = scene.xAxis(count: max(2, min(columns / 10, 8)))

    var canvas = TextCanvas(columns: columns, rows: rows, unicode: unicode)
    paint(&canvas, x, y)
    var result: [String] = []
    if !figure.title.isEmpty { result.append(centered(figure.title, gutter + 2, columns)) }
    result += legend
    if !ylabel.isEmpty { result.append(TerminalText.cut(ylabel, to: width, unicode: unicode)) }
    var tickAt: [Int: String] = [:]
    for tick in y.ticks { tickAt[canvas.row(y.unit(place: tick.place))] = tick.label }
    for (row, line) in canvas.lines(color: color).enumerated() {
      let sign = tickAt[row] == nil ? (unicode ? "│" : "|") : (unicode ? "┤" : "+")
      let label = TerminalText.cut(tickAt[row] ?? "", to: gutter, unicode: unicode)
      result.append(TerminalText.paddedLeft(label, to: gutter) + " " + sign + line)
    }
    result += bottom(x, canvas, gutter: gutter)
    if !figure.xlabel.isEmpty { result.append(centered(figure.xlabel, gutter + 2, columns)) }
    return result + notes
  }

  /// The x axis and its numbers; a number that would touch the one before is left out.
  private func bottom(_ x: Axis, _ canvas: TextCanvas, gutter: Int) -> [String] {
    var axis = Array(repeating: unicode ? "─" : "-", count: canvas.columns)
    var numbers = ""
    for tick in x.ticks {
      let place = canvas.column(x.unit(place: tick.place))
      axis[place] = unicode ? "┬" : "+"
      let available = scene.xAxisIsNamed ? max(canvas.columns / max(x.ticks.count, 1) - 1, 1) : width
      let label = TerminalText.cut(
        TerminalText.line(tick.label, unicode: unicode), to: available, unicode: unicode)
      let size = TerminalText.width(label)
      let start = min(gutter + 2 + place - size / 2, width - size)
      if start > TerminalText.width(numbers) || numbers.isEmpty {
        numbers = TerminalText.padded(numbers, to: max(start, 0)) + label
      }
    }
    return [String(repeating: " ", count: gutter + 1) + (unicode ? "└" : "+") + axis.joined(), numbers]
  }

  private func centered(_ text: String, _ left: Int, _ columns: Int) -> String {
    let text = TerminalText.cut(TerminalText.line(text, unicode: unicode), to: width, unicode: unicode)
    let start = min(max(left + (columns - TerminalText.width(text)) / 2, 0), width - TerminalText.width(text))
    return String(repeating: " ", count: max(start, 0)) + text
  }

  /// The sign of a layer in the legend and in the plot.
  private func sign(_ layer: Scene.Layer) -> String {
    switch layer.kind {
    case .hline: return unicode ? "┄" : "-"
    case .vline: return unicode ? "┆" : ":"
    case .band: return shade(layer)
    case .histogram, .bars: return scene.layers.count > 1 ? String(marker(layer)) : (unicode ? "█" : "#")
    case .line where !needsMarkers && unicode: return "⠤⠤"
    default: return String(marker(layer))
    }
  }

  private func marker(_ layer: Scene.Layer) -> Character {
    layer.ink.marker == .none && !unicode && layer.kind == .line
      ? "*"
      : scene.isBackground(layer)
        ? layer.ink.marker.smallCharacter(unicode: unicode) : layer.ink.marker.character(unicode: unicode)
  }

  /// Bands in turn have other shades.
  private func shade(_ layer: Scene.Layer) -> String {
    var seen: [String] = []
    for one in scene.layers where one.kind == .band && !seen.contains(one.label) { seen.append(one.label) }
    let signs = unicode ? ["░", "▒", "▓"] : [":", "'", "`", ";"]
    return signs[(seen.firstIndex(of: layer.label) ?? 0) % signs.count]
  }

  /// A line alone needs no markers to be told apart.
  private var needsMarkers: Bool {
    Set(scene.layers.filter { $0.rule == nil }.map(\.label)).count > 1
      || scene.layers.filter { $0.kind == .line }.count > 1
  }

  private func legendLines() -> [String] {
    var lines: [String] = []
    var used = 0
    for (label, layers) in scene.legend {
      let text = TerminalText.cut(TerminalText.line(label, unicode: unicode), to: width - 4, unicode: unicode)
      let signs = layers.map { (sign($0), $0.ink.color) }.reduce(into: [(String, RGB)]()) { list, one in
        if !list.contains(where: { $0.0 == one.0 }) { list.append(one) }
      }
      let size = signs.reduce(0) { $0 + TerminalText.width($1.0) } + 1 + TerminalText.width(text)
      let entry = signs.map { TextCanvas.colored($0.0, $0.1, color) }.joined() + " " + text
      if lines.isEmpty || used + 3 + size > width {
        lines.append(entry)
        used = size
      } else {
        lines[lines.count - 1] += "   " + entry
        used += 3 + size
      }
    }
    return lines
  }

  // MARK: painting

  private func paint(_ canvas: inout TextCanvas, _ x: Axis, _ y: Axis) {
    if scene.isEmpty, scene.layers.allSatisfy({ $0.rule == nil }) {
      let start = max((canvas.columns - 7) / 2, 0)
      for (i, character) in "no data".enumerated() {
        canvas.put(character, column: start + i, row: canvas.rows / 2, depth: .marker, color: nil)
      }
    }
    for layer in scene.layers {
      switch layer.kind {
      case .hline, .vline: paint(rule: layer, &canvas, x, y)
      case .band: paint(band: layer, &canvas, x, y)
      case .histogram, .bars: paint(boxes: layer, &canvas, x, y)
      default: break
      }
      paint(whiskers: layer, &canvas, x, y)
      paint(points: layer, &canvas, x, y)
    }
  }

  private func paint(rule layer: Scene.Layer, _ canvas: inout TextCanvas, _ x: Axis, _ y: Axis) {
    guard let value = layer.rule, let character = sign(layer).first else { return }
    if layer.kind == .hline, y.contains(value) {
      let row = canvas.row(y.unit(value))
      for column in 0..<canvas.columns {
        canvas.put(character, column: column, row: row, depth: .rule, color: layer.ink.color)
      }
    } else if layer.kind == .vline, x.contains(value) {
      let column = canvas.column(x.unit(value))
      for row in 0..<canvas.rows {
        canvas.put(character, column: column, row: row, depth: .rule, color: layer.ink.color)
      }
    }
  }

  private func paint(band layer: Scene.Layer, _ canvas: inout TextCanvas, _ x: Axis, _ y: Axis) {
    guard let character = shade(layer).first else { return }
    for run in layer.band {
      let low = run.map { Point(x: x.unit($0.x), y: y.unit($0.lower)) }
      let high = run.map { Point(x: x.unit($0.x), y: y.unit($0.upper)) }
      for column in 0..<canvas.columns {
        let place = canvas.columns > 1 ? Double(column) / Double(canvas.columns - 1) : 0
        guard let a = height(of: low, at: place), let b = height(of: high, at: place), a <= 1, b >= 0 else {
          continue
        }
        for row in canvas.row(b)...max(canvas.row(a), canvas.row(b)) {
          canvas.put(character, column: column, row: row, depth: .shade, color: layer.ink.color)
        }
      }
    }
  }

  /// The height of a line that never goes back at a place, nil beside it.
  private func height(of line: [Point], at place: Double) -> Double? {
    let half = 0.5 / Double(max(width, 1))
    if line.count == 1 { return abs(line[0].x - place) <= half ? line[0].y : nil }
    for (a, b) in zip(line, line.dropFirst()) where a.x - half <= place && place <= b.x + half {
      if b.x - a.x <= 0 { return a.y }
      let share = min(max((place - a.x) / (b.x - a.x), 0), 1)
      return a.y + (b.y - a.y) * share
    }
    return nil
  }

  private func paint(whiskers layer: Scene.Layer, _ canvas: inout TextCanvas, _ x: Axis, _ y: Axis) {
    let color = layer.ink.color
    for whisker in layer.whiskers where x.contains(whisker.point.x) {
      let column = canvas.column(x.unit(whisker.point.x))
      if let ends = whisker.y, y.unit(ends.lower) <= 1, y.unit(ends.upper) >= 0 {
        for row in canvas.row(y.unit(ends.upper))...canvas.row(y.unit(ends.lower)) {
          canvas.put(unicode ? "│" : "|", column: column, row: row, depth: .whisker, color: color)
        }
      }
    }
    for whisker in layer.whiskers where y.contains(whisker.point.y) {
      let row = canvas.row(y.unit(whisker.point.y))
      if let ends = whisker.x, x.unit(ends.lower) <= 1, x.unit(ends.upper) >= 0 {
        for column in canvas.column(x.unit(ends.lower))...canvas.column(x.unit(ends.upper)) {
          canvas.put(unicode ? "─" : "-", column: column, row: row, depth: .whisker, color: color)
        }
      }
    }
  }

  private func paint(points layer: Scene.Layer, _ canvas: inout TextCanvas, _ x: Axis, _ y: Axis) {
    let (sign, color) = (marker(layer), layer.ink.color)
    let isLine = layer.kind == .line
    for run in layer.runs {
      let line = run.map { Point(x: x.unit($0.x), y: y.unit($0.y)) }
      if layer.ink.style != .none { canvas.draw(line, sign: sign, style: layer.ink.style, color: color) }
      guard layer.ink.marker != .none, !isLine || (needsMarkers && unicode) else { continue }
      // A long line carries a marker every few columns, a short one at each point.
      var last = -10
      for point in line where clipped(point, point) != nil {
        let column = canvas.column(point.x)
        if isLine, line.count > 12, abs(column - last) < 8 { continue }
        let depth = scene.isBackground(layer) ? TextCanvas.Depth.scatter : .marker
        canvas.put(sign, column: column, row: canvas.row(point.y), depth: depth, color: color)
        last = column
      }
    }
  }

  private func paint(boxes layer: Scene.Layer, _ canvas: inout TextCanvas, _ x: Axis, _ y: Axis) {
    let color = layer.ink.color
    if scene.layers.count > 1, layer.kind == .histogram {
      let line = layer.outline(base: 0).map { Point(x: x.unit($0.x), y: max(y.unit($0.y), 0)) }
      canvas.draw(line, sign: marker(layer), style: .solid, color: color)
      for box in layer.boxes where box.height != 0 && y.contains(box.height) && unicode {
        let middle = (x.unit(box.left) + x.unit(box.right)) / 2
        canvas.put(
          marker(layer), column: canvas.column(middle), row: canvas.row(y.unit(box.height)), depth: .marker,
          color: color)
      }
      return
    }
    let fill: Character = scene.layers.count > 1 ? marker(layer) : unicode ? "█" : "#"
    let base = min(max(y.unit(0), 0), 1)
    for box in layer.boxes where box.height != 0 && x.unit(box.right) > 0 && x.unit(box.left) < 1 {
      let top = min(max(y.unit(box.height), 0), 1)
      let first = canvas.column(x.unit(box.left))
      let last = max(first, canvas.column(x.unit(box.right)) - (x.unit(box.right) < 1 ? 1 : 0))
      let (low, high) = (min(base, top), max(base, top))
      for column in first...last {
        fillColumn(&canvas, column, low, high, fill, color, eighths: unicode && fill == "█" && top > base)
      }
    }
  }

  /// A column of a box, its top in eighths of a row where the characters for that exist.
  private func fillColumn(
    _ canvas: inout TextCanvas, _ column: Int, _ low: Double, _ high: Double, _ fill: Character, _ color: RGB,
    eighths: Bool
  ) {
    let blocks: [Character] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
    guard eighths else {
      for row in canvas.row(high)...canvas.row(low) {
        canvas.put(fill, column: column, row: row, depth: .line, color: color)
      }
      return
    }
    let total = max(Int((high * Double(canvas.rows) * 8).rounded()), 1)
    let start = canvas.rows - 1 - canvas.row(low)
    for level in start..<canvas.rows where total > level * 8 {
      let block = blocks[min(total - level * 8, 8)]
      canvas.put(block, column: column, row: canvas.rows - 1 - level, depth: .line, color: color)
    }
  }
}
