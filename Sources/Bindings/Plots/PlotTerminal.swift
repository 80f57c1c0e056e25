/// What the terminal can show: its width, its letters, its colours.
import Foundation

enum PlotTerminal {
  private static func variable(_ name: String) -> String? {
    let text = ProcessInfo.processInfo.environment[name] ?? ""
    return text.isEmpty ? nil : text
  }

  /// `$COLUMNS`; else what a terminal says of itself; else 80.
  static var columns: Int {
    if let given = variable("COLUMNS").flatMap(Int.init), given > 0 { return given }
    var size = winsize()
    if isTerminal, ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 {
      return Int(size.ws_col)
    }
    return 80
  }

  /// Whether the locale writes UTF-8, from the first of the variables that is set.
  static var isUnicode: Bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap(variable).first ?? "C"
    let text = locale.lowercased()
    return text.contains("utf-8") || text.contains("utf8")
  }

  static var isTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

  /// Only on a terminal, unless `$NO_COLOR` says otherwise.
  static var hasColor: Bool { isTerminal && variable("NO_COLOR") == nil && variable("TERM") != "dumb" }
}
