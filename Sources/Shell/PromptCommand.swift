/// What the prompt understands besides the session's inputs and commands: leaving, and lines pasted with their
/// prompts.
import Foundation

enum PromptCommand {
  /// The word of a line that asks to leave, `exit` or `quit`; nil for other lines.
  static func leave(_ line: [UInt8]) -> String? {
    let word = String(decoding: line, as: UTF8.self).trimmingCharacters(in: .whitespaces)
    return ["exit", "quit"].contains(word) ? word : nil
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
