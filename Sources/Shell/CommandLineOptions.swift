/// What the command line asks for, and how it is read: lua's own options exactly as lua.c reads them, ours
/// with two dashes only.
import Foundation

/// The settings of a run that are not Lua's business.
public struct RunSettings {
  public var seed: UInt64?
  public var threads: Int?
  /// Bytes, for the Lua heap and native values each.
  public var maxMemory: Int?
  public var readsInit = true
  public var usesColor = true
  public init() {}
}

struct CommandLineOptions {
  enum Action: Equatable {
    case execute([UInt8]), require([UInt8]), warningsOn
  }

  var run = RunSettings()
  var actions: [Action] = []
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
        return
      }
      let letter = argument.dropFirst().first ?? "-"
      let rest = String(argument.dropFirst(2))
      switch letter {
      case "-" where rest.isEmpty:
        script = i + 1
        return
      case "-": try long(argument)
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
  }

  private mutating func long(_ argument: String) throws {
    let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(
      String.init)
    func value<T>(_ read: (String) -> T?) throws -> T {
      guard parts.count == 2 else { throw Misuse(message: "'\(parts[0])' needs '=value'") }
      guard let value = read(parts[1]) else { throw Misuse(message: "invalid value in '\(argument)'") }
      return value
    }
    switch parts[0] {
    case "--help" where parts.count == 1: showsHelp = true
    case "--version" where parts.count == 1: showsVersion = true
    case "--no-init" where parts.count == 1: run.readsInit = false
    case "--no-color" where parts.count == 1: run.usesColor = false
    case "--seed": run.seed = try value { UInt64($0) }
    case "--threads": run.threads = try value { Int($0).flatMap { (1...1024).contains($0) ? $0 : nil } }
    case "--max-memory": run.maxMemory = try value(Self.bytes)
    default: throw Misuse(message: "unrecognized option '\(argument)'")
    }
  }

  /// "512M", "2G", "1.5G" or plain bytes.
  static func bytes(_ text: String) -> Int? {
    let units: [Character: Double] = ["K": 1024, "M": 1_048_576, "G": 1_073_741_824]
    let unit = text.last.flatMap { units[Character($0.uppercased())] }
    guard let number = Double(unit == nil ? text : String(text.dropLast())), number > 0 else { return nil }
    return Int(exactly: (number * (unit ?? 1)).rounded())
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
      --seed=N           seed of every random stream
      --threads=N        threads of the numeric core; results do not depend on it
      --max-memory=SIZE  limit on the Lua heap and on tensors, such as 512M or 2G
      --no-init          do not read init.lua at the prompt
      --no-color         no colour at the prompt

    """
}
