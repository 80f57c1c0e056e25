/// The prompt: reads, runs and shows, until the end of input.
///
/// On a terminal it edits lines, keeps a history and displays results; with other input it behaves as `lua -i`.
import Base
import CLuaShims
import CReadlineShims
import Foundation
import LuaEngine

final class Prompt {
  let session: Session
  var lua: Lua { session.lua }
  let isTerminal = isatty(STDIN_FILENO) != 0
  let parts: Parts
  private let history: History?
  /// The prompt that readline completes for: its callback has no room for a context.
  nonisolated(unsafe) private static var current: Prompt?

  /// The Lua side of the session (SessionSource).
  struct Parts {
    let environment: LuaValue
    let locals, declared: LuaTable
    let prepare, show, complete, help: LuaFunction
  }

  init(_ session: Session) throws {
    self.session = session
    let values = try session.lua.load(SessionSource.text, name: SessionSource.chunkName)
      .first([.function(session.lua.localsKeeper())])
    guard let table = values.asTable, let locals = try table.get("locals").asTable,
      let declared = try table.get("declared").asTable, let prepare = try table.get("prepare").asFunction,
      let show = try table.get("show").asFunction,
      let complete = try table.get("complete").asFunction, let help = try table.get("help").asFunction
    else { throw Failure(.state, "the prompt could not be made") }
    parts = Parts(
      environment: try table.get("environment"), locals: locals, declared: declared, prepare: prepare,
      show: show,
      complete: complete, help: help)
    history = isTerminal ? History() : nil
  }

  func run() throws {
    Prompt.current = self
    shim_readline_setup("perilune", completeWord)
    history?.load()
    if isTerminal && session.options.run.readsInit && !session.options.ignoresEnvironment { runInitFile() }
    while let input = read() {
      if input.isInterrupted { continue }
      if isTerminal, ["exit", "quit"].contains(input.text.trimmingCharacters(in: .whitespaces)),
        isUnknown(input.text)
      {
        return
      }
      run(input)
      lua.clearInterrupts()
    }
    print("")
    fflush(stdout)
  }

  // MARK: Reading

  /// A complete input: compiled, or a command of the prompt.
  private struct Input {
    var text = ""
    var chunk: Result<Chunk, any Error>?
    var help: (name: String, source: Bool)?
    var isInterrupted = false
    var isTimed = false
  }

  private struct Chunk {
    let function: LuaFunction
    /// How the locals at its top level are kept: an expression has none.
    let locals: Keeping
    enum Keeping { case none, byLastStatement, byHook }
  }

  /// Reads lines until they make a chunk; nil at the end of input.
  private func read() -> Input? {
    var input = Input()
    guard let first = readLine(continuing: false) else { return nil }
    guard case .line(let line) = first else {
      input.isInterrupted = true
      return input
    }
    var text = line
    if isTerminal {
      text = withoutPastedPrompts(text)
      if let help = helpRequest(text) {
        history?.add(text)
        input.help = help
        return input
      }
      if text.hasPrefix("%time ") {
        input.isTimed = true
        text = String(text.dropFirst(6))
      }
    }
    while true {
      do {
        input.chunk = .success(try compile(text, continued: text.contains("\n")))
      } catch let error as LuaError where error.message.hasSuffix("<eof>") {
        // A chunk that ends too early goes on; at the end of input its error stands.
        switch readLine(continuing: true) {
        case .line(let more)?:
          text += "\n" + more
          continue
        case .interrupted?:
          input.isInterrupted = true
          return input
        case nil: input.chunk = .failure(error)
        }
      } catch {
        input.chunk = .failure(error)
      }
      input.text = text
      history?.add(text)
      return input
    }
  }

