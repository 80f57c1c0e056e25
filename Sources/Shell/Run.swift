/// One run of the interpreter, in the order of lua.c: version, environment, LUA_INIT, options in turn,
/// script, prompt.
import Base
import Foundation
import Jupyter
import LuaEngine
import Session

final class Run {
  let arguments: [[UInt8]]
  let options: CommandLineOptions
  let lua: Lua
  /// LUAI_MAXSTACK: lua.c refuses more too.
  private static let argumentsMax = 1_000_000
  /// The folder of the library's Lua files, once it is found.
  private(set) var standardLibrary: String?
  /// The script, where it was compiled before the sandbox was closed.
  var script: LuaFunction?
  /// Its text, where it is a notebook.
  var notebook: LuaValue?

  private let kernel: Kernel?

  init(_ arguments: [[UInt8]], _ options: CommandLineOptions, kernel: Kernel? = nil) throws {
    self.kernel = kernel
    self.arguments = arguments
    self.options = options
    if options.showsVersion { print("\(Interpreter.version)\n\(Lua.copyright)") }
    lua = try Lua(memoryLimit: options.run.memoryLimit, ignoreEnvironment: options.ignoresEnvironment)
  }

  func run(_ install: Interpreter.Installer) throws -> Int32 {
    lua.handleInterrupts()
    try makeArgumentTable()
    try install(lua, options.run)
    if let seed = options.run.seed {  // math.random follows the one seed too
      try lua.load("math.randomseed(...)", name: "=perilune").call([.integer(Int64(bitPattern: seed))])
    }
    standardLibrary = StandardLibrary.find(ignoringEnvironment: options.ignoresEnvironment)
    if let root = standardLibrary {
      try lua.addSearcher(root: root, prefix: "perilune")
    }
    if options.run.isSandboxed { try enterSandbox() }
    try Lua.startLimits(
      seconds: options.run.maxTime, bytes: options.run.isSandboxed ? options.run.memoryLimit : nil)
    let ran = Result { try runAsLua() }
    showLastStates()
    let hadPrompt = try ran.get()
    lua.close()
    fflush(stdout)
    if Lua.timeIsOver { return Lua.interruptStatus }
    return Interrupt.endedWork && !hadPrompt ? Lua.interruptStatus : 0
  }

  /// Figures of `plot.live` that could not be redrawn are printed once, at the end, also after an error.
  private func showLastStates() {
    let code = "local live = package.loaded['perilune.plot.live'] if live then live.finish_all() end"
    _ = try? lua.load(Array(code.utf8), name: "=perilune").call([])
  }

  /// True if there was a prompt, or cells.
  private func runAsLua() throws -> Bool {
    if !options.ignoresEnvironment { try runInit() }
    for action in options.actions {
      switch action {
      case .execute(let code): try lua.load(code, name: "=(command line)").call([])
      case .warningsOn: lua.warn("@on")
      case .require(let text):
        let parts = text.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
        guard case .function(let require) = try lua.global("require") else {
          throw Failure(.state, "no 'require'")
        }
        try lua.setGlobal(
          String(decoding: parts[0], as: UTF8.self), require.first([.bytes(Array(parts[parts.count - 1]))]))
      }
    }
    if options.run.showsRuns || options.run.runsPage != nil {
      try runCommand("require 'perilune.run.view'(...)", [options.run.runsPage.map { .string($0) } ?? .nil])
      return false
    }
    if let words = options.testArguments {
      try runCommand("require('perilune.testing.command').run(...)", words.map { .bytes($0) })
      return false
    }
    if let folder = options.run.manualFolder {
      try runCommand("require 'perilune.help.manual'.write(...)", [.string(folder)])
    }
    if let folder = options.run.definitionsFolder {
      try runCommand("require 'perilune.help.definitions'.write(...)", [.string(folder)])
    }
    if options.run.manualFolder != nil || options.run.definitionsFolder != nil { return false }
    if let kernel {
      try kernel.run(lua, standardLibrary: standardLibrary)
      return true
    }
    let hasScript = options.script < arguments.count
    if isNotebook {
      try runNotebook()
    } else if hasScript {
      try runScript()
    }
    if options.isInteractive {
      try runPrompt()
      return true
    } else if !hasScript && !isNotebook && !options.hasExecute && !options.showsVersion {
      if isatty(STDIN_FILENO) != 0 {
        print("\(Interpreter.version)\n\(Lua.copyright)\n\(Interpreter.invitation)")
        try runPrompt()
        return true
      }
      try lua.loadFile(nil).call([])
    }
    return false
  }

