/// Commands of the prompt that are not Lua: help, timing, exit. Lines pasted with their prompts lose them.
enum PromptCommand {
  /// `?name` or `name?`; with two marks the source.
  case help(String, showsSource: Bool)
  /// `%time input`.
  case time([UInt8])
  /// `exit` or `quit`, unless a variable has that name.
  case leave(String)

  init?(_ line: [UInt8]) {
    let blanks: [UInt8] = [9, 32]
    let start = line.firstIndex { !blanks.contains($0) } ?? line.endIndex
    let end = line.lastIndex { !blanks.contains($0) }.map { $0 + 1 } ?? start
    let word = String(decoding: line[start..<end], as: UTF8.self)
    if ["exit", "quit"].contains(word) {
      self = .leave(word)
      return
    }
    let time = Array("%time ".utf8)
    if line.starts(with: time) {
      self = .time(Array(line.dropFirst(time.count)))
      return
    }
    guard word.hasPrefix("?") || word.hasSuffix("?") else { return nil }
    let name = word.drop { $0 == "?" || $0 == " " }.reversed().drop { $0 == "?" || $0 == " " }.reversed()
    guard String(name).utf8.allSatisfy(Self.isNamePart) else { return nil }
    self = .help(String(name), showsSource: word.hasPrefix("??") || word.hasSuffix("??"))
  }

  private static func isNamePart(_ byte: UInt8) -> Bool {
    byte >= 48 && byte <= 57 || (byte | 32) >= 97 && (byte | 32) <= 122 || [46, 58, 95].contains(byte)
  }

  /// The text without the prompts at the start of its lines. No Lua line begins with `>`.
  static func withoutPastedPrompts(_ text: [UInt8]) -> [UInt8] {
    let first = Array("> ".utf8), next = Array(">> ".utf8)
    guard text.starts(with: first) || text.starts(with: next) else { return text }
    let lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { line in
      line.dropFirst(line.starts(with: next) ? 3 : line.starts(with: first) ? 2 : 0)
    }
    return Array(lines.joined(separator: [UInt8(ascii: "\n")]))
  }
}
