/// What the terminal can show: its width, its characters, its colours.
public enum Terminal {
  /// A variable of the environment; nil if it is unset or empty.
  public static func variable(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
  }

  /// `$COLUMNS`; else the width that the terminal reports; else 80.
  public static var columns: Int {
    if let given = variable("COLUMNS").flatMap(Int.init), given > 0 { return given }
    return window.map { Int($0.ws_col) }.flatMap { $0 > 0 ? $0 : nil } ?? 80
  }

  /// `$LINES`; else the height that the terminal reports; else 24.
  public static var rows: Int {
    if let given = variable("LINES").flatMap(Int.init), given > 0 { return given }
    return window.map { Int($0.ws_row) }.flatMap { $0 > 0 ? $0 : nil } ?? 24
  }

  /// The size of a cell in pixels, if the terminal reports it.
  public static var cell: (width: Int, height: Int)? {
    guard let size = window, size.ws_col > 0, size.ws_row > 0 else { return nil }
    let (width, height) = (Int(size.ws_xpixel / size.ws_col), Int(size.ws_ypixel / size.ws_row))
    return width > 1 && height > 1 ? (width, height) : nil
  }

  private static var window: winsize? {
    var size = winsize()
    return isTerminal && ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 ? size : nil
  }

  /// `$TERM`, or "dumb".
  public static var name: String { variable("TERM") ?? "dumb" }

  /// True if the locale's encoding is UTF-8: the first variable that is set decides, as in the C library.
  public static var isUnicode: Bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap(variable).first ?? "C"
    let text = locale.lowercased()
    return text.contains("utf-8") || text.contains("utf8")
  }

  /// True if standard output is a terminal.
  public static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

  /// True on a terminal, unless `$NO_COLOR` is set or `$TERM` is "dumb". See https://no-color.org.
  public static var hasColor: Bool { isTerminal && variable("NO_COLOR") == nil && variable("TERM") != "dumb" }
}