  /// An expression if it can be one, else statements. The error is the one of the statements, unless the expression only ended
  /// too early.
  private func compile(_ text: String, continued: Bool) throws -> Chunk {
    func compiled(_ text: String, _ keeping: Chunk.Keeping) throws -> Chunk {
      let function = try lua.load(text, name: "=stdin", textOnly: true)
      try lua.setEnvironment(of: function, parts.environment)
      return Chunk(function: function, locals: keeping)
    }
    if text.hasPrefix("=") { return try compiled("return " + text.dropFirst(), .none) }
    var endedEarly: LuaError?
    // As lua.c, input that is no terminal shows the value of one-line expressions only.
    if isTerminal || !continued {
      do {
        return try compiled("return " + text, .none)
      } catch let error as LuaError where error.message.hasSuffix("<eof>") {
        endedEarly = error
      } catch is LuaError {}
    }
    do {
      guard text.contains("local") else { return try compiled(text, .none) }
      // The compiler replaces constants by their values: as plain locals they can be kept.
      let text = text.replacing(#/(local\s+\w+\s*)<\s*const\s*>/#) { $0.output.1 }
      // A call as the last statement keeps the locals; after a `return` there is no place for it.
      if let chunk = try? compiled(text + "\n__keep()", .byLastStatement) { return chunk }
      return try compiled(text, .byHook)
    } catch let error as LuaError where !error.message.hasSuffix("<eof>") {
      throw endedEarly ?? error
    }
  }

  private enum Line {
    case line(String), interrupted
  }

  private func readLine(continuing: Bool) -> Line? {
    var prompt = continuing ? ">> " : "> "
    if let value = try? lua.global(continuing ? "_PROMPT2" : "_PROMPT"), !value.isNil,
      let text = try? lua.text(value)
    {
      prompt = text
    }
    fflush(stdout)
    shim_interrupt_reset()
    shim_interrupt_at_prompt(1)
    var bytes: UnsafeMutablePointer<CChar>?
    let status = Int(shim_read_line(prompt, &bytes))
    defer { free(bytes) }
    let wasInterrupted = Interrupt.isPending || status == SHIM_INTERRUPTED
    shim_interrupt_at_prompt(0)
    shim_interrupt_reset()
    if wasInterrupted { return .interrupted }
    guard status == SHIM_LINE, let bytes else { return nil }
    return .line(String(cString: bytes))
  }

  /// Lines copied from a session carry its prompts; no Lua line begins with `>`.
  private func withoutPastedPrompts(_ text: String) -> String {
    guard text.hasPrefix("> ") || text.hasPrefix(">> ") else { return text }
    return text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      line.hasPrefix(">> ") ? line.dropFirst(3) : line.hasPrefix("> ") ? line.dropFirst(2) : line
    }.joined(separator: "\n")
  }

  /// `?name`, `name?`, and with two marks the source.
  private func helpRequest(_ text: String) -> (name: String, source: Bool)? {
    let trimmed = text.trimmingCharacters(in: .whitespaces)
    guard trimmed.hasPrefix("?") || trimmed.hasSuffix("?") else { return nil }
    let name = trimmed.trimmingCharacters(in: CharacterSet(charactersIn: "? "))
    guard name.utf8.allSatisfy({ isNameByte($0) }) else { return nil }
    return (name, trimmed.hasPrefix("??") || trimmed.hasSuffix("??"))
  }

  private func isNameByte(_ byte: UInt8) -> Bool {
    byte >= 48 && byte <= 57 || (byte | 32) >= 97 && (byte | 32) <= 122 || [46, 58, 95].contains(byte)
  }

  // MARK: Running

  private func run(_ input: Input) {
    do {
      if let help = input.help {
        try parts.help.call([.string(help.name), .boolean(help.source)])
        return
      }
      guard let chunk = try input.chunk?.get() else { return }
      let started = ContinuousClock.now
      try parts.prepare.call([.string(input.text)])
      let results =
        chunk.locals == .none
        ? try chunk.function.call([])
        : try chunk.function.callKeepingLocals(
          parts.locals, declared: parts.declared, hook: chunk.locals == .byHook)
      let elapsed = ContinuousClock.now - started
      show(results, text: input.text)
      if isTerminal, input.isTimed || elapsed > .milliseconds(100) { showTime(elapsed) }
    } catch let error as LuaError {
      report(error)
    } catch {
      Interpreter.complain("\(error)")
    }
  }

  private func runInitFile() {
    guard let path = Folders.config.map({ $0 + "/init.lua" }), access(path, R_OK) == 0 else { return }
    do {
      try lua.loadFile(Array(path.utf8)).call([])
    } catch let error as LuaError { report(error) } catch { Interpreter.complain("\(error)") }
    lua.clearInterrupts()
  }

  private func isUnknown(_ name: String) -> Bool {
    (try? lua.global(name.trimmingCharacters(in: .whitespaces)).isNil) == true
  }

  // MARK: Completion

  fileprivate static func candidates(_ word: String) -> [String] {
    guard let prompt = current, let table = try? prompt.parts.complete.first([.string(word)]).asTable else {
      return []
    }
    return (try? table.strings()) ?? []
  }
}

/// Called by readline: the candidates as C strings, which readline frees.
private func completeWord(
  _ word: UnsafePointer<CChar>, _ line: UnsafePointer<CChar>
) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? {
  let candidates = Prompt.candidates(String(cString: word))
  guard !candidates.isEmpty,
    let memory = calloc(candidates.count + 1, MemoryLayout<UnsafeMutablePointer<CChar>?>.stride)
  else { return nil }
  let list = memory.bindMemory(to: UnsafeMutablePointer<CChar>?.self, capacity: candidates.count + 1)
  for (i, candidate) in candidates.enumerated() { list[i] = strdup(candidate) }
  return list
}
