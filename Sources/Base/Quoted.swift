/// Text from outside inside a message: control characters become escapes, long text is cut.
///
/// A name in a file may hold an escape sequence that would reach the terminal, or be megabytes long.
public enum Quoted {
  private static let longest = 80

  /// At most 80 characters of `text`, printable.
  ///
  ///     Quoted.name("a\u{1B}[2J")      // a\u{1b}[2J
  public static func name<S: StringProtocol>(_ text: S) -> String {
    var out = ""
    for scalar in text.unicodeScalars.prefix(longest) {
      switch scalar.properties.generalCategory {
      case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
        out += "\\u{\(String(scalar.value, radix: 16))}"
      default: out.unicodeScalars.append(scalar)
      }
    }
    return text.unicodeScalars.dropFirst(longest).isEmpty ? out : out + "..."
  }
}
