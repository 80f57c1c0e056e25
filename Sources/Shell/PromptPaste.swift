/// Text that is pasted: with any line ends, and perhaps with the prompts of the session that it was copied from.
///
///     PromptPaste.cleaned(Array("> x = 1\n> x + 1\n2\n".utf8)) { _ in true }   // "x = 1\nx + 1"
enum PromptPaste {
  private static let newline = UInt8(ascii: "\n")
  /// The prompts of Lua, Torch and this program.
  private static let first = ["> ", "th> "].map { Array($0.utf8) }
  private static let next = [">> ", "..> "].map { Array($0.utf8) }

  /// The text with line feeds alone and without those at its end. If its first line begins with a prompt, the
  /// prompts are dropped, and so are the lines without one that were output: those after an entry that
  /// `isComplete`.
  static func cleaned(_ text: [UInt8], isComplete: ([UInt8]) -> Bool) -> [UInt8] {
    var lines: [ArraySlice<UInt8>] = []
    var line = text.startIndex
    for (i, byte) in text.enumerated() where byte == 13 || byte == newline {
      let isPair = byte == newline && i > 0 && text[i - 1] == 13
      if !isPair { lines.append(text[line..<i]) }
      line = i + 1
    }
    lines.append(text[line...])
    while let last = lines.last, isBlank(last), lines.count > 1 { lines.removeLast() }
    return join(withoutPrompts(lines, isComplete))
  }

  private static func withoutPrompts(_ lines: [ArraySlice<UInt8>], _ isComplete: ([UInt8]) -> Bool)
    -> [ArraySlice<UInt8>]
  {
    guard let start = lines.first(where: { !isBlank($0) }), rest(of: start, after: first + next) != nil else {
      return lines
    }
    var kept: [ArraySlice<UInt8>] = []
    /// Where the last entry begins, and whether it may go on.
    var entry = 0
    var goesOn = false
    for line in lines {
      if let more = rest(of: line, after: next) {
        kept.append(more)
      } else if let more = rest(of: line, after: first) {
        if !goesOn { entry = kept.count }
        kept.append(more)
      } else if goesOn {
        kept.append(line)
      } else {
        continue
      }
      goesOn = !isComplete(join(Array(kept[entry...])))
    }
    return kept
  }

  /// The line after one of the prompts; an empty line may have lost the blank of its prompt.
  private static func rest(of line: ArraySlice<UInt8>, after prompts: [[UInt8]]) -> ArraySlice<UInt8>? {
    let text = line.drop { $0 == 32 || $0 == 9 }
    for prompt in prompts {
      if text.starts(with: prompt) { return text.dropFirst(prompt.count) }
      if text.elementsEqual(prompt.dropLast()) { return text[text.endIndex...] }
    }
    return nil
  }

  private static func isBlank(_ line: ArraySlice<UInt8>) -> Bool { line.allSatisfy { $0 == 32 || $0 == 9 } }

  private static func join(_ lines: [ArraySlice<UInt8>]) -> [UInt8] {
    Array(lines.joined(separator: [newline]))
  }
}
