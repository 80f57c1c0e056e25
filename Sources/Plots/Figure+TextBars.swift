/// Bars as text: one line each, lying, so that names of any length and the numbers can be read.

struct TextBars {
  let scene: Scene
  let width: Int
  let color: Bool
  let unicode: Bool

  private struct Entry {
    var name: String
    var value: Double
    var error: (lower: Double, upper: Double)?
    var layer: Scene.Layer
  }

  func lines() -> [String] {
    let figure = scene.figure
    let entries = self.entries()
    let rules = scene.layers.filter { $0.kind == .hline }
    var lines = [figure.title].filter { !$0.isEmpty }.map { cut($0) }
    let named = scene.layers.filter { $0.kind == .bars && !$0.label.isEmpty }
    if named.count > 1 {
      lines += named.map {
        TextCanvas.colored(String(repeating: fill($0), count: 2), $0.ink.color, color) + " "
          + TerminalText.cut(TerminalText.line($0.label, unicode: unicode), to: width - 3, unicode: unicode)
      }
    }
    let axis = scene.yAxis(count: 5)
    let names = min(entries.map { TerminalText.width($0.name) }.max() ?? 0, width / 3)
    // A narrow screen keeps the numbers and gives up their intervals.
    let longest = entries.map { number($0, withInterval: true).count }.max() ?? 0
    let values = entries.map { number($0, withInterval: width - names - 3 - longest >= 8) }
    let columns = max(width - names - 3 - (values.map(\.count).max() ?? 0), 4)
    for (entry, value) in zip(entries, values) {
      let name = TerminalText.cut(entry.name, to: names, unicode: unicode)
      lines.append(
        TerminalText.padded(name, to: names) + " " + (unicode ? "│" : "|") + bar(entry, axis, columns, rules)
          + " "
          + value)
    }
    if entries.isEmpty { lines.append("no data") }
    for rule in rules {
      if let value = rule.rule {
        lines.append(
          cut("\(unicode ? "┆" : ":") \(rule.label.isEmpty ? "line" : rule.label) \(brief(value))"))
      }
    }
    for label in [figure.ylabel, figure.xlabel] where !label.isEmpty { lines.append(cut(label)) }
    return lines
      + scene.noteLines.flatMap {
        TerminalText.wrapped(TerminalText.line($0, unicode: unicode), to: width, unicode: unicode)
      }
  }

  private func cut(_ text: String) -> String {
    TerminalText.cut(TerminalText.line(text, unicode: unicode), to: width, unicode: unicode)
  }

  /// Bars in the order of their names, the series of one name together.
  private func entries() -> [Entry] {
    scene.categories.enumerated().flatMap { i, name -> [Entry] in
      var first = true
      return scene.layers.flatMap { layer in
        layer.boxes.filter { Int($0.center.rounded()) == i + 1 }.map { box in
          let error = layer.whiskers.first { abs($0.point.x - box.center) < 1e-9 }?.y
          defer { first = false }
          return Entry(
            name: first ? TerminalText.line(name, unicode: unicode) : "", value: box.height, error: error,
            layer: layer)
        }
      }
    }
  }

  private func number(_ entry: Entry, withInterval: Bool) -> String {
    let value = brief(entry.value)
    guard withInterval, let error = entry.error else { return value }
    return "\(value) [\(brief(error.lower)), \(brief(error.upper))]"
  }

  private func fill(_ layer: Scene.Layer) -> Character {
    let bars = scene.layers.filter { $0.kind == .bars }
    let index = bars.firstIndex { $0.label == layer.label } ?? 0
    let signs: [Character] = unicode ? ["█", "▒", "▓", "░"] : ["#", "=", "+", "o"]
    return signs[index % signs.count]
  }

  private func bar(_ entry: Entry, _ axis: Axis, _ columns: Int, _ rules: [Scene.Layer]) -> String {
    func place(_ value: Double) -> Int { Int((min(max(axis.unit(value), 0), 1) * Double(columns)).rounded()) }
    var cells = [Character](repeating: " ", count: columns)
    let (from, to) = (min(place(0), place(entry.value)), max(place(0), place(entry.value)))
    for i in from..<to { cells[i] = fill(entry.layer) }
    for rule in rules {
      if let value = rule.rule, axis.contains(value) {
        cells[min(place(value), columns - 1)] = unicode ? "┆" : ":"
      }
    }
    if let error = entry.error {
      let (low, high) = (place(error.lower), min(place(error.upper), columns - 1))
      for i in stride(from: min(low, high), through: high, by: 1) { cells[i] = unicode ? "─" : "-" }
      cells[min(max(place(entry.value) - 1, 0), columns - 1)] = unicode ? "┼" : "+"
    }
    return TextCanvas.colored(String(cells), entry.layer.ink.color, color)
  }
}
