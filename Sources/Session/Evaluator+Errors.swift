/// What a session shows of an error: the user's own lines, and a hint.
///
/// The library's frames are left out, and a message that begins with a line of the library begins with the line
/// of the user's code that led there. `%tb` shows all frames.
import Base
import Foundation
import LuaEngine

extension Evaluator {
  /// The error as it is shown: its traceback begins with the line of code at fault and a hint, where there are
  /// any. With `isBrief` true a traceback of the input alone is left out.
  public func shown(_ error: LuaError, isBrief: Bool) -> LuaError {
    _ = try? noteError.call([.bytes(error.messageBytes), error.traceback.map { .string($0) } ?? .nil])
    var shown = error
    let all = (error.traceback ?? "").split(separator: "\n").dropFirst().filter {
      !$0.hasPrefix("\t[C]:") && !$0.hasPrefix("\tperilune:") && $0 != "\t(...tail calls...)"
    }
    let own = all.filter { !isOfLibrary($0.dropFirst()) }
    var notes: [String] = []
    if let text = withoutLibrary(error.message, all.first) {
      // A command has no line of the user's.
      let position = own.first.flatMap(Self.position) ?? expressionPosition
      if let position, let raised = Self.position(of: Substring("\t" + error.message)), raised != position {
        notes.append("(raised at \(raised); %tb shows all frames)")
      }
      shown = LuaError(
        kind: error.kind, message: position.map { "\($0): \(text)" } ?? text, cause: error.cause)
    }
    if error.isInterrupt {
      shown.traceback = nil
      return shown
    }
    var lines = [sourceLine(of: shown.message, own), hint(for: error)].compactMap { $0 }
    if own.count > (isBrief ? 1 : 0) { lines += ["stack traceback:"] + own.map(String.init) }
    lines += notes
    shown.traceback = lines.isEmpty ? nil : lines.joined(separator: "\n")
    return shown
  }

  /// What is written here in place of what failed; nil where nothing is known.
  public func hint(for error: LuaError) -> String? {
    try? findHint.first([
      .bytes(error.messageBytes), .bytes(error.kind == "syntax" ? lastEntry : lastInput?.text ?? []),
    ]).asString
  }

  /// The place of an expression, which has no frame of its own: its call is a tail call.
  private var expressionPosition: String? {
    guard let input = lastInput, input.isExpression, isRunning else { return nil }
    return "\(inputName.dropFirst()):\(input.line + 1)"
  }

  /// The message without the position in the library that it begins with; nil if the user's code raised it.
  private func withoutLibrary(_ message: String, _ innermost: Substring?) -> String? {
    if isOfLibrary(message[...]), let position = Self.position(of: Substring("\t" + message)) {
      return String(message.dropFirst(position.count + 1).drop { $0 == " " })
    }
    guard let innermost, Self.position(of: Substring("\t" + message)) == nil else { return nil }
    // Lua gives no place to an error of its own within a C function, as of `ipairs(nil)`.
    return isOfLibrary(innermost.dropFirst()) || message.hasPrefix("attempt to ") ? message : nil
  }

  /// "stdin:1" of "\tstdin:1: in main chunk", and of a message after a tab.
  private static func position(of frame: Substring) -> String? {
    let text = frame.dropFirst()
    var from = text.startIndex
    while let colon = text[from...].firstIndex(of: ":") {
      let digits = text[text.index(after: colon)...].prefix { ("0"..."9").contains($0) }
      if !digits.isEmpty, digits.endIndex < text.endIndex, text[digits.endIndex] == ":",
        !text[..<colon].contains("\n")
      {
        return String(text[..<digits.endIndex])
      }
      from = text.index(after: colon)
    }
    return nil
  }

  /// The line of code that a message names: of a file, or of an input of several lines.
  private func sourceLine(of message: String, _ frames: [Substring]) -> String? {
    guard let position = Self.position(of: Substring("\t" + message)),
      let colon = position.lastIndex(of: ":"),
      let number = Int(position[position.index(after: colon)...])
    else { return nil }
    let name = String(position[..<colon])
    var lines: [[UInt8]] = []
    var first = 1
    if "=" + name == inputName {
      // Functions of earlier inputs have lines of the same name.
      guard let input = lastInput, frames.contains("\t\(position): in main chunk") else { return nil }
      lines = input.text.split(separator: 10, omittingEmptySubsequences: false).map(Array.init)
      if lines.count < 2 { return nil }
      first += input.line
    } else if let text = FileManager.default.contents(atPath: name) {
      lines = text.split(separator: 10, omittingEmptySubsequences: false).map(Array.init)
    }
    guard lines.indices.contains(number - first) else { return nil }
    return "  \(number) | " + String(decoding: lines[number - first], as: UTF8.self)
  }

  /// "path:line: ..." where the path is that of a Lua file of the library. Lua shows the end of a long path,
  /// after dots.
  private func isOfLibrary(_ line: Substring) -> Bool {
    guard let library = standardLibrary.map({ $0 + "/" }) else { return false }
    if line.hasPrefix(library) { return true }
    guard line.hasPrefix("..."), let colon = line.firstIndex(of: ":") else { return false }
    let end = line[..<colon].dropFirst(3)
    return end.indices.contains { i in
      end[i] == "/" && library.hasSuffix(end[...i])
        && access(library + end[end.index(after: i)...], R_OK) == 0
    }
  }
}
