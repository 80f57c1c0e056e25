/// What the terminal can show: its width, its characters, its colours.
public enum Terminal {
  private static func variable(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
  }

  /// `$COLUMNS`; else the width that the terminal reports; else 80.
  public static var columns: Int {
    if let given = variable("COLUMNS").flatMap(Int.init), given > 0 { return given }
    var size = winsize()
    if isTerminal, ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 {
      return Int(size.ws_col)
    }
    return 80
  }

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
