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
  private let prepareNames, showValues, completeWord, inspectName: LuaFunction

  /// A compiled input.
  public struct Input {
    public let text: [UInt8]
    let function: LuaFunction
    let locals: Keeping

    /// How the locals at the top level of an input reach the session. An expression has none.
    enum Keeping { case none, byLastStatement, byHook }
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
    let display = try run(PackageResources.display_lua)
    let session = try run(PackageResources.environment_lua, .function(lua.localsKeeper()), display)
    guard let parts = session.asTable, let locals = try parts.get("locals").asTable,
      let declared = try parts.get("declared").asTable
    else { throw Failure(.state, "the session cannot be created") }
    self.locals = locals
    self.declared = declared
    environment = try parts.get("environment")
    prepareNames = try function(parts.get("prepare"))
    showValues = try function(parts.get("show"))
    completeWord = try function(run(PackageResources.completion_lua, session))
    inspectName = try function(run(PackageResources.inspection_lua, session))
  }

  /// Compiles an input as an expression if it can be one, else as statements. With `showsExpressions` false
  /// only an input that begins with "=" is an expression.
  ///
  /// Throws a `LuaError` whose `isIncomplete` is true if more lines may complete the input. The error is that
  /// of the statements, unless the expression alone was incomplete.
  public func compile(_ text: [UInt8], showsExpressions: Bool) throws -> Input {
    func compiled(_ code: [UInt8], _ keeping: Input.Keeping) throws -> Input {
      let function = try lua.load(code, name: "=stdin", textOnly: true)
      try lua.setEnvironment(of: function, environment)
      return Input(text: text, function: function, locals: keeping)
    }
    let asExpression = Array("return ".utf8)
    if text.first == UInt8(ascii: "=") { return try compiled(asExpression + text.dropFirst(), .none) }
    var incomplete: LuaError?
    if showsExpressions {
      do {
        return try compiled(asExpression + text, .none)
      } catch let error as LuaError where error.isIncomplete {
        incomplete = error
      } catch is LuaError {}
    }
    do {
      let statements = try compiled(text, .none)
      // The compiler replaces constants by their values, so only plain locals can be kept. The compilation
      // above has refused an assignment to a constant.
      guard let code = LuaScanner.withoutConstants(text) else { return statements }
      // A call as the last statement keeps the locals; after a `return` no statement may follow.
      if let input = try? compiled(code + Array("\n__keep()".utf8), .byLastStatement) { return input }
      return try compiled(code, .byHook)
    } catch let error as LuaError where !error.isIncomplete {
      throw incomplete ?? error
    }
  }

  /// Runs a compiled input and gives its values.
  public func run(_ input: Input) throws -> [LuaValue] {
    try prepareNames.call([.bytes(input.text)])
    if input.locals == .none { return try input.function.call([]) }
    return try input.function.callKeepingLocals(locals, declared: declared, hook: input.locals == .byHook)
  }

  /// Remembers the values as results and, unless `isSilent`, prints them.
  public func show(_ values: [LuaValue], isSilent: Bool) throws {
    if values.isEmpty { return }
    try showValues.call([.boolean(isSilent)] + values)
  }

  /// The names that `word` may become. `before` is the text of the input before the word: inside the options
  /// of a function these are the names of its options.
  public func completions(of word: String, before: String) -> [String] {
    (try? completeWord.first([.string(word), .string(before)]).asTable?.strings()) ?? []
  }

  /// Prints the help page of a name or, with `showsSource`, the source of a function.
  public func inspect(_ name: String, showsSource: Bool) throws {
    try inspectName.call([.string(name), .boolean(showsSource)])
  }

  /// True if the name has no value in an input that is compiled next.
  public func isUnknown(_ name: String) -> Bool { (try? lua.global(name).isNil) == true }
}
