/// The grid of characters on which a text plot is drawn.
///
/// Lines are drawn in dots: in Unicode a cell has 2 x 4 of them, shown as one braille character; in ASCII one, shown as
/// the sign of the series. Signs lie in layers, so that a marker is never hidden by a line, whichever was drawn first.

struct TextCanvas {
  let columns: Int
  let rows: Int
  let unicode: Bool
  private var cells: [Cell]

  /// What lies above what.
  enum Depth: Int { case empty, shade, rule, scatter, line, whisker, marker }

  private struct Cell {
    var character: Character = " "
    var depth = Depth.empty
    var color: RGB?
    var dots: UInt8 = 0
  }

  init(columns: Int, rows: Int, unicode: Bool) {
    self.columns = columns
    self.rows = rows
    self.unicode = unicode
    cells = Array(repeating: Cell(), count: columns * rows)
  }

  /// Dots in each direction.
  var dotColumns: Int { unicode ? columns * 2 : columns }
  var dotRows: Int { unicode ? rows * 4 : rows }

  /// The column of a share of the width, and the row (from the top) of a share of the height.
  func column(_ x: Double) -> Int { dot(x, dotColumns) / (unicode ? 2 : 1) }
  func row(_ y: Double) -> Int { (dotRows - 1 - dot(y, dotRows)) / (unicode ? 4 : 1) }

  private func dot(_ share: Double, _ count: Int) -> Int {
    Int((min(max(share, 0), 1) * Double(count - 1)).rounded())
  }

  /// Puts a sign unless something nearer is there.
  mutating func put(_ character: Character, column: Int, row: Int, depth: Depth, color: RGB?) {
    guard (0..<columns).contains(column), (0..<rows).contains(row) else { return }
    let i = row * columns + column
    guard depth.rawValue >= cells[i].depth.rawValue else { return }
    cells[i].character = character
    cells[i].depth = depth
    cells[i].color = color
    cells[i].dots = 0
  }

  /// Draws a line, given in shares of the sides and cut to the frame. In ASCII it is made of `sign`.
  mutating func draw(_ line: [Point], sign: Character, style: LineStyle, color: RGB?) {
    var walked = 0
    for piece in clipped(line) {
      if piece.count == 1 { set(dot(piece[0].x, dotColumns), dot(piece[0].y, dotRows), sign, color) }
      for (a, b) in zip(piece, piece.dropFirst()) {
        let (x0, y0) = (dot(a.x, dotColumns), dot(a.y, dotRows))
        let (x1, y1) = (dot(b.x, dotColumns), dot(b.y, dotRows))
        let steps = max(abs(x1 - x0), abs(y1 - y0), 1)
        for step in 0...steps {
          if isOn(walked, style) {
            let share = Double(step) / Double(steps)
            set(
              x0 + Int((Double(x1 - x0) * share).rounded()), y0 + Int((Double(y1 - y0) * share).rounded()),
              sign, color)
          }
          if step < steps { walked += 1 }
        }
      }
    }
  }

  /// Whether the dot at this distance along a line is drawn.
  private func isOn(_ walked: Int, _ style: LineStyle) -> Bool {
    switch style {
    case .solid: return true
    case .dashed: return unicode ? walked % 6 < 3 : walked % 4 < 2
    case .dotted: return unicode ? walked % 3 == 0 : walked % 3 == 0
    case .none: return false
    }
  }

  private mutating func set(_ x: Int, _ y: Int, _ sign: Character, _ color: RGB?) {
    guard unicode else { return put(sign, column: x, row: rows - 1 - y, depth: .line, color: color) }
    let fromTop = dotRows - 1 - y
    let i = fromTop / 4 * columns + x / 2
    guard (0..<cells.count).contains(i), cells[i].depth.rawValue <= Depth.line.rawValue else { return }
    // The bits of a braille character, by column and row inside the cell.
    let bits: [[UInt8]] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]]
    cells[i].depth = .line
    cells[i].character = " "
    cells[i].dots |= bits[x % 2][fromTop % 4]
    cells[i].color = color
  }

  /// The rows from the top, without spaces at their ends; colour codes only if `color`.
  func lines(color: Bool) -> [String] {
    (0..<rows).map { row in
      var (line, pending, current) = ("", "", nil as RGB?)
      for cell in cells[row * columns..<(row + 1) * columns] {
        let character =
          cell.dots == 0 ? cell.character : Character(Unicode.Scalar(0x2800 + UInt32(cell.dots)) ?? " ")
        let wanted = color && character != " " ? cell.color : nil
        if wanted != current {
          if current != nil { line += TextCanvas.reset }
          line += pending
          pending = ""
          if let wanted { line += TextCanvas.start(wanted) }
          current = wanted
        }
        if character == " " {
          pending += " "
        } else {
          line += pending
          pending = ""
          line.append(character)
        }
      }
      return current == nil ? line : line + TextCanvas.reset
    }
  }

  static let reset = "\u{1B}[0m"
  static func start(_ color: RGB) -> String { "\u{1B}[38;5;\(color.terminalCode)m" }

  /// The text in colour, if colour is wanted.
  static func colored(_ text: String, _ color: RGB, _ isWanted: Bool) -> String {
    isWanted ? start(color) + text + reset : text
  }
}
