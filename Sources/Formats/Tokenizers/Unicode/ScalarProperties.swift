/// What the Unicode database says of a scalar, as bits.
///
/// `tokenizers` 0.23 stands on libraries of different Unicode versions: its regular expressions have 16.0, its
/// tests of numbers 17.0, of punctuation and nonspacing marks 8.0, of combining marks 9.0. Swift's tables are
/// of 17.0 and say since which version a character is there, so that each of them follows from one table; the
/// few characters whose category has changed since are corrected by name.
enum ScalarProperties {
  /// `\w` of Oniguruma.
  static let word: UInt64 = 1 << 30
  static let whiteSpace: UInt64 = 1 << 31
  /// What the other libraries below `tokenizers` say.
  static let rustWord: UInt64 = 1 << 32
  static let rustNumeric: UInt64 = 1 << 33
  static let oldPunctuation: UInt64 = 1 << 34
  static let oldNonspacingMark: UInt64 = 1 << 35
  static let oldOther: UInt64 = 1 << 36
  static let oldCombiningMark: UInt64 = 1 << 37
  static let letter = mask([
    .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
  ])
  static let mark = mask([.nonspacingMark, .spacingMark, .enclosingMark])
  static let number = mask([.decimalNumber, .letterNumber, .otherNumber])
  static let punctuation = mask([
    .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
    .finalPunctuation, .otherPunctuation,
  ])
  static let symbol = mask([.mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol])
  static let separator = mask([.spaceSeparator, .lineSeparator, .paragraphSeparator])
  static let other = mask([.control, .format, .surrogate, .privateUse, .unassigned])

  /// The classes of `\p{...}`: groups and single categories by their short names.
  static let named: [String: UInt64] = [
    "L": letter, "M": mark, "N": number, "P": punctuation, "S": symbol, "Z": separator, "C": other,
    "Lu": mask([.uppercaseLetter]), "Ll": mask([.lowercaseLetter]), "Lt": mask([.titlecaseLetter]),
    "Lm": mask([.modifierLetter]), "Lo": mask([.otherLetter]), "Mn": mask([.nonspacingMark]),
    "Mc": mask([.spacingMark]), "Me": mask([.enclosingMark]), "Nd": mask([.decimalNumber]),
    "Nl": mask([.letterNumber]), "No": mask([.otherNumber]), "Pc": mask([.connectorPunctuation]),
    "Pd": mask([.dashPunctuation]), "Ps": mask([.openPunctuation]), "Pe": mask([.closePunctuation]),
    "Pi": mask([.initialPunctuation]), "Pf": mask([.finalPunctuation]), "Po": mask([.otherPunctuation]),
    "Sm": mask([.mathSymbol]), "Sc": mask([.currencySymbol]), "Sk": mask([.modifierSymbol]),
    "So": mask([.otherSymbol]), "Zs": mask([.spaceSeparator]), "Zl": mask([.lineSeparator]),
    "Zp": mask([.paragraphSeparator]), "Cc": mask([.control]), "Cf": mask([.format]),
    "Co": mask([.privateUse]), "Cn": mask([.unassigned]),
  ]

  private static func mask(_ categories: [Unicode.GeneralCategory]) -> UInt64 {
    categories.reduce(0) { $0 | bit($1) }
  }

  /// A switch, because a search among the categories calls their comparison for each.
  private static func bit(_ category: Unicode.GeneralCategory) -> UInt64 {
    switch category {
    case .uppercaseLetter: 1 << 0
    case .lowercaseLetter: 1 << 1
    case .titlecaseLetter: 1 << 2
    case .modifierLetter: 1 << 3
    case .otherLetter: 1 << 4
    case .nonspacingMark: 1 << 5
    case .spacingMark: 1 << 6
    case .enclosingMark: 1 << 7
    case .decimalNumber: 1 << 8
    case .letterNumber: 1 << 9
    case .otherNumber: 1 << 10
    case .connectorPunctuation: 1 << 11
    case .dashPunctuation: 1 << 12
    case .openPunctuation: 1 << 13
    case .closePunctuation: 1 << 14
    case .initialPunctuation: 1 << 15
    case .finalPunctuation: 1 << 16
    case .otherPunctuation: 1 << 17
    case .mathSymbol: 1 << 18
    case .currencySymbol: 1 << 19
    case .modifierSymbol: 1 << 20
    case .otherSymbol: 1 << 21
    case .spaceSeparator: 1 << 22
    case .lineSeparator: 1 << 23
    case .paragraphSeparator: 1 << 24
    case .control: 1 << 25
    case .format: 1 << 26
    case .surrogate: 1 << 27
    case .privateUse: 1 << 28
    case .unassigned: unassigned
    @unknown default: unassigned
    }
  }

  private static let unassigned: UInt64 = 1 << 29

  /// The bits of the basic plane.
  private static let basicPlane: [UInt64] = (0..<0x10000).map { look($0) }

  static func of(_ value: UInt32) -> UInt64 {
    value < 0x10000 ? basicPlane[Int(value)] : look(value)
  }

  private static func look(_ value: UInt32) -> UInt64 {
    guard let properties = Unicode.Scalar(value)?.properties else { return 0 }
    let age = properties.age.map { 10 * $0.major + $0.minor } ?? Int.max
    let newest = bit(properties.generalCategory)
    let category = age <= 160 ? newest : bit(.unassigned)
    var bits = category | (properties.isWhitespace ? whiteSpace : 0)
    let joinsWords = category & (mark | bit(.decimalNumber) | bit(.connectorPunctuation)) != 0
    if age <= 160 && (properties.isAlphabetic || joinsWords) { bits |= word | rustWord }
    // The superscripts and fractions of Latin-1 are words to Oniguruma, the joiners to Rust.
    if [0xB2, 0xB3, 0xB9, 0xBC, 0xBD, 0xBE].contains(value) { bits |= word }
    if value == 0x200C || value == 0x200D { bits |= rustWord }
    if newest & number != 0 { bits |= rustNumeric }
    if age <= 80 {
      if newest & punctuation != 0 { bits |= oldPunctuation }
      if newest & bit(.nonspacingMark) != 0 { bits |= oldNonspacingMark }
      if newest & (bit(.control) | bit(.format) | bit(.privateUse)) != 0 { bits |= oldOther }
    }
    if age <= 90 && newest & mark != 0 { bits |= oldCombiningMark }
    return corrected(value, bits)
  }

  /// Characters whose category has changed since the Unicode version of a library.
  private static func corrected(_ value: UInt32, _ bits: UInt64) -> UInt64 {
    switch value {
    case 0x295: return bits & ~bit(.otherLetter) | bit(.lowercaseLetter)
    case 0x166D: return bits | oldPunctuation
    case 0x1734, 0x1171E: return bits | oldNonspacingMark
    case 0x1885, 0x1886, 0xA9BD: return bits & ~oldNonspacingMark
    case 0x111C9: return (bits | oldPunctuation) & ~(oldNonspacingMark | oldCombiningMark)
    case 0x1CF2, 0x1CF3: return bits | oldCombiningMark
    default: return value < 0x80 && isASCIIPunctuation(value) ? bits | oldPunctuation : bits
    }
  }

  private static func isASCIIPunctuation(_ value: UInt32) -> Bool {
    (33...47).contains(value) || (58...64).contains(value) || (91...96).contains(value)
      || (123...126).contains(value)
  }
}
