/// The numbers of a heatmap: averaged down when there are more cells than can be seen, with their range and names.
import Foundation

struct HeatmapData {
  let values: [[Double]]
  let rows: [String]
  let columns: [String]
  /// How many cells of the matrix one cell stands for, in each direction.
  let step: (rows: Int, columns: Int)
  let extent: Extent
  let missing: Int

  init(_ matrix: [[Double]], _ rows: [String], _ columns: [String]) {
    values = matrix
    self.rows = rows.isEmpty ? matrix.indices.map { String($0 + 1) } : rows
    self.columns = columns.isEmpty ? (matrix.first ?? []).indices.map { String($0 + 1) } : columns
    step = (1, 1)
    var extent = Extent()
    var missing = 0
    for value in matrix.joined() {
      if isDrawable(value) { extent.include(value) } else { missing += 1 }
    }
    self.extent = extent
    self.missing = missing
  }

  private init(_ whole: HeatmapData, values: [[Double]], step: (rows: Int, columns: Int)) {
    self.values = values
    self.step = step
    rows = stride(from: 0, to: whole.rows.count, by: step.rows).map { whole.rows[$0] }
    columns = stride(from: 0, to: whole.columns.count, by: step.columns).map { whole.columns[$0] }
    extent = whole.extent
    missing = whole.missing
  }

  var isEmpty: Bool { columns.isEmpty || values.isEmpty }

  /// Where a value lies between the smallest and the largest; a half when all are equal, nil for no number.
  func share(_ value: Double) -> Double? {
    guard isDrawable(value) else { return nil }
    let span = extent.upper - extent.lower
    return span > 0 ? (value - extent.lower) / span : 0.5
  }

  /// The map with at most `rowsMax` rows and `columnsMax` columns, each cell the mean of the numbers it covers.
  func reduced(rows rowsMax: Int, columns columnsMax: Int) -> HeatmapData {
    let step = (
      rows: max(1, (values.count + rowsMax - 1) / max(rowsMax, 1)),
      columns: max(1, (columns.count + columnsMax - 1) / max(columnsMax, 1))
    )
    if step == (1, 1) || isEmpty { return self }
    let reduced = stride(from: 0, to: values.count, by: step.rows).map { top -> [Double] in
      stride(from: 0, to: columns.count, by: step.columns).map { left -> Double in
        var (sum, count) = (0.0, 0)
        for row in values[top..<min(top + step.rows, values.count)] {
          for value in row[left..<min(left + step.columns, row.count)] where isDrawable(value) {
            count += 1
            sum += (value - sum) / Double(count)  // the running mean never overflows
          }
        }
        return count > 0 ? sum : .nan
      }
    }
    return HeatmapData(self, values: reduced, step: step)
  }

  /// Numbers of all cells, with the same decimals.
  var texts: [[String]] {
    let largest = max(abs(extent.lower), abs(extent.upper))
    let whole = values.joined().allSatisfy { !isDrawable($0) || $0 == $0.rounded() }
    return values.map { row in
      row.map { value in
        if !value.isFinite { return "-" }
        if extent.isEmpty || largest >= 1e5 || (largest < 1e-2 && largest > 0) {
          return brief(value, digits: 2)
        }
        return fixed(value, decimals: whole ? 0 : largest < 10 ? 2 : 1)
      }
    }
  }

  /// What to say about cells left out or put together.
  var notes: [String] {
    var notes: [String] = []
    if missing > 0 { notes.append("\(missing) cells without a finite number") }
    if step != (1, 1) { notes.append("each cell is the mean of \(step.rows) x \(step.columns)") }
    return notes
  }
}

/// A heatmap as text: the numbers with a shade beside each where they fit, else shades alone.
struct TextHeatmap {
  let figure: Figure
  let label: String
  let map: HeatmapData
  let width: Int
  let height: Int
  let color: Bool
  let unicode: Bool

