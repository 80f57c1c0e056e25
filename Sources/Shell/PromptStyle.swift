/// The colours of an input as it is typed, from the palette of the terminal.
///
/// A pure function finds them: the tokens of Lua, the lines that are commands, and the bracket that belongs to the
/// one at the cursor.
import Session

enum PromptStyle: UInt8 {
  case plain, keyword, constant, string, comment, command, matching, error

  /// The sequence of the terminal that begins the style; that of `plain` ends any other.
  var escape: [UInt8] {
    switch self {
    case .plain: return Array("\u{1B}[0m".utf8)
    case .keyword: return Array("\u{1B}[35m".utf8)
    case .constant: return Array("\u{1B}[36m".utf8)
    case .string: return Array("\u{1B}[32m".utf8)
    case .comment: return Array("\u{1B}[90m".utf8)
    case .command: return Array("\u{1B}[33m".utf8)
    case .matching: return Array("\u{1B}[1;4;36m".utf8)
    case .error: return Array("\u{1B}[31m".utf8)
    }
  }

  private static let constants: Set<String> = ["false", "nil", "true"]

  /// The style of each byte of `text`, with the cursor before the byte at `point`.
  static func styles(of text: [UInt8], point: Int) -> [PromptStyle] {
    var styles = [PromptStyle](repeating: .plain, count: text.count)
    func set(_ range: Range<Int>, _ style: PromptStyle) { for i in range { styles[i] = style } }
    /// The open brackets, and for each bracket that is closed the place of the other.
    var open: [Int] = []
    var partner: [Int: Int] = [:]
    for token in LuaTokens(text) {
      switch token.kind {
      case .name:
        guard token.range.count <= 8 else { continue }
        let word = String(decoding: text[token.range], as: UTF8.self)
        if constants.contains(word) {
          set(token.range, .constant)
        } else if LuaTokens.keywords.contains(word) {
          set(token.range, .keyword)
        }
      case .number: set(token.range, .constant)
      case .string: set(token.range, .string)
      case .comment: set(token.range, .comment)
      case .command: set(token.range, .command)
      case .symbol:
        let i = token.range.lowerBound
        switch text[i] {
        case UInt8(ascii: "("), UInt8(ascii: "["), UInt8(ascii: "{"): open.append(i)
        case UInt8(ascii: ")"), UInt8(ascii: "]"), UInt8(ascii: "}"):
          // ASCII has "(" just before ")", and "[" and "{" two before theirs.
          if let last = open.last, (1...2).contains(Int(text[i]) - Int(text[last])) {
            open.removeLast()
            if [i, last].contains(point) || [i, last].contains(point - 1) {
              partner[i] = last
              partner[last] = i
            }
          } else {
            styles[i] = .error
          }
        default: break
        }
      }
    }
    if let other = partner[point] ?? partner[point - 1] {
      styles[other] = .matching
      styles[partner[point] != nil ? point : point - 1] = .matching
    }
    return styles
  }
}
