/// Keys of a terminal by name, out of the bytes that it sends.
///
///     var keys = Keys()
///     keys.take(Array("n\u{1B}[C".utf8))
///     keys.next(isAtRest: true), keys.next(isAtRest: true)      // "n", "right"
public struct Keys: Sendable {
  private var waiting: [UInt8] = []

  public init() {}

  private static let sequences: [String: String] = [
    "[A": "up", "[B": "down", "[C": "right", "[D": "left", "OA": "up", "OB": "down", "OC": "right",
    "OD": "left",
    "[H": "home", "[F": "end", "OH": "home", "OF": "end", "[1~": "home", "[4~": "end", "[5~": "pageup",
    "[6~": "pagedown", "[Z": "backtab", "[3~": "delete",
  ]

  public var isEmpty: Bool { waiting.isEmpty }

  public mutating func take(_ bytes: [UInt8]) { waiting += bytes }

  /// The next key: a letter as it is typed, or a name such as "up", "enter", "escape"; "" for a key without a name. Nil
  /// where no key is there, or more bytes may belong to it and `isAtRest` is false.
  public mutating func next(isAtRest: Bool) -> String? {
    guard let first = waiting.first else { return nil }
    switch first {
    case 0x0D, 0x0A: return taken(1, "enter")
    case 0x09: return taken(1, "tab")
    case 0x08, 0x7F: return taken(1, "backspace")
    case 0x1B: return sequence(isAtRest: isAtRest)
    case 0x00..<0x20: return taken(1, "")
    default:
      let count = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2
      if waiting.count < count, !isAtRest { return nil }
      let letter = String(decoding: waiting.prefix(count), as: UTF8.self)
      return taken(min(count, waiting.count), letter.contains("\u{FFFD}") ? "" : letter)
    }
  }

  private mutating func sequence(isAtRest: Bool) -> String? {
    guard waiting.count > 1 else { return isAtRest ? taken(1, "escape") : nil }
    guard waiting[1] == UInt8(ascii: "[") || waiting[1] == UInt8(ascii: "O") else {
      return taken(1, "escape")
    }
    var end = 2
    while end < waiting.count, !(0x40...0x7E).contains(waiting[end]) { end += 1 }
    guard end < waiting.count else { return isAtRest ? taken(waiting.count, "") : nil }
    let name = Self.sequences[String(decoding: waiting[1...end], as: UTF8.self)]
    return taken(end + 1, name ?? "")
  }

  private mutating func taken(_ count: Int, _ name: String) -> String {
    waiting.removeFirst(count)
    return name
  }
}
