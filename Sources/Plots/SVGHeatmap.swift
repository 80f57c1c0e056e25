/// Draws a heatmap as SVG: cells with their numbers where they fit, names on both sides, and a colour scale.

struct SVGHeatmap {
  let figure: Figure
  let label: String
  let map: HeatmapData

  /// Cells beyond this in one direction are smaller than a few pixels and are averaged.
  static let sideMax = 200

  func draw(_ out: inout SVGWriter) {
    let (width, height) = (Double(figure.width), Double(figure.height))
    let map = self.map.reduced(rows: SVGHeatmap.sideMax, columns: SVGHeatmap.sideMax)
    let lines = (figure.note.isEmpty ? [] : [figure.note]) + map.notes
    let notes = SVGPlot.notes(lines, width: width)
    let top = figure.title.isEmpty ? 16.0 : 40.0
    let names = map.rows.map { SVGWriter.width($0, size: 12) }.max() ?? 0
    let left = min(names + 12 + (figure.ylabel.isEmpty ? 6 : 26), width * 0.4)
    let right = max(width - 78, left + 40)
    let longest = map.columns.map { SVGWriter.width($0, size: 12) }.max() ?? 0
    let count = (rows: Double(max(map.values.count, 1)), columns: Double(max(map.columns.count, 1)))
    let isSlanted = longest > (right - left) / count.columns - 4 && longest > 30
    let below =
      (isSlanted ? min(longest * 0.55 + 16, height * 0.3) : 20) + (figure.xlabel.isEmpty ? 4 : 24)
      + Double(notes.count) * 15 + 8
    let bottom = max(height - below, top + 30)
    let cell = (width: (right - left) / count.columns, height: (bottom - top) / count.rows)

    if map.isEmpty {
      out.label("no data", x: width / 2, y: height / 2, fill: SVGPlot.quiet)
    }
    cells(map, left, top, cell, &out)
    var last = -Double.infinity
    for (i, name) in map.columns.enumerated() {
      let at = left + (Double(i) + 0.5) * cell.width
      if isSlanted {
        if at - last >= 14 {
          out.label(name, x: at + 4, y: bottom + 14, anchor: "end", rotate: -32)
          last = at
        }
      } else if at - SVGWriter.width(name, size: 12) / 2 > last + 4 {
        out.label(name, x: at, y: bottom + 16)
        last = at + SVGWriter.width(name, size: 12) / 2
      }
    }
    last = -Double.infinity
    for (i, name) in map.rows.enumerated() {
      let at = top + (Double(i) + 0.5) * cell.height
      if at - last >= 13 {
        let available = Int((left - 12) / 6)
        out.label(TerminalText.cut(name, to: available, unicode: true), x: left - 7, y: at + 4, anchor: "end")
        last = at
      }
    }
    out.label(figure.title, x: (left + right) / 2, y: 24, size: 15, weight: "bold")
    let after = height - Double(notes.count) * 15 - (notes.isEmpty ? 0 : 4)
    out.label(figure.xlabel, x: (left + right) / 2, y: after - 8, size: 13)
    out.label(figure.ylabel, x: 18, y: (top + bottom) / 2, size: 13, rotate: -90)
    for (i, note) in notes.enumerated() {
      out.label(note, x: 12, y: after + 11 + Double(i) * 15, anchor: "start", size: 11, fill: SVGPlot.quiet)
    }
    if !map.extent.isEmpty { scale(map, right + 14, top, bottom, &out) }
  }

  private func cells(
    _ map: HeatmapData, _ left: Double, _ top: Double, _ cell: (width: Double, height: Double),
    _ out: inout SVGWriter
  ) {
    let texts = map.texts
    let widest = texts.joined().map { SVGWriter.width($0, size: 12) }.max() ?? 0
    let isNumbered = widest + 6 <= cell.width && cell.height >= 16
    for (i, row) in map.values.enumerated() {
      for (j, value) in row.enumerated() {
        let (x, y) = (left + Double(j) * cell.width, top + Double(i) * cell.height)
        let share = map.share(value)
        let color = share.map(Palette.heat)
        // A hair more than the cell, so that no seam shows between neighbours.
        out.leaf(
          "rect",
          [
            "x": SVGWriter.number(x), "y": SVGWriter.number(y), "width": SVGWriter.number(cell.width + 0.3),
            "height": SVGWriter.number(cell.height + 0.3), "fill": color?.hex ?? "#dddddd",
          ])
        if isNumbered {
          out.label(
            texts[i][j].replacing("-", with: "−"), x: x + cell.width / 2, y: y + cell.height / 2 + 4,
            fill: (color?.lightness ?? 1) > 0.55 ? "#111111" : "#ffffff")
        }
      }
    }
  }

  private func scale(_ map: HeatmapData, _ x: Double, _ top: Double, _ bottom: Double, _ out: inout SVGWriter)
  {
    let steps = 40
    let size = (bottom - top) / Double(steps)
    for i in 0..<steps {
      out.leaf(
        "rect",
        [
          "x": SVGWriter.number(x), "y": SVGWriter.number(bottom - Double(i + 1) * size), "width": "12",
          "height": SVGWriter.number(i == 0 ? size : size + 1),
          "fill": Palette.heat((Double(i) + 0.5) / Double(steps)).hex,
        ])
    }
    let (lower, upper) = (map.extent.lower, map.extent.upper)
    if upper > lower, upper - lower > 1e-290 {
      for tick in Step(span: upper - lower, count: max(2, Int((bottom - top) / 48))).ticks(
        from: lower, to: upper)
      {
        let y = bottom - (tick.place / 2 - lower / 2) / (upper / 2 - lower / 2) * (bottom - top)
        out.label(tick.label, x: x + 17, y: y + 4, anchor: "start", size: 11, isNumber: true)
      }
    } else {
      out.label(brief(lower), x: x + 17, y: (top + bottom) / 2 + 4, anchor: "start", size: 11, isNumber: true)
    }
    out.label(label, x: x + 57, y: (top + bottom) / 2, size: 12, rotate: -90)
  }
}
