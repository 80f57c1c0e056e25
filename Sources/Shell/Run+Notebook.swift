/// Scripts with cells and .ipynb files, run for a report or converted: stdlib/notebook does it, this file passes the
/// command line on and gives it the session's evaluator.
import Base
import Foundation
import LuaEngine
import Session

extension Run {
  /// True if the command line asks for what a plain script does not need.
  var isNotebook: Bool {
    options.run.converts || !options.run.reports.isEmpty || !options.run.params.isEmpty
      || options.script < arguments.count && arguments[options.script].suffix(6) == Array(".ipynb".utf8)[...]
  }

  /// Throws the error of the script, after its report is written.
  func runNotebook() throws {
    guard
      let main = try lua.load("return require 'perilune.notebook.program'", name: "=perilune").first([])
        .asFunction
    else { throw Failure(.state, "perilune.notebook.program is no function") }
    func texts(_ list: [String]) -> LuaValue { .list(list.map { .string($0) }) }
    let isInput =
      options.script < arguments.count && arguments[options.script] == Array("-".utf8)
      && arguments[options.script - 1] != Array("--".utf8)
    var request: [(String, LuaValue)] = [
      ("arguments", .list(arguments.dropFirst(options.script).map { .bytes($0) })),
      ("command", .list(arguments.map { .bytes($0) })),
      ("is_input", .boolean(isInput)), ("converts", .boolean(options.run.converts)),
      ("reports", texts(options.run.reports)), ("params", texts(options.run.params)),
      ("version", .string(Interpreter.version)), ("lua", .string(Lua.copyright)),
      ("evaluate", .function(try evaluator())),
    ]
    if let notebook { request.append(("text", notebook)) }
    if let seed = options.run.seed { request.append(("seed", .string(String(seed)))) }
    let answer: LuaValue
    do {
      answer = try main.first([.record(request)])
    } catch let error as LuaError where error.isInterrupt {
      // The second press of Ctrl-C has unwound all of Lua: the reports are completed now.
      lua.clearInterrupts()
      answer = try main.first([
        .record([
          ("interrupted", .boolean(true)), ("message", .string(error.message)),
          ("traceback", error.traceback.map { .string(Interpreter.hideOwnFrames($0)) } ?? .string("")),
        ])
      ])
    }
    guard let problem = answer.asTable else { return }
    let isInterrupt = try problem.get("interrupted").isTrue
    throw LuaError(
      kind: isInterrupt ? Failure.Kind.interrupted.rawValue : "lua",
      message: try lua.text(try problem.get("message")), traceback: try problem.get("traceback").asString,
      value: try problem.get("message"))
  }

  /// A function that evaluates cell `number`, of this text, in one session, as the prompt evaluates an entry. It
  /// gives the values of the last line, `{ values =, count = }`, or `{ error =, traceback = }`.
  private func evaluator() throws -> LuaFunction {
    var session: Evaluator?
    return try lua.function("evaluate") { [lua, standardLibrary] call in
      let evaluator = try session ?? Evaluator(lua, standardLibrary: standardLibrary)
      session = evaluator
      evaluator.takesCells = true
      do {
        let text = try call.bytes(1)
        evaluator.inputName = "=In[\(try call.integer(2))]"
        evaluator.note(entry: text)
        let parts = try evaluator.parts(of: text)
        var values: [LuaValue] = []
        for (i, part) in parts.enumerated() {
          guard i == parts.count - 1, case .input(let input) = part else {
            try evaluator.perform(part)
            continue
          }
          let results = try evaluator.run(input)
          try evaluator.show(results, isSilent: true)
          if !input.isSilent { values = results }
        }
        let table = try lua.table()
        for (i, value) in values.enumerated() { try table.set(i + 1, value) }
        try call.push(.record([("values", .table(table)), ("count", .int(values.count))]))
      } catch let error as LuaError {
        let shown = evaluator.shown(error, isBrief: false)
        let value: LuaValue = shown.value ?? .string(shown.message)
        try call.push(
          .record([
            ("error", value), ("message", .bytes(shown.messageBytes)),
            ("traceback", shown.traceback.map { .string(Interpreter.hideOwnFrames($0)) } ?? .nil),
            ("interrupted", .boolean(error.isInterrupt)),
          ]))
      }
      return 1
    }
  }
}
