/// The parts of an entry: inputs in Lua and commands, in the order of their lines.
///
/// The prompt, a pasted block and a notebook's cell are read by the same function. A command in the middle of
/// unfinished Lua is a call in its place, so that `%time` works in a loop; help is shown before the Lua around
/// it runs.
///
///     for part in try session.parts(of: Array("x = 2\n?align.train\n%time x + 1".utf8)) {
///       try session.perform(part)
///     }
import LuaEngine

extension Evaluator {
  public enum Part {
    case input(Input), command(Command)
  }

  /// Compiles an entry; nothing is run. With `takesCommands` false every line is Lua.
  ///
  /// Throws a `LuaError` whose `isIncomplete` is true if more lines may complete the entry.
  public func parts(
    of text: [UInt8], showsExpressions: Bool = true, takesCommands: Bool = true
  ) throws -> [Part] {
    let newline = UInt8(ascii: "\n")
    var lines = text.split(separator: newline, omittingEmptySubsequences: false).map(Array.init)[...]
    lastEntry = text
    guard takesCommands, lines.contains(where: { Command($0) != nil }) else {
      return try inputs(of: text, showsExpressions: showsExpressions, line: 0)
    }
    var parts: [Part] = []
    var pending: [UInt8] = []
    /// The lines before `pending`: its errors name the lines of the entry.
    var pendingStart = 0
    func isBlank(_ text: [UInt8]) -> Bool { text.allSatisfy { [9, 10, 13, 32].contains($0) } }
    func flush() throws {
      defer { pending = [] }
      if isBlank(pending) { return }
      parts += try inputs(of: pending, showsExpressions: showsExpressions, line: pendingStart)
    }
    while let line = lines.popFirst() {
      let number = lines.startIndex
      guard var command = command(in: line, after: pending) else {
        if pending.isEmpty { pendingStart = number - 1 }
        pending += line
        if !lines.isEmpty { pending.append(newline) }
        continue
      }
      if !isBlank(pending), isIncomplete(pending) {
        if command.isHelp {
          parts.append(.command(command))
        } else {
          pending += Array("__command([==========[".utf8) + line + Array("]==========])".utf8)
        }
        pending.append(newline)
        continue
      }
      try flush()
      if command.takesRest {
        command.argument = Array(([command.argument] + lines.map { $0 }).joined(separator: [newline]))
        lines = []
      } else if takesLua(command) {
        while isIncomplete(command.argument) {
          guard let more = lines.popFirst() else {
            _ = try compile(command.argument, showsExpressions: true)
            break
          }
          command.argument += [newline] + more
        }
      }
      parts.append(.command(command))
    }
    try flush()
    return parts
  }

  /// The Lua of an entry: one input, or statements and the expression that the last lines are, whose values are
  /// shown as those of a line of its own.
  private func inputs(of text: [UInt8], showsExpressions: Bool, line: Int) throws -> [Part] {
    do {
      if takesCells, showsExpressions,
        try ifChunk({ try compile(text, showsExpressions: true) })?.isExpression != true,
        let cell = try cell(text, line: line)
      {
        return [.input(cell)]
      }
      return [.input(try compile(text, showsExpressions: showsExpressions, line: line))]
    } catch let error as LuaError where error.isSyntax {
      let newline = UInt8(ascii: "\n")
      var end = text.endIndex
      var tried = 0
      while showsExpressions, tried < Self.expressionLinesMax, let cut = text[..<end].lastIndex(of: newline) {
        tried += 1
        let head = Array(text[..<cut]), tail = Array(text[(cut + 1)...])
        let lines = line + head.count { $0 == newline } + 1
        if let statements = try ifChunk({ try compile(head, showsExpressions: false, line: line) }),
          let values = try ifChunk({ try compile(tail, showsExpressions: true, line: lines) }),
          values.isExpression
        {
          return [.input(statements), .input(values)]
        }
        end = cut
      }
      if showsExpressions, let inputs = inputsByLine(text, line: line) { return inputs }
      throw error
    }
  }

  /// Lines at the end of an entry that may be one expression, such as a table of options.
  private static let expressionLinesMax = 100

  /// The command that a line is after the unfinished Lua `text`; nil where the line is Lua, as in a string.
  public func command(in line: [UInt8], after text: [UInt8]) -> Command? {
    let isMiddle = text.contains { ![9, 10, 13, 32].contains($0) }
    guard let command = Command(line, inMiddle: isMiddle, known: { commandNames[$0] != nil }),
      !isMiddle || !LuaScanner.endsInside(text)
    else { return nil }
    return command
  }

  /// False for an entry that more lines may complete. A last line that asks for help is answered at once.
  public func isComplete(_ text: [UInt8]) -> Bool {
    if helpAtEnd(of: text) != nil { return true }
    do { _ = try parts(of: text) } catch let error as LuaError { return !error.isIncomplete } catch {}
    return true
  }

  /// The help that the last line asks for in the middle of unfinished Lua, and the text before that line.
  public func helpAtEnd(of text: [UInt8]) -> (command: Command, before: [UInt8])? {
    guard let cut = text.lastIndex(of: UInt8(ascii: "\n")) else { return nil }
    let before = Array(text[..<cut])
    guard let command = command(in: Array(text[(cut + 1)...]), after: before), command.isHelp,
      isIncomplete(before)
    else { return nil }
    return (command, before)
  }

  /// Runs one part and shows its values, unless the input ends in `;`.
  public func perform(_ part: Part) throws {
    switch part {
    case .input(let input):
      let values = try run(input)
      try show(values, isSilent: input.isSilent)
    case .command(let command): try perform(command)
    }
  }

  /// Runs a command; it prints what it has to say.
  ///
  /// A command on Lua code gives back the code, which is run here, so that its locals and the lines of its
  /// errors are those of an input; and a function to call when it has run.
  public func perform(_ command: Command) throws {
    isRunning = false
    let results: [LuaValue]
    do {
      results = try performCommand.call([.string(command.name), .bytes(command.argument)])
    } catch var error as LuaError {
      if let inner = try? takeTraceback.first([]).asString { error.traceback = inner }
      throw error
    }
    guard let code = results.first?.asBytes else { return }
    let parts = try self.parts(of: code)
    for (i, part) in parts.enumerated() {
      guard case .input(let input) = part else {
        try perform(part)
        continue
      }
      let values = try run(input)
      if i == parts.count - 1 { try results.dropFirst().first?.asFunction?.call([]) }
      try show(values, isSilent: input.isSilent)
    }
  }

  /// The words after `%`, and whether their argument is Lua that may go on in the next line.
  var commandNames: [String: Bool] {
    guard let names = try? listCommands.first([]).asTable else { return [:] }
    func list(_ name: String) -> [String] { (try? names.get(name).asTable?.strings()) ?? [] }
    return Dictionary(list("lua").map { ($0, true) } + list("other").map { ($0, false) }) { first, _ in first
    }
  }

  private func takesLua(_ command: Command) -> Bool { commandNames[command.name] == true }

  private func isIncomplete(_ text: [UInt8]) -> Bool {
    do { _ = try compile(text, showsExpressions: true) } catch let error as LuaError {
      return error.isIncomplete
    } catch {}
    return false
  }
}
