/// The prompt: reads, runs and shows, until the end of input.
///
/// On a terminal it edits lines, saves a history and displays results; with other input it behaves as `lua
/// -i`.
import Base
import CReadlineShims
import Foundation
import LuaEngine
import Session

final class Prompt {
  private let evaluator: Evaluator
  private let settings: RunOptions
  private let isTerminal = isatty(STDIN_FILENO) != 0
  private let history: History?
  /// The lines of the input before the one that is edited.
  private var earlierLines: [UInt8] = []
  /// The prompt that readline completes for: its callback has no context argument.
  nonisolated(unsafe) private static var current: Prompt?

  private var lua: Lua { evaluator.lua }

  init(_ evaluator: Evaluator, _ settings: RunOptions) {
    self.evaluator = evaluator
    self.settings = settings
    history = isTerminal ? History() : nil
  }

  func run() {
    Prompt.current = self
    shim_readline_setup("perilune", completeWord)
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

  private enum Line {
    case line([UInt8]), interrupted
  }

  private func readLine(continuing: Bool) -> Line? {
    var prompt = continuing ? ">> " : "> "
    if let value = try? lua.global(continuing ? "_PROMPT2" : "_PROMPT"), !value.isNil,
      let text = try? lua.text(value)
    {
      prompt = text
    }
    fflush(stdout)
    lua.clearInterrupts()
    lua.isAtPrompt = true
    var bytes: UnsafeMutablePointer<CChar>?
    let status = Int(shim_read_line(prompt, &bytes))
    defer { free(bytes) }
    let wasInterrupted = Interrupt.isPending || status == SHIM_INTERRUPTED
    lua.isAtPrompt = false
    lua.clearInterrupts()
    if wasInterrupted { return .interrupted }
    guard status == SHIM_LINE, let bytes else { return nil }
    return .line(Array(UnsafeRawBufferPointer(start: bytes, count: strlen(bytes))))
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
    let hasColor = settings.usesColor && getenv("NO_COLOR") == nil
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

  // MARK: Completion

  fileprivate static func candidates(_ word: String, before: String) -> [String] {
    guard let prompt = current else { return [] }
    let earlier = String(decoding: prompt.earlierLines, as: UTF8.self)
    return prompt.evaluator.completions(of: word, before: earlier + before)
  }
}

/// Called by readline: the candidates as C strings, which readline frees. `before` is the line up to the
/// word.
private func completeWord(
  _ word: UnsafePointer<CChar>, _ before: UnsafePointer<CChar>
) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? {
  let candidates = Prompt.candidates(String(cString: word), before: String(cString: before))
  guard !candidates.isEmpty,
    let memory = calloc(candidates.count + 1, MemoryLayout<UnsafeMutablePointer<CChar>?>.stride)
  else { return nil }
  let list = memory.bindMemory(to: UnsafeMutablePointer<CChar>?.self, capacity: candidates.count + 1)
  for (i, candidate) in candidates.enumerated() { list[i] = strdup(candidate) }
  return list
}
