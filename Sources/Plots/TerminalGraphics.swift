/// How figures are drawn in this terminal: as pictures where it can show them, else as braille, else as letters.
import Base

public enum TerminalGraphics {
  /// What a script can ask for.
  public enum Mode: String, CaseIterable, Sendable {
    /// As the environment's PERILUNE_GRAPHICS says, else what the terminal answers, else by the locale.
    case auto
    case kitty, sixel, iterm
    case braille, letters
  }

  /// How a figure is drawn.
  public enum Way: Equatable, Sendable {
    case picture(GraphicsProtocol), text(unicode: Bool)
  }

  nonisolated(unsafe) public static var mode = Mode.auto

  /// The way for the next figure. Output that is no terminal gets text. Throws a `Failure` where PERILUNE_GRAPHICS is no
  /// mode, and where pictures are asked for that cannot be drawn.
  public static func way() throws -> Way {
    let asked = try mode == .auto ? fromEnvironment() : mode
    let text = Way.text(unicode: Terminal.isUnicode)
    switch asked {
    case .letters: return .text(unicode: false)
    case .braille: return .text(unicode: true)
    case .auto:
      guard Terminal.isTerminal, Picture.isPossible, let answers = TerminalQuestion.answered() else {
        return text
      }
      if answers.hasKitty { return .picture(.kitty) }
      if answers.hasIterm || isIterm { return .picture(.iterm) }
      return answers.hasSixel ? .picture(.sixel) : text
    case .kitty, .sixel, .iterm:
      guard Terminal.isTerminal, let known = GraphicsProtocol(rawValue: asked.rawValue) else { return text }
      try Picture.check()
      if Terminal.cell == nil { _ = TerminalQuestion.answered() }
      return .picture(known)
    }
  }

  /// Older versions of iTerm2 only name themselves in the environment, which tmux passes on and is no iTerm2.
  private static var isIterm: Bool {
    Terminal.variable("TERM_PROGRAM") == "iTerm.app" && Terminal.variable("TMUX") == nil
  }

  /// Whether text may hold braille: without asking the terminal.
  public static var isUnicode: Bool {
    switch mode == .auto ? (try? fromEnvironment()) ?? .auto : mode {
    case .letters: return false
    case .braille: return true
    default: return Terminal.isUnicode
    }
  }

  private static func fromEnvironment() throws -> Mode {
    guard let text = Terminal.variable("PERILUNE_GRAPHICS") else { return .auto }
    if let mode = Mode(rawValue: text.lowercased()) { return mode }
    let known = Mode.allCases.map(\.rawValue).joined(separator: ", ")
    throw Failure(.value, "PERILUNE_GRAPHICS must be one of \(known), not '\(text)'")
  }

  // MARK: Drawing

  /// The cell of a terminal that does not say how large it is.
  private static let usualCell = (width: 10, height: 20)

  /// Pixels of the terminal for a pixel of a figure: letters of a figure are about as large as those of the terminal.
  private static func density(_ cell: (width: Int, height: Int)) -> Double {
    min(max((Double(cell.height) / 18 * 2).rounded() / 2, 1), 4)
  }

  /// The largest picture, in cells. The prompt keeps its line.
  private static var room: (columns: Int, rows: Int) { (max(Terminal.columns, 1), max(Terminal.rows - 2, 1)) }

  /// A figure as bytes for the terminal and the lines that they take; nil where the terminal is too small for it. A figure
  /// wider or higher than the terminal is laid out anew.
  public static func escape(
    _ figure: Figure, by way: GraphicsProtocol, number: Int = 0, rowsMax: Int? = nil
  ) throws -> (bytes: [UInt8], rows: Int)? {
    let cell = TerminalQuestion.cell ?? usualCell
    let density = density(cell)
    func cells(_ pixels: Int, _ cell: Int, most: Int) -> Int {
      min(max(Int((Double(pixels) * density / Double(cell)).rounded()), 1), most)
    }
    let columns = cells(figure.width, cell.width, most: room.columns)
    let rows = cells(figure.height, cell.height, most: min(rowsMax ?? .max, room.rows))
    var fitted = figure
    fitted.width = Int(Double(columns * cell.width) / density)
    fitted.height = Int(Double(rows * cell.height) / density)
    guard fitted.width >= 160, fitted.height >= 120 else { return nil }
    let picture = try Picture(svg: fitted.renderSVG())
    let place = TerminalPlacement(columns: columns, rows: rows, number: number)
    return (try TerminalPicture.escape(picture, scale: density, by: way, at: place), rows)
  }

  /// Any SVG as bytes for the terminal, made smaller where it is larger than the terminal.
  public static func escape(svg: String, by way: GraphicsProtocol) throws -> [UInt8] {
    let cell = TerminalQuestion.cell ?? usualCell
    let picture = try Picture(svg: svg)
    let wide = Double(room.columns * cell.width) / picture.width
    let high = Double(room.rows * cell.height) / picture.height
    let scale = min(density(cell), wide, high)
    let place = TerminalPlacement(
      columns: Int((picture.width * scale / Double(cell.width)).rounded(.up)),
      rows: Int((picture.height * scale / Double(cell.height)).rounded(.up)))
    return try TerminalPicture.escape(picture, scale: scale, by: way, at: place)
  }
}
