/// Evaluates the inputs of a session: a prompt's lines or a notebook's cells.
///
/// Top-level locals live until the end of the session. The values of an input are remembered as `_`, `_1`,
/// `_2`, `_3`. Modules of the library need no `require`.
///
///     let session = try Evaluator(lua, standardLibrary: root)
///     let input = try session.compile(Array("local x = 1; x + 1".utf8), showsExpressions: true)
///     try session.show(session.run(input), isSilent: false)
import Base
import LuaEngine

public final class Evaluator {
  public let lua: Lua
  /// The folder of the library's Lua files, or nil. Errors raised by them are shown without their frames.
  let standardLibrary: String?
  private let environment: LuaValue
  private let locals, declared: LuaTable
  private let prepareNames, showValues: LuaFunction
  let completeWord: LuaFunction
  let performCommand, listCommands, takeTraceback, noteEntry, noteError, findHint, findResultHint: LuaFunction
  let takeValues: LuaFunction
  /// The input that was run last: its lines are shown with its errors.
  var lastInput: Input?
  /// The last error is that of an input, not of a command.
  var isRunning = false
  /// The entry that was read last, of which a syntax error is.
  var lastEntry: [UInt8] = []
  /// What Lua calls the inputs in its messages: "=stdin", "=In[3]".
  public var inputName = "=stdin"
  /// The number under which `Out` keeps the value of the input that runs; nil at a prompt.
  public var inputNumber: Int? { didSet { try? session.set("number", inputNumber.map { .int($0) } ?? .nil) } }
  /// The entries are cells: the last expression after statements gives values, also where it is a call.
  public var takesCells = false
  private let session: LuaTable
  /// The entries of earlier sessions, oldest first, for `%hist`.
  public var earlierEntries: () -> [[UInt8]] = { [] }
  /// Called with an entry that a command has made, as `%edit` does.
  public var onNewEntry: ([UInt8]) -> Void = { _ in }

  /// A compiled input.
  public struct Input {
    public let text: [UInt8]
    let function: LuaFunction
    let locals: Keeping
    /// The lines of the entry before the input.
    let line: Int
    var isExpression: Bool { locals == .none }
    /// The last token is `;`: the values are not shown.
    public var isSilent: Bool { LuaScanner.lastToken(of: text) == UInt8(ascii: ";") }

    /// How the locals at the top level of an input reach the session. An expression has none.
    enum Keeping { case none, byLastStatement, byHook, ofCell }
  }

  public init(_ lua: Lua, standardLibrary: String?) throws {
    self.lua = lua
    self.standardLibrary = standardLibrary
    func run(_ code: [UInt8], _ arguments: LuaValue...) throws -> LuaValue {
      try lua.load(code, name: "=perilune").first(arguments)
    }
    func function(_ value: LuaValue) throws -> LuaFunction {
      guard let function = value.asFunction else { throw Failure(.state, "the session cannot be created") }
      return function
    }
    let words = LuaValue.string(LuaTokens.words)
    let display = try run(PackageResources.display_lua, words)
    let session = try run(PackageResources.environment_lua, .function(lua.localsKeeper()), display)
    guard let parts = session.asTable, let locals = try parts.get("locals").asTable,
      let declared = try parts.get("declared").asTable
    else { throw Failure(.state, "the session cannot be created") }
    self.session = parts
    self.locals = locals
    self.declared = declared
    environment = try parts.get("environment")
    prepareNames = try function(parts.get("prepare"))
    showValues = try function(parts.get("show"))
    completeWord = try function(run(PackageResources.completion_lua, session, words))
    performCommand = try function(parts.get("perform"))
    listCommands = try function(parts.get("commands"))
    takeTraceback = try function(parts.get("take_traceback"))
    noteEntry = try function(parts.get("note"))
    noteError = try function(parts.get("note_error"))
    takeValues = try function(parts.get("take_values"))
    findHint = try function(parts.get("hint"))
    findResultHint = try function(parts.get("result_hint"))
    try giveServices(to: parts)
  }

