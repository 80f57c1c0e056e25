/// Text as a terminal shows it: how many columns it takes, and pure ASCII where nothing else can be shown.

public enum TerminalText {
  /// ASCII for characters that labels of this field contain; others become `?`.
  private static let ascii: [Character: String] = [
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "eps", "θ": "theta", "λ": "lambda", "μ": "mu",
    "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "Δ": "Delta", "±": "+/-", "×": "x", "·": ".", "…": "...",
    "–": "-", "—": "-", "−": "-", "≤": "<=", "≥": ">=", "≈": "~", "→": "->", "’": "'", "‘": "'", "“": "\"",
    "”": "\"", "²": "^2", "³": "^3", "₀": "0", "₁": "1", "₂": "2", "⁺": "+", "⁻": "-", "∞": "inf",
    "√": "sqrt",
    "é": "e", "è": "e", "ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ç": "c", "ã": "a", "\u{A0}": " ",
  ]

  /// One line without control characters; ASCII only unless `unicode`.
  static func line(_ text: String, unicode: Bool) -> String {
    var result = ""
    for character in text {
      if character.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) {
        result += " "
      } else if unicode || character.isASCII {
        result.append(character)
      } else {
        result += ascii[character] ?? "?"
      }
    }
    return result
  }

  /// Terminal columns of a text: two for East Asian and emoji, none for marks that join the letter before.
  public static func width(_ text: String) -> Int { text.reduce(0) { $0 + width($1) } }

  static func width(_ character: Character) -> Int {
    guard let scalar = character.unicodeScalars.first else { return 0 }
    if scalar.isASCII { return 1 }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format, .control: return 0
    default: break
    }
    if scalar.properties.isEmojiPresentation { return 2 }
    if character.unicodeScalars.contains("\u{FE0F}") { return 2 }
    switch scalar.value {
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
      0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x20000...0x3FFFD:
      return 2
    default: return 1
    }
  }

  /// The text, cut with a sign of the cut when wider than `columns`.
  public static func cut(_ text: String, to columns: Int, unicode: Bool) -> String {
    if width(text) <= columns { return text }
    let sign = unicode ? "…" : "~"
    var (result, used) = ("", 1)
    for character in text {
      used += width(character)
      if used > columns { break }
      result.append(character)
    }
    return columns < 1 ? "" : result + sign
  }

  static func padded(_ text: String, to columns: Int) -> String {
    text + String(repeating: " ", count: max(0, columns - width(text)))
  }

  static func paddedLeft(_ text: String, to columns: Int) -> String {
    String(repeating: " ", count: max(0, columns - width(text))) + text
  }

  /// Lines of at most `columns`, broken between words.
  static func wrapped(_ text: String, to columns: Int, unicode: Bool) -> [String] {
    var lines: [String] = []
    for word in text.split(separator: " ") {
      if let last = lines.last, width(last) + 1 + width(String(word)) <= columns {
        lines[lines.count - 1] = last + " " + word
      } else {
        lines.append(cut(String(word), to: columns, unicode: unicode))
      }
    }
    return lines
  }
}
