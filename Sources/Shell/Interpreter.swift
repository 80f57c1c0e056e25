/// The stand-alone interpreter: a drop-in `lua`, with Perilune's modules at hand.
///
/// The order of everything follows lua.c (5.4): version, environment, LUA_INIT, options in turn, script, prompt.
import Base
import Foundation
import LuaEngine

public enum Interpreter {
  public static let version = "Perilune 0.1.0"

  /// Makes the native modules known to a fresh state.
  public typealias Installer = (Lua, RunSettings) throws -> Void

  /// Runs the program and gives its exit code. `install` adds the native modules.
  public static func main(install: Installer = { _, _ in }) -> Int32 {
    let arguments = processArguments()
    let program =
      arguments.first.flatMap { $0.isEmpty ? nil : String(decoding: $0, as: UTF8.self) } ?? "perilune"
    signal(SIGXFSZ, SIG_IGN)  // a file that may grow no further is an error to report, and its temporary one to remove
    do {
      let options = try CommandLineOptions(arguments)
      if options.showsHelp {
        print("usage: \(program) [options] [script [args]]\n" + CommandLineOptions.usage, terminator: "")
        return 0
      }
      return try Session(arguments, options).run(install)
    } catch let misuse as CommandLineOptions.Misuse {
      complain(
        "\(program): \(misuse.message)\nusage: \(program) [options] [script [args]]\n"
          + CommandLineOptions.usage, end: "")
    } catch let error as LuaError {
      report(error, program: program)
      return error.isInterrupt ? 130 : 1
    } catch {
      complain("\(program): \(error)")
    }
    return 1
  }

  /// The arguments as bytes: `CommandLine.arguments` repairs what is not UTF-8.
  private static func processArguments() -> [[UInt8]] {
    (0..<Int(CommandLine.argc)).map { i in
      CommandLine.unsafeArgv[i].map { Array(UnsafeRawBufferPointer(start: $0, count: strlen($0))) } ?? []
    }
  }

  static func complain(_ text: String, end: String = "\n") {
    fflush(stdout)
    fputs(text + end, stderr)
    fflush(stderr)
  }

  /// "program: message" and the traceback, as lua.c; nil at the prompt.
  static func report(_ error: LuaError, program: String?) {
    complain(
      (program.map { $0 + ": " } ?? "") + error.message
        + (error.traceback.map { "\n" + hideOwnFrames($0) } ?? ""))
  }

  /// Drops the frames of chunks that the shell and the engine made themselves.
  static func hideOwnFrames(_ traceback: String) -> String {
    traceback.split(separator: "\n", omittingEmptySubsequences: false)
      .filter { !$0.hasPrefix("\tperilune:") && !$0.contains("<perilune:") }.joined(separator: "\n")
  }
}

/// One run of the interpreter.
final class Session {
  let arguments: [[UInt8]]
  let options: CommandLineOptions
  let lua: Lua
  /// The folder of the Lua part, once it is found.
  private(set) var standardLibrary: String?

  init(_ arguments: [[UInt8]], _ options: CommandLineOptions) throws {
    self.arguments = arguments
    self.options = options
    if options.showsVersion { print("\(Interpreter.version)\n\(Lua.copyright)") }
    lua = try Lua(memoryLimit: options.run.maxMemory, ignoreEnvironment: options.ignoresEnvironment)
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
    let hadPrompt = try runAsLua()
    lua.close()
    fflush(stdout)
    return Interrupt.endedWork && !hadPrompt ? 130 : 0
  }

  /// True if there was a prompt.
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
    let hasScript = options.script < arguments.count
    if hasScript { try runScript() }
    if options.isInteractive {
      try Prompt(self).run()
      return true
    } else if !hasScript && !options.hasExecute && !options.showsVersion {
      if isatty(STDIN_FILENO) != 0 {
        print("\(Interpreter.version)\n\(Lua.copyright)")
        try Prompt(self).run()
        return true
      }
      try lua.loadFile(nil).call([])
    }
    return false
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

  private func runScript() throws {
    let name = arguments[options.script]
    let isInput = name == Array("-".utf8) && arguments[options.script - 1] != Array("--".utf8)
    let chunk = try lua.loadFile(isInput ? nil : name)
    guard case .table(let table) = try lua.global("arg") else {
      throw LuaError(kind: "lua", message: "'arg' is not a table")
    }
    let count = try table.count
    try chunk.call(count < 1 ? [] : (1...count).map { try table.get($0) })
  }
}

/// Where the Lua part of Perilune lies: beside the executable or above it, wherever that was moved.
enum StandardLibrary {
  static func find(ignoringEnvironment: Bool) -> String? {
    func holds(_ folder: String) -> Bool { access(folder + "/perilune.lua", R_OK) == 0 }
    if !ignoringEnvironment, let named = ProcessInfo.processInfo.environment["PERILUNE_STDLIB"],
      !named.isEmpty
    {
      return named
    }
    guard let executable = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else {
      return nil
    }
    var folder = executable
    while let slash = folder.lastIndex(of: "/") {
      folder = String(folder[..<slash])
      for place in ["/stdlib", "/share/perilune"] where holds(folder + place) { return folder + place }
    }
    return nil
  }
}