  /// What the commands, written in Lua, need of the evaluator.
  private func giveServices(to session: LuaTable) throws {
    func service(_ name: String, _ body: @escaping (Evaluator, Call) throws -> Int) throws {
      let function = try lua.function(name) { [weak self] call in
        guard let self else { throw Failure(.state, "the session has ended") }
        return try body(self, call)
      }
      try session.set(name, .function(function))
    }
    try service("compile") { evaluator, call in
      let input = try evaluator.compile(call.bytes(1), showsExpressions: true)
      try call.push(.function(input.function))
      return 1
    }
    try service("perform_line") { evaluator, call in
      guard let command = Command(try call.bytes(1)) else { throw Failure(.argument, "no command") }
      try evaluator.perform(command)
      return 0
    }
    try service("new_entry") { evaluator, call in
      let entry = try call.bytes(1)
      evaluator.note(entry: entry)
      evaluator.onNewEntry(entry)
      return 0
    }
    try service("earlier_entries") { evaluator, call in
      try call.push(.list(evaluator.earlierEntries().map { .bytes($0) }))
      return 1
    }
  }

  /// Compiles an input as an expression if it can be one, else as statements. With `showsExpressions` false
  /// only an input that begins with "=" is an expression.
  ///
  /// Throws a `LuaError` whose `isIncomplete` is true if more lines may complete the input. The error is that
  /// of the statements, unless the expression alone was incomplete.
  ///
  /// `line` is the number of lines before the input in its entry.
  public func compile(_ text: [UInt8], showsExpressions: Bool, line: Int = 0) throws -> Input {
    func compiled(_ code: [UInt8], _ keeping: Input.Keeping) throws -> Input {
      try self.compiled(text, code, keeping, line: line)
    }
    let asExpression = Array("return ".utf8)
    if text.first == UInt8(ascii: "=") { return try compiled(asExpression + text.dropFirst(), .none) }
    var incomplete: LuaError?
    if showsExpressions {
      do {
        return try compiled(asExpression + text, .none)
      } catch let error as LuaError where error.isSyntax {
        if error.isIncomplete { incomplete = error }
      }
    }
    do {
      let statements = try compiled(text, .none)
      // The compiler replaces constants by their values, so only plain locals can be kept. The compilation
      // above has refused an assignment to a constant.
      guard let code = LuaScanner.withoutConstants(text) else { return statements }
      // A call as the last statement keeps the locals; after a `return` no statement may follow.
      if let input = try ifChunk({ try compiled(code + Array("\n__keep()".utf8), .byLastStatement) }) {
        return input
      }
      return try compiled(code, .byHook)
    } catch let error as LuaError where !error.isIncomplete {
      throw incomplete ?? error
    }
  }

  /// What `compile` gives, or nil where the text is no chunk: that there is no memory to compile it does not say so.
  func ifChunk<R>(_ compile: () throws -> R) throws -> R? {
    do { return try compile() } catch let error as LuaError where error.isSyntax { return nil }
  }

  func compiled(_ text: [UInt8], _ code: [UInt8], _ keeping: Input.Keeping, line: Int) throws -> Input {
    let linesBefore = [UInt8](repeating: UInt8(ascii: "\n"), count: line)
    let function = try lua.load(linesBefore + code, name: inputName, textOnly: true)
    try lua.setEnvironment(of: function, environment)
    return Input(text: text, function: function, locals: keeping, line: line)
  }

  /// Runs a compiled input and gives its values.
  public func run(_ input: Input) throws -> [LuaValue] {
    lastInput = input
    isRunning = true
    try prepareNames.call([.bytes(input.text)])
    if input.locals == .none { return try input.function.call([]) }
    let values = try input.function.callKeepingLocals(
      locals, declared: declared, hook: input.locals == .byHook)
    return input.locals == .ofCell ? try takeValues.call([]) : values
  }

  /// Remembers the values as results and, unless `isSilent`, prints them.
  public func show(_ values: [LuaValue], isSilent: Bool) throws {
    if values.isEmpty { return }
    try showValues.call([.boolean(isSilent)] + values)
  }

  /// The line beneath the values of an input that a habit of Python made; nil for most inputs.
  public func hint(for values: [LuaValue], of input: Input) -> String? {
    try? findResultHint.first([.bytes(input.text), values.first ?? .nil]).asString
  }

  /// Adds an entry to those of the session, which `%hist`, `%edit` and `%save` number from 1.
  public func note(entry: [UInt8]) {
    _ = try? noteEntry.call([.bytes(entry)])
  }

  /// True if the name has no value in an input that is compiled next.
  public func isUnknown(_ name: String) -> Bool { (try? lua.global(name).isNil) == true }
}