  private var shades: [Character] { unicode ? Array("·░▒▓█") : Array(".:-=+*#%@") }

  private func shade(_ value: Double) -> String {
    guard let share = map.share(value) else { return "  " }
    let i = min(Int(share * Double(shades.count)), shades.count - 1)
    let text = String(repeating: shades[max(i, 0)], count: 2)
    return color ? TextCanvas.colored("██", Palette.heat(share), true) : text
  }

  func lines() -> [String] {
    func cut(_ text: String) -> String {
      TerminalText.cut(TerminalText.line(text, unicode: unicode), to: width, unicode: unicode)
    }
    var lines = [figure.title, figure.ylabel].filter { !$0.isEmpty }.map(cut)
    let names = map.rows.map { TerminalText.line($0, unicode: unicode) }
    let gutter = min(names.map(TerminalText.width).max() ?? 0, width / 4)
    let most = (width - gutter) / max(map.columns.count, 1) - 4
    // A large matrix has no text for each of its millions of cells.
    let mayBeNumbered = most >= 1 && map.values.count <= max(height, 24)
    let numbers = mayBeNumbered ? map.texts : []
    let headings = mayBeNumbered ? map.columns.map { TerminalText.line($0, unicode: unicode) } : []
    let digits = numbers.joined().map(\.count).max() ?? 1
    let cell = max(digits, min(headings.map(TerminalText.width).max() ?? 1, 16, max(most + 3, 3)) - 3)
    let isNumbered = mayBeNumbered && cell <= most
    let reduced = isNumbered ? map : reduced
    if map.isEmpty {
      lines.append("no data")
    } else if isNumbered {
      lines.append(
        String(repeating: " ", count: gutter)
          + headings.map {
            " " + TerminalText.paddedLeft(TerminalText.cut($0, to: cell + 3, unicode: unicode), to: cell + 3)
          }.joined())
      for (i, row) in map.values.enumerated() {
        let cells = zip(numbers[i], row).map { " " + TerminalText.paddedLeft($0, to: cell) + " " + shade($1) }
        lines.append(name(names[i], gutter) + cells.joined())
      }
    } else {
      lines += zip(reduced.rows, reduced.values).map { rowName, row in
        name(TerminalText.line(rowName, unicode: unicode), gutter) + " " + row.map(shade).joined()
      }
    }
    if !figure.xlabel.isEmpty { lines.append(cut(String(repeating: " ", count: gutter + 1) + figure.xlabel)) }
    if !map.extent.isEmpty {
      let scale = shades.indices.map { i in
        color
          ? TextCanvas.colored("█", Palette.heat(Double(i) / Double(shades.count - 1)), true)
          : String(shades[i])
      }
      let (low, high) = (brief(map.extent.lower), brief(map.extent.upper))
      if !label.isEmpty { lines.append(cut(label)) }
      if low.count + high.count + scale.count + 4 <= width {
        lines.append("\(low) [\(scale.joined())] \(high)")
      }
    }
    lines = lines.map { line in
      var line = line
      while line.hasSuffix(" ") { line.removeLast() }
      return line
    }
    let notes = ([figure.note].filter { !$0.isEmpty } + reduced.notes)
    return lines
      + notes.flatMap {
        TerminalText.wrapped(TerminalText.line($0, unicode: unicode), to: width, unicode: unicode)
      }
  }

  /// The map as it fits, two columns of text for a cell.
  private var reduced: HeatmapData {
    let gutter = min(
      map.rows.map { TerminalText.width(TerminalText.line($0, unicode: unicode)) }.max() ?? 0, width / 4)
    return map.reduced(rows: max(height - 4, 4), columns: max((width - gutter - 1) / 2, 2))
  }

  private func name(_ text: String, _ gutter: Int) -> String {
    TerminalText.paddedLeft(TerminalText.cut(text, to: gutter, unicode: unicode), to: gutter)
  }
}