  /// Runs what an option of the command line asks the library for.
  private func runCommand(_ code: String, _ arguments: [LuaValue]) throws {
    try withoutLibraryLines { try lua.load(code, name: "=perilune").call(arguments) }
  }

  /// Runs `body`. Ctrl-C within the library, and what the system refuses it, such as a full disk, are told without the
  /// library's lines, which are not the user's.
  private func withoutLibraryLines(_ body: () throws -> Void) throws {
    do {
      try body()
    } catch let error as LuaError where error.isInterrupt || error.kind == Failure.Kind.io.rawValue {
      let message = error.message
      guard let root = standardLibrary, message.hasPrefix(root + "/"), let place = message.range(of: ": ")
      else {
        throw error
      }
      throw LuaError(kind: error.kind, message: String(message[place.upperBound...]))
    }
  }

  /// What is written here in place of what failed, by the library's hints; nil where nothing is known.
  func hint(for error: LuaError) -> String? {
    let find = """
      local message, code = ...
      local ok, hints = pcall(require, "perilune.session.hints")
      local hint = ok and hints.of_error(message, code)
      return hint and hint:gsub("^hint: ", "")
      """
    let code = options.actions.compactMap { action -> [UInt8]? in
      if case .execute(let code) = action { return code } else { return nil }
    }
    let isTyped = error.message.hasPrefix("(command line)") && !code.isEmpty
    return try? lua.load(find, name: "=perilune")
      .first([.bytes(error.messageBytes), isTyped ? .bytes(code[code.count - 1]) : .nil]).asString
  }

  private func runPrompt() throws {
    var settings = options.run
    settings.readsInit = settings.readsInit && !options.ignoresEnvironment
    Prompt(try Evaluator(lua, standardLibrary: standardLibrary), settings).run()
  }

  /// `arg`: the script at 0, its arguments from 1, the program and its options below.
  private func makeArgumentTable() throws {
    let table = try lua.table()
    let script = options.script < arguments.count ? options.script : 0
    for (i, argument) in arguments.enumerated() { try table.set(i - script, .bytes(argument)) }
    try lua.setGlobal("arg", .table(table))
  }

  private func runInit() throws {
    for name in ["LUA_INIT_5_4", "LUA_INIT"] {
      guard let value = getenv(name) else { continue }
      let code = Array(UnsafeRawBufferPointer(start: value, count: strlen(value)))
      if code.first == UInt8(ascii: "@") {
        try lua.loadFile(Array(code.dropFirst())).call([])
      } else {
        try lua.load(code, name: "=" + name).call([])
      }
      return
    }
  }

  /// Compiles the script. In the sandbox this was done before, where its file may be anywhere.
  func loadScript() throws -> LuaFunction {
    let name = arguments[options.script]
    let isInput = name == Array("-".utf8) && arguments[options.script - 1] != Array("--".utf8)
    return try lua.loadFile(isInput ? nil : name)
  }

  private func runScript() throws {
    let chunk = try script ?? loadScript()
    guard case .table(let table) = try lua.global("arg") else {
      throw LuaError(kind: "lua", message: "'arg' is not a table")
    }
    let count = try table.count
    if count > Self.argumentsMax { throw LuaError(kind: "lua", message: "too many arguments to script") }
    let given = try count < 1 ? [] : (1...count).map { try table.get($0) }
    try withoutLibraryLines { try chunk.call(given) }
  }
}
