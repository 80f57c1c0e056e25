/// What a terminal answers when it is asked what it can draw, taken out of the keys that were typed meanwhile.
///
///     var answers = TerminalAnswers()
///     answers.take(Array("\u{1B}[?62;4cls".utf8))
///     answers.hasSixel, answers.isComplete, answers.keys      // true, true, "ls"
public struct TerminalAnswers: Sendable {
  /// The questions: kitty's graphics by a picture that is not drawn, the name of iTerm2, the name of any terminal
  /// (XTVERSION), the size of a cell, and last the device attributes (DA1), which every terminal answers.
  public static let questions =
    "\u{1B}_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\u{1B}\\\u{1B}[1337n\u{1B}[>q\u{1B}[16t\u{1B}[c"

  public private(set) var hasKitty = false
  public private(set) var hasIterm = false
  public private(set) var hasSixel = false
  /// The size of a cell in pixels, as width and height.
  public private(set) var cell: (width: Int, height: Int)?
  /// Whether the last question is answered.
  public private(set) var isComplete = false
  /// What is no answer: keys.
  public private(set) var keys: [UInt8] = []
  private var waiting: [UInt8] = []

  public init() {}

  private enum Piece {
    case answer(Int), key, incomplete
  }

  /// Takes bytes in the order in which they arrived.
  public mutating func take(_ bytes: [UInt8]) {
    waiting += bytes
    var at = 0
    scan: while at < waiting.count {
      switch piece(at) {
      case .answer(let end):
        read(String(decoding: waiting[at..<end], as: UTF8.self))
        at = end
      case .key:
        keys.append(waiting[at])
        at += 1
      case .incomplete: break scan
      }
    }
    waiting.removeFirst(at)
  }

  /// The begun answer that did not end; it may be keys as well.
  public var rest: [UInt8] { waiting }

  mutating func forgetKeys() { keys = [] }

  /// The begun answer, which counts as keys from now on.
  mutating func takeRest() -> [UInt8] {
    defer { waiting = [] }
    return waiting
  }

  /// What begins at a place: an answer with its end, a key, or what more bytes will tell.
  private func piece(_ start: Int) -> Piece {
    guard waiting[start] == 0x1B else { return .key }
    guard start + 1 < waiting.count else { return .incomplete }
    switch waiting[start + 1] {
    case UInt8(ascii: "_"), UInt8(ascii: "P"):  // up to ESC \
      for i in start + 2..<max(waiting.count, start + 3) - 1
      where waiting[i] == 0x1B && waiting[i + 1] == UInt8(ascii: "\\") { return .answer(i + 2) }
      return waiting.count - start < 4096 ? .incomplete : .key
    case UInt8(ascii: "["):
      let name = Array("ITERM2 ".utf8)
      var i = start + 2
      if waiting[i...].starts(with: name) {
        i += name.count
      } else if name.starts(with: waiting[i...]) {
        return .incomplete
      }
      while i < waiting.count {
        let byte = waiting[i]
        if (0x40...0x7E).contains(byte) { return isAnswer(start, i) ? .answer(i + 1) : .key }
        if !(0x20...0x3F).contains(byte) { return .key }
        i += 1
      }
      return i - start < 64 ? .incomplete : .key
    default: return .key
    }
  }

  /// Whether the sequence ESC [ ... is one that was asked for; an arrow key is not.
  private func isAnswer(_ start: Int, _ end: Int) -> Bool {
    let text = String(decoding: waiting[(start + 2)...end], as: UTF8.self)
    if text.hasPrefix("?") { return text.hasSuffix("c") }
    if text.hasPrefix("6;") { return text.hasSuffix("t") }
    return text.hasPrefix("ITERM2 ") && text.hasSuffix("n") || text == "0n" || text == "3n"
  }

  private mutating func read(_ answer: String) {
    let body = answer.dropFirst(2)
    if body.hasPrefix("?") {
      hasSixel = body.dropFirst().dropLast().split(separator: ";").dropFirst().contains("4")
      isComplete = true
    } else if body.hasPrefix("G") {
      hasKitty = hasKitty || body.hasPrefix("Gi=31;OK")
    } else if body.hasPrefix("ITERM2") || body.hasPrefix(">|iTerm2") || body.hasPrefix(">|WezTerm") {
      hasIterm = true
    } else if body.hasPrefix("6;") {
      let sides = body.dropLast().split(separator: ";").compactMap { Int($0) }
      if sides.count == 3, (1...1000).contains(sides[1]), (1...1000).contains(sides[2]) {
        cell = (width: sides[2], height: sides[1])
      }
    }
  }
}
