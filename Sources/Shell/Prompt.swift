/// The prompt: reads, runs and shows, until the end of input.
///
/// On a terminal it edits lines, saves a history and displays results; with other input it behaves as `lua
/// -i`.
import Base
import Foundation
import LuaEngine
import Session

final class Prompt {
  let evaluator: Evaluator
  private let settings: RunOptions
  private let isTerminal = isatty(STDIN_FILENO) != 0
  private let history: History?
  private var editor: PromptEditor?
  /// The lines of the entry before the one that is edited, where lines are edited one by one.
  private var earlierLines: [UInt8] = []

  private var lua: Lua { evaluator.lua }
  private var hasColor: Bool { settings.usesColor && Terminal.hasColor }

  init(_ evaluator: Evaluator, _ settings: RunOptions) {
    self.evaluator = evaluator
    self.settings = settings
    history = isTerminal ? History() : nil
  }

  func run() {
    editor = PromptEditor(owner, hasColor: hasColor)
    Lua.insistOnInterrupts(isTerminal)
    evaluator.takesCells = isTerminal
    history?.load()
    evaluator.earlierEntries = { [history] in history?.earlier ?? [] }
    evaluator.onNewEntry = { [history] entry in history?.add(entry) }
    if isTerminal && settings.readsInit { runInitFile() }
    while let entry = read() {
      switch entry {
      case .interrupted: history?.restore()
      case .exit: return
      case .failed(let error): report { throw error }
      case .parts(let parts): report { for part in parts { try run(part) } }
      }
      lua.clearInterrupts()
    }
    print("")
    fflush(stdout)
  }

  // MARK: Reading

  /// A complete entry.
  private enum Entry {
    case parts([Evaluator.Part]), failed(any Error)
    case exit, interrupted
  }

  /// Reads lines until they make an entry; nil at the end of input.
  private func read() -> Entry? {
    earlierLines = []
    guard let first = readLine(continuing: false) else { return nil }
    guard case .line(var text) = first else { return .interrupted }
    if isTerminal {
      text = withoutPrompts(text)
      if let word = PromptCommand.leave(text), evaluator.isUnknown(word) { return .exit }
    }
    while true {
      if isTerminal, let help = evaluator.helpAtEnd(of: text) {
        report { try evaluator.perform(help.command) }
        let isWhole = editor?.drawsEntries == true
        earlierLines = isWhole ? [] : help.before + [UInt8(ascii: "\n")]
        let start = isWhole ? help.before + [UInt8(ascii: "\n")] : []
        guard let line = readLine(continuing: !isWhole, text: start) else { return nil }
        guard case .line(let more) = line else { return .interrupted }
        text = earlierLines + more
        continue
      }
      do {
        // As lua.c, input that is no terminal shows the value of one-line expressions only.
        let isOneLine = !text.contains(UInt8(ascii: "\n"))
        let parts = try evaluator.parts(
          of: text, showsExpressions: isTerminal || isOneLine, takesCommands: isTerminal)
        remember(text)
        return .parts(parts)
      } catch let error as LuaError where error.isIncomplete && editor?.wasEnded != true {
        earlierLines = text + [UInt8(ascii: "\n")]
        switch readLine(continuing: true) {
        case .line(let more)?:
          text = earlierLines + more
          continue
        case .interrupted?: return .interrupted
        case nil:  // at the end of input the error is that of the chunk
          remember(text)
          return .failed(error)
        }
      } catch {
        remember(text)
        return .failed(error)
      }
    }
  }

  private func remember(_ text: [UInt8]) {
    history?.add(text)
    if isTerminal { evaluator.note(entry: text) }
  }

  private func readLine(continuing: Bool, text: [UInt8] = []) -> PromptEditor.Line? {
    PromptEditor.beginLine()
    lua.clearInterrupts()
    lua.isAtPrompt = true
    defer {
      lua.isAtPrompt = false
      lua.clearInterrupts()
    }
    let line = editor?.read(prompt: prompt(continuing), continuation: prompt(true), text: text)
    return Lua.timeIsOver ? nil : line
  }

  private func prompt(_ isContinuation: Bool) -> String {
    guard let value = try? lua.global(isContinuation ? "_PROMPT2" : "_PROMPT"), !value.isNil,
      let text = try? lua.text(value)
    else { return isContinuation ? ">> " : "> " }
    return text
  }

  // MARK: Running

  private func run(_ part: Evaluator.Part) throws {
    guard case .input(let input) = part else {
      fflush(stdout)
      try evaluator.perform(part)
      return
    }
    let started = ContinuousClock.now
    let results = try evaluator.run(input)
    let elapsed = ContinuousClock.now - started
    if !results.isEmpty { show(results, of: input) }
    if isTerminal, let hint = evaluator.hint(for: results, of: input) { Interpreter.complain(hint) }
    if isTerminal, elapsed > .milliseconds(100) { showTime(elapsed) }
  }

  private func show(_ results: [LuaValue], of input: Evaluator.Input) {
    do {
      if isTerminal {
        try evaluator.show(results, isSilent: input.isSilent)
      } else {
        let print = try lua.global("print")
        guard let function = print.asFunction else {
          throw LuaError(kind: "lua", message: "attempt to call a \(print.typeName) value")
        }
        try function.call(results)
      }
    } catch let error as LuaError {
      Interpreter.complain(error.isInterrupt ? error.message : "error calling 'print' (\(error.message))")
    } catch { Interpreter.complain("\(error)") }
  }

  private func showTime(_ elapsed: Duration) {
    guard Terminal.isTerminal else { return }
    let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
    let text = String(format: "[%.3fs]", seconds)
    print(hasColor ? "\u{1B}[2m\(text)\u{1B}[0m" : text)
    fflush(stdout)
  }

  /// Runs `body` and shows its error.
  private func report(_ body: () throws -> Void) {
    do { try body() } catch let error as LuaError {
      Interpreter.report(evaluator.shown(error, isBrief: isTerminal), program: nil)
    } catch { Interpreter.complain("\(error)") }
  }

  private func runInitFile() {
    guard let path = Folders.config.map({ $0 + "/init.lua" }), access(path, R_OK) == 0 else { return }
    // As an input, so that it names the parts of the library as the prompt does.
    let name = LuaTokens.escaped(Array(path.utf8), quote: UInt8(ascii: "'"))
    let input = Array("dofile('".utf8) + name + Array("')".utf8)
    report { _ = try evaluator.run(evaluator.compile(input, showsExpressions: false)) }
    lua.clearInterrupts()
  }
}
