/// Finds words in the code of a cell, by the positions of the protocol: characters are Unicode scalars.
enum CodeText {
  private static func isNamePart(_ scalar: Unicode.Scalar) -> Bool {
    scalar.isASCII && (isWord(UInt8(scalar.value)) || scalar == "." || scalar == ":")
  }

  /// The name or path at the cursor, or that of the function whose arguments the cursor is in.
  ///
  ///     CodeText.name(at: 2, in: "align.train(x)")    // "align.train"
  ///     CodeText.name(at: 8, in: "f(g(1), 2)")        // "f"
  static func name(at cursor: Int, in code: String) -> String {
    let text = Array(code.unicodeScalars)
    var end = min(cursor, text.count)
    while end < text.count, isNamePart(text[end]) { end += 1 }
    if let name = path(endingAt: end, in: text) { return name }
    // Back to the bracket that is open at the cursor.
    var depth = 0
    var i = min(cursor, text.count) - 1
    while i >= 0 {
      switch text[i] {
      case ")", "}", "]": depth += 1
      case "(", "{", "[":
        if depth > 0 { depth -= 1; break }
        var before = i
        while before > 0, [" ", "(", "{"].contains(text[before - 1]) { before -= 1 }
        if let name = path(endingAt: before, in: text) { return name }
      default: break
      }
      i -= 1
    }
    return ""
  }

  private static func path(endingAt end: Int, in text: [Unicode.Scalar]) -> String? {
    let start = text[..<end].lastIndex { !isNamePart($0) }.map { $0 + 1 } ?? 0
    let path = string(text[start..<end].drop { $0 == "." || $0 == ":" })
    guard let first = path.first, !first.isNumber else { return nil }
    let name = path.reversed().drop { $0 == "." || $0 == ":" }.reversed()
    return String(name)
  }

  private static func string(_ scalars: some Sequence<Unicode.Scalar>) -> String {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: scalars)
    return String(text)
  }

  /// The blanks that the next line of unfinished code begins with: two more after a line that opens a block.
  static func indent(after code: String) -> String {
    let line = code.split(separator: "\n").last { !$0.allSatisfy(\.isWhitespace) } ?? ""
    let indent = String(line.prefix { $0 == " " || $0 == "\t" })
    let body = line.split(separator: "--", omittingEmptySubsequences: false).first ?? ""
    let words = body.split { !($0.isLetter || $0.isNumber || $0 == "_") }
    let last = body.reversed().drop(while: \.isWhitespace).first
    let opens =
      ["then", "do", "else", "repeat"].contains(words.last ?? "")
      || last == "(" || last == "{" || last == "[" || words.contains("function") && !words.contains("end")
    return opens ? indent + "  " : indent
  }
}
