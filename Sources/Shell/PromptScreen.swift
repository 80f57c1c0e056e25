/// Brings the prompt on the screen from one layout to the next with few bytes: only rows that differ are written.
///
/// An entry higher than the screen is shown in part, around the cursor. Wrapped rows are left to the terminal, so
/// that it can wrap them again at another width.
///
///     var screen = PromptScreen()
///     write(screen.draw(layout, rows: 24, columns: 80))
struct PromptScreen {
  private var drawn: [PromptLayout.Row] = []
  /// The row of the layout that is the first one drawn.
  private var top = 0
  /// Where the terminal's cursor is, from the first row drawn.
  private var at = (row: 0, column: 0)
  private var columns = 0
  private var output: [UInt8] = []

  /// The bytes that make the screen show the layout.
  mutating func draw(_ layout: PromptLayout, rows height: Int, columns: Int) -> [UInt8] {
    if columns != self.columns { startOver(layout, height, columns) }
    self.columns = columns
    let visible = min(layout.rows.count, max(height, 1))
    top = min(max(min(top, layout.cursor.row), layout.cursor.row - visible + 1), layout.rows.count - visible)
    write(Array(layout.rows[top..<top + visible]))
    move(toRow: layout.cursor.row - top, column: layout.cursor.column)
    return take()
  }

  /// The bytes that show the whole layout, followed by `mark`, and leave the cursor on a new row.
  mutating func leave(_ layout: PromptLayout, mark: String = "", rows height: Int, columns: Int) -> [UInt8] {
    if columns != self.columns || layout.rows.count > height { startOver(layout, height, columns) }
    self.columns = columns
    top = 0
    write(layout.rows)
    let last = layout.rows[layout.rows.count - 1]
    move(toRow: layout.rows.count - 1, column: last.columns)
    output += mark.utf8
    // A row that was full has already begun another.
    if !last.isWrapped || last.columns > 0 || !mark.isEmpty { output += Array("\r\n".utf8) }
    forget()
    return take()
  }

  /// The cursor is on an empty row: nothing is drawn.
  mutating func forget() {
    drawn = []
    at = (0, 0)
    top = 0
  }

  private mutating func take() -> [UInt8] {
    defer { output = [] }
    return output
  }

  /// Erases what is drawn. After a change of the width the terminal has wrapped the text again, as the layout
  /// does; the cursor kept its place in the text.
  private mutating func startOver(_ layout: PromptLayout, _ height: Int, _ columns: Int) {
    if drawn.isEmpty { return }
    let wrapped = min(layout.cursor.row - min(top, layout.cursor.row), max(height - 1, 0))
    escape(columns == self.columns ? at.row : wrapped, "A")
    output += Array("\r\u{1B}[J".utf8)
    drawn = []
    at = (0, 0)
  }

  /// Writes the rows that differ from the drawn ones, and erases what is below them.
  private mutating func write(_ rows: [PromptLayout.Row]) {
    for (i, row) in rows.enumerated() where i >= drawn.count || drawn[i] != row {
      let follows = i > 0 && at == (i - 1, columns) && row.isWrapped
      if !follows {
        move(toRow: i, column: 0)
      } else if row.columns == 0 {
        output += Array(" \r".utf8)  // the space makes the terminal wrap
      }
      output += row.bytes
      if row.columns < columns { output += Array("\u{1B}[K".utf8) }
      at = (i, row.columns)
    }
    if drawn.count > rows.count {
      move(toRow: rows.count, column: 0)
      output += Array("\u{1B}[J".utf8)
    }
    drawn = rows
  }

  private mutating func move(toRow row: Int, column: Int) {
    if at == (row, column) { return }
    if row > at.row {
      output += [UInt8](repeating: 10, count: row - at.row)  // unlike a movement, scrolls
    }
    escape(at.row - row, "A")
    output.append(13)
    escape(column, "C")
    at = (row, column)
  }

  private mutating func escape(_ count: Int, _ letter: Character) {
    if count > 0 { output += Array("\u{1B}[\(count)\(letter)".utf8) }
  }
}
