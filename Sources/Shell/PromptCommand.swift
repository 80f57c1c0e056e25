/// What the prompt understands besides the session's inputs and commands: leaving.
import Foundation

enum PromptCommand {
  /// The word of a line that asks to leave, `exit` or `quit`; nil for other lines.
  static func leave(_ line: [UInt8]) -> String? {
    let word = String(decoding: line, as: UTF8.self).trimmingCharacters(in: .whitespaces)
    return ["exit", "quit"].contains(word) ? word : nil
  }
}
