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
    history?.load()
    if isTerminal && settings.readsInit { runInitFile() }
    while let entry = read() {
      switch entry {
      case .interrupted: continue
      case .exit: return
      case .help(let name, let showsSource): report { try evaluator.inspect(name, showsSource: showsSource) }
      case .failed(let error): report { throw error }
      case .input(let input, let isTimed): report { try run(input, isTimed: isTimed) }
      }
      lua.clearInterrupts()
    }
    print("")
    fflush(stdout)
  }

  // MARK: Reading

  /// A complete entry: an input, or a command of the prompt.
  private enum Entry {
    case input(Evaluator.Input, isTimed: Bool), failed(any Error), help(String, showsSource: Bool)
    case exit, interrupted
  }

  /// Reads lines until they make an entry; nil at the end of input.
  private func read() -> Entry? {
    earlierLines = []
    guard let first = readLine(continuing: false) else { return nil }
    guard case .line(var text) = first else { return .interrupted }
    var isTimed = false
    if isTerminal {
      text = PromptCommand.withoutPastedPrompts(text)
      switch PromptCommand(text) {
      case .help(let name, let showsSource)?:
        history?.add(text)
        return .help(name, showsSource: showsSource)
      case .leave(let name)? where evaluator.isUnknown(name): return .exit
      case .time(let rest)?: (text, isTimed) = (rest, true)
      default: break
      }
    }
    while true {
      do {
        // As lua.c, input that is no terminal shows the value of one-line expressions only.
        let isOneLine = !text.contains(UInt8(ascii: "\n"))
        let input = try evaluator.compile(text, showsExpressions: isTerminal || isOneLine)
        history?.add(text)
        return .input(input, isTimed: isTimed)
      } catch let error as LuaError where error.isIncomplete {
        earlierLines = text + [UInt8(ascii: "\n")]
        switch readLine(continuing: true) {
        case .line(let more)?:
          text = earlierLines + more
          continue
        case .interrupted?: return .interrupted
        case nil:  // at the end of input the error is that of the chunk
          history?.add(text)
          return .failed(error)
        }
      } catch {
        history?.add(text)
        return .failed(error)
      }
    }
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

  private func run(_ input: Evaluator.Input, isTimed: Bool) throws {
    let started = ContinuousClock.now
    let results = try evaluator.run(input)
    let elapsed = ContinuousClock.now - started
    if !results.isEmpty { show(results, of: input) }
    if isTerminal, isTimed || elapsed > .milliseconds(100) { showTime(elapsed) }
  }

  private func show(_ results: [LuaValue], of input: Evaluator.Input) {
    do {
      if isTerminal {
        let last = input.text.last { ![9, 10, 13, 32].contains($0) }
        try evaluator.show(results, isSilent: last == UInt8(ascii: ";"))
        fflush(stdout)
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
    report { try lua.loadFile(Array(path.utf8)).call([]) }
    lua.clearInterrupts()
  }
}
