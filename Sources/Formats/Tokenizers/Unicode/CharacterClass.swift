/// Classes of characters as the parts of `tokenizers` see them.
enum CharacterClass {
  private static func has(_ value: UInt32, _ bits: UInt64) -> Bool { ScalarProperties.of(value) & bits != 0 }

  @Sendable static func isWhitespace(_ value: UInt32) -> Bool { has(value, ScalarProperties.whiteSpace) }

  /// `\w` of Rust's regular expressions.
  @Sendable static func isWord(_ value: UInt32) -> Bool { has(value, ScalarProperties.rustWord) }

  @Sendable static func isNumeric(_ value: UInt32) -> Bool { has(value, ScalarProperties.rustNumeric) }

  @Sendable static func isPunctuation(_ value: UInt32) -> Bool { has(value, ScalarProperties.oldPunctuation) }

  static func isNonspacingMark(_ value: UInt32) -> Bool { has(value, ScalarProperties.oldNonspacingMark) }

  static func isCombiningMark(_ value: UInt32) -> Bool { has(value, ScalarProperties.oldCombiningMark) }

  /// What BERT's cleaning takes away: controls but the three that are white space, and U+FFFD.
  static func bertRemoves(_ value: UInt32) -> Bool {
    if value == 9 || value == 10 || value == 13 { return false }
    return value == 0xFFFD || has(value, ScalarProperties.oldOther)
  }

  /// The ideographs that BERT puts spaces around.
  static func isChinese(_ value: UInt32) -> Bool {
    switch value {
    case 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0x20000...0x2A6DF, 0x2A700...0x2B73F,
      0x2B740...0x2B81F, 0x2B920...0x2CEAF, 0x2F800...0x2FA1F:
      return true
    default: return false
    }
  }

  static func nmtRemoves(_ value: UInt32) -> Bool {
    switch value {
    case 1...8, 0xB, 0xE...0x1F, 0x7F, 0x8F, 0x9F: return true
    default: return false
    }
  }

  static func nmtTakesForSpace(_ value: UInt32) -> Bool {
    switch value {
    case 9, 0xA, 0xC, 0xD, 0x1680, 0x200B...0x200F, 0x2028, 0x2029, 0x2581, 0xFEFF, 0xFFFD: return true
    default: return false
    }
  }
}
