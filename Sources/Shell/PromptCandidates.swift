/// The list of candidates below an entry: in columns, or one a line with what is told of each.
enum PromptCandidates {
  /// At most `rows` lines of less than `columns` columns; the last says how many candidates were left out.
  static func lines(
    _ list: [PromptEditor.Candidate], rows: Int, columns: Int, width: (UInt32) -> Int = { _ in 1 }
  ) -> [String] {
    func columnsOf(_ text: String) -> Int {
      text.unicodeScalars.reduce(0) { $0 + ($1.isASCII ? 1 : max(width($1.value), 0)) }
    }
    func padded(_ text: String, to count: Int) -> String {
      text + String(repeating: " ", count: max(count - columnsOf(text), 0))
    }
    func cut(_ text: String) -> String {
      var result = "", used = 0
      for scalar in text.unicodeScalars {
        used += scalar.isASCII ? 1 : max(width(scalar.value), 0)
        if used >= columns { break }
        result.unicodeScalars.append(scalar)
      }
      return result
    }
    let longest = list.map { columnsOf($0.label) }.max() ?? 0
    var lines: [String] = []
    if list.contains(where: { !$0.detail.isEmpty }) {
      lines = list.map { padded($0.label, to: longest) + "  " + $0.detail }
    } else {
      // Down the columns, as ls does.
      let across = max(columns / (longest + 2), 1)
      let down = (list.count + across - 1) / across
      lines = (0..<down).map { row in
        stride(from: row, to: list.count, by: down).map { padded(list[$0].label, to: longest) }
          .joined(separator: "  ")
      }
    }
    if lines.count > rows {
      let kept = max(rows - 1, 0)
      let left = list.count * (lines.count - kept) / lines.count
      lines = lines[..<kept] + ["... \(left) more"]
    }
    return lines.map { line in
      var end = line.endIndex
      while end > line.startIndex, line[line.index(before: end)] == " " { end = line.index(before: end) }
      return cut(String(line[..<end]))
    }
  }
}
