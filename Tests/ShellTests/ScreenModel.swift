/// A small model of a terminal: what its screen shows after some output, with colours dropped.
///
/// Wrapping is that of xterm: a character in the last column leaves the cursor there until the next one comes.
import Foundation

struct ScreenModel {
  private(set) var rows: [[String]]
  private(set) var cursor = (row: 0, column: 0)
  /// The rows that have left the screen at its top.
  private(set) var scrolled: [String] = []
  let columns: Int
  private var wrapsNext = false
  private var pending: [UInt8] = []

  init(rows: Int, columns: Int) {
    self.rows = Array(repeating: Array(repeating: " ", count: columns), count: rows)
    self.columns = columns
  }

  /// The rows without blanks at their ends, down to the last that is not empty.
  var lines: [String] {
    var lines = rows.map(Self.text)
    while lines.last == "" { lines.removeLast() }
    return lines
  }

  private static func text(_ row: [String]) -> String {
    var text = row.joined()
    while text.last == " " { text.removeLast() }
    return text
  }

  mutating func write(_ bytes: [UInt8]) {
    pending += bytes
    var i = 0
    while i < pending.count {
      guard let length = unit(at: i) else { break }
      take(Array(pending[i..<i + length]))
      i += length
    }
    pending.removeFirst(i)
  }

  /// The length of the sequence or character at `i`; nil if its end has not come.
  private func unit(at i: Int) -> Int? {
    if pending[i] == 27 {
      guard i + 1 < pending.count else { return nil }
      if pending[i + 1] != UInt8(ascii: "[") { return 2 }
      return pending[(i + 2)...].firstIndex { (64...126).contains($0) }.map { $0 - i + 1 }
    }
    let length = pending[i] < 0x80 ? 1 : pending[i] < 0xE0 ? 2 : pending[i] < 0xF0 ? 3 : 4
    return i + length <= pending.count ? length : nil
  }

  private mutating func take(_ unit: [UInt8]) {
    if unit[0] == 27 { return control(unit) }
    switch unit[0] {
    case 13: (cursor.column, wrapsNext) = (0, false)
    case 10:
      wrapsNext = false
      if cursor.row < rows.count - 1 { cursor.row += 1 } else { scroll() }
    case 8: (cursor.column, wrapsNext) = (max(cursor.column - 1, 0), false)
    case 7: break
    default: put(String(decoding: unit, as: UTF8.self))
    }
  }

  private mutating func scroll() {
    scrolled.append(Self.text(rows.removeFirst()))
    rows.append(Array(repeating: " ", count: columns))
  }

  /// Columns: two for East Asian and pictures, none for accents that combine.
  static func width(_ scalar: UInt32) -> Int {
    switch scalar {
    case 0x300...0x36F: return 0
    case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xFF00...0xFF60, 0x1F300...0x1FAFF: return 2
    default: return 1
    }
  }

  private mutating func put(_ character: String) {
    let width = character.unicodeScalars.first.map { Self.width($0.value) } ?? 1
    if width == 0 {
      rows[cursor.row][wrapsNext ? cursor.column : max(cursor.column - 1, 0)] += character
      return
    }
    if wrapsNext || cursor.column + width > columns {
      take([13])
      take([10])
    }
    rows[cursor.row][cursor.column] = character
    if width == 2, cursor.column + 1 < columns { rows[cursor.row][cursor.column + 1] = "" }
    if cursor.column + width >= columns {
      (cursor.column, wrapsNext) = (columns - 1, true)
    } else {
      cursor.column += width
    }
  }

  private mutating func control(_ unit: [UInt8]) {
    let count = Int(String(decoding: unit.dropFirst(2).dropLast(), as: UTF8.self))
    switch unit.last.map({ Character(Unicode.Scalar($0)) }) {
    case "A": cursor.row = max(cursor.row - (count ?? 1), 0)
    case "B": cursor.row = min(cursor.row + (count ?? 1), rows.count - 1)
    case "C": cursor.column = min(cursor.column + (count ?? 1), columns - 1)
    case "H": cursor = (0, 0)
    case "K": erase(cursor.row, from: cursor.column)
    case "J":
      erase(cursor.row, from: count == 2 ? 0 : cursor.column)
      for row in (count == 2 ? 0 : cursor.row + 1)..<rows.count { erase(row, from: 0) }
    default: return
    }
    wrapsNext = false
  }

  private mutating func erase(_ row: Int, from column: Int) {
    for i in column..<max(columns, column) { rows[row][i] = " " }
  }
}
