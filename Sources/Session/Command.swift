/// A line of an input that is a command of the session and no Lua: `?name`, `name?`, `%name arguments`, `!shell`.
///
/// What commands there are, and what they do, is declared in stdlib/session; this file only tells their lines
/// from Lua's.
public struct Command: Equatable, Sendable {
  /// `help`, `source`, `shell`, or the word after `%`.
  public let name: String
  /// The rest of the line, without blanks at its ends.
  public internal(set) var argument: [UInt8]
  /// `%%name`: the lines after it belong to the command.
  let takesRest: Bool

  /// Help is shown at once, also where it stands in the middle of unfinished Lua.
  public var isHelp: Bool { name == "help" || name == "source" }

  /// The command that a line is; nil for Lua. In the middle of Lua `%` may be an operator: only the words that
  /// are `known` are commands there.
  ///
  ///     Command(Array("align.train??".utf8))   // source, "align.train"
  public init?(_ line: [UInt8], inMiddle: Bool = false, known: (String) -> Bool = { _ in true }) {
    let text = Self.trimmed(line[...])
    guard let first = text.first, let last = text.last else { return nil }
    let question = UInt8(ascii: "?"), rest = text.dropFirst()
    switch (first, rest.first) {
    case (question, question):
      self.init("source", rest.dropFirst())
    case (question, _):
      self.init("help", rest)
    case (UInt8(ascii: "!"), let next) where next != UInt8(ascii: "="):
      self.init("shell", rest)
    case (UInt8(ascii: "$"), 9?), (UInt8(ascii: "$"), 32?):  // as Torch's prompt has it
      self.init("shell", rest)
    case (UInt8(ascii: "%"), let next):
      let isWhole = next == first
      let word = rest.dropFirst(isWhole ? 1 : 0).prefix(while: Self.isNamePart)
      let name = String(decoding: word, as: UTF8.self)
      let after = text[word.endIndex...]
      guard !word.isEmpty, after.first.map({ [9, 32].contains($0) }) ?? true else { return nil }
      if inMiddle && (isWhole || !known(name)) { return nil }
      self.init(name, after, takesRest: isWhole)
    default:
      guard last == question else { return nil }
      let marks = text.reversed().prefix { $0 == question || $0 == 32 }
      let path = text.dropLast(marks.count)
      guard Self.isPath(path) else { return nil }
      self.init(marks.filter { $0 == question }.count > 1 ? "source" : "help", path)
    }
  }

  private init(_ name: String, _ argument: ArraySlice<UInt8>, takesRest: Bool = false) {
    self.name = name
    self.argument = Array(Self.trimmed(argument))
    self.takesRest = takesRest
  }

  /// `name`, `name.member` or `name:member`.
  private static func isPath(_ text: ArraySlice<UInt8>) -> Bool {
    guard let first = text.first, isNamePart(first), !(48...57).contains(first) else { return false }
    return text.allSatisfy { isNamePart($0) || [46, 58].contains($0) }
  }

  private static func isNamePart(_ byte: UInt8) -> Bool {
    (48...57).contains(byte) || (97...122).contains(byte | 32) || byte == 95
  }

  private static func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    let blanks: [UInt8] = [9, 10, 13, 32]
    var text = text.drop { blanks.contains($0) }
    while let last = text.last, blanks.contains(last) { text = text.dropLast() }
    return text
  }
}
