/// What the command line asks for, and how it is read: lua's own options exactly as lua.c reads them, ours
/// with two dashes only.
import Base
import Foundation

struct CommandLineOptions {
  enum Action: Equatable {
    case execute([UInt8]), require([UInt8]), warningsOn
  }

  var run = RunOptions()
  var actions: [Action] = []
  /// What follows `--test`: paths, and the options of the test runner; nil without it.
  var testArguments: [[UInt8]]?
  var showsVersion = false
  var showsHelp = false
  var ignoresEnvironment = false
  var isInteractive = false
  var hasExecute: Bool { actions.contains { if case .execute = $0 { return true } else { return false } } }
  /// The index of the script in the arguments; their count if there is none.
  var script: Int

  /// A usage error: the message, without the program's name.
  struct Misuse: Error { let message: String }

  /// Reads the arguments, whose first is the program itself. They are bytes, as the system has them: a
  /// script, its name or its code need not be UTF-8.
  init(_ bytes: [[UInt8]]) throws {
    let arguments = bytes.map { String(decoding: $0, as: UTF8.self) }
    script = arguments.count
    var i = 1
    while i < arguments.count {
      let argument = arguments[i]
      guard argument.hasPrefix("-"), argument != "-" else {
        script = i
        try check()
        return
      }
      let letter = argument.dropFirst().first ?? "-"
      let rest = String(argument.dropFirst(2))
      switch letter {
      case "-" where rest.isEmpty:
        script = i + 1
        try check()
        return
      case "-" where argument == "--test":
        testArguments = Array(bytes[(i + 1)...])
        try check()
        return
      case "-":
        let next = i + 1 < arguments.count && !arguments[i + 1].hasPrefix("-") ? arguments[i + 1] : nil
        if try long(argument, next: next) { i += 1 }
      case "E" where rest.isEmpty: ignoresEnvironment = true
      case "i" where rest.isEmpty:
        isInteractive = true
        showsVersion = true
      case "v" where rest.isEmpty: showsVersion = true
      case "W" where rest.isEmpty: actions.append(.warningsOn)
      case "e", "l":
        var value = Array(bytes[i].dropFirst(2))
        if value.isEmpty {
          i += 1
          guard i < arguments.count, !arguments[i].hasPrefix("-") else {
            throw Misuse(message: "'\(argument)' needs argument")
          }
          value = bytes[i]
        }
        actions.append(letter == "e" ? .execute(value) : .require(value))
      default: throw Misuse(message: "unrecognized option '\(argument)'")
      }
      i += 1
    }
    try check()
  }

  /// Throws where options contradict each other.
  private func check() throws {
    if !run.isSandboxed && (!run.roots.isEmpty || run.maxOutput != nil) {
      throw Misuse(message: "'\(run.roots.isEmpty ? "--max-output" : "--root")' needs '--sandbox'")
    }
    if run.isSandboxed && run.installsKernel {
      throw Misuse(message: "'--install-kernel' writes outside of every root, which '--sandbox' refuses")
    }
  }

  /// Reads `--name`, `--name=VALUE` or `--name VALUE`; true if the next argument was the value.
  private mutating func long(_ argument: String, next: String?) throws -> Bool {
    let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(
      String.init)
    switch parts[0] {
    case "--help" where parts.count == 1: showsHelp = true
    case "--version" where parts.count == 1: showsVersion = true
    default:
      guard let option = RunOptions.declared.first(where: { "--" + $0.name == parts[0] }),
        option.value != nil || parts.count == 1
      else { throw Misuse(message: "unrecognized option '\(argument)'") }
      let takesNext = option.value != nil && parts.count == 1
      guard let value = takesNext ? next : parts.count == 2 ? parts[1] : "" else {
        throw Misuse(message: "'\(parts[0])' needs a value")
      }
      if !option.set(&run, value) {
        throw Misuse(message: "invalid value in '\(takesNext ? "\(argument) \(value)" : argument)'")
      }
      return takesNext
    }
    return false
  }

  static let usage = """
    Available options are:
      -e stat   execute string 'stat'
      -i        enter interactive mode after executing 'script'
      -l mod    require library 'mod' into global 'mod'
      -l g=mod  require library 'mod' into global 'g'
      -v        show version information
      -E        ignore environment variables
      -W        turn warnings on
      --        stop handling options
      -         stop handling options and execute stdin
      --help             show this text
      --version          show version information
      --test PATH... [--filter PATTERN]
                         run the tests of files, or of all *_test.lua below folders

    """
    + RunOptions.declared.map { option in
      let head = "--" + option.name + (option.value.map { "=" + $0 } ?? "")
      return "  \(head)\(String(repeating: " ", count: max(1, 19 - head.count)))\(option.sentence)\n"
    }.joined()
}
