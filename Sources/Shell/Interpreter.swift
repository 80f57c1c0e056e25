/// The stand-alone interpreter: a drop-in `lua` with Perilune's modules.
///
/// `Run` follows the order of lua.c (5.4). This file reads the arguments and reports errors.
import Base
import Foundation
import Jupyter
import LuaEngine

public enum Interpreter {
  public static let version = "Perilune 0.1.0"
  static let invitation = "?name shows the help on a name, help() an overview; Tab completes."

  /// Makes the native modules known to a fresh state.
  public typealias Installer = (Lua, RunOptions) throws -> Void

  /// Runs the program and gives its exit code. `install` adds the native modules.
  public static func main(install: Installer = { _, _ in }) -> Int32 {
    let arguments = processArguments()
    let program =
      arguments.first.flatMap { $0.isEmpty ? nil : String(decoding: $0, as: UTF8.self) } ?? "perilune"
    // At the limit of a file's size a write then fails, and the temporary file is removed.
    signal(SIGXFSZ, SIG_IGN)
    do {
      let options = try CommandLineOptions(arguments)
      if options.showsHelp {
        print("usage: \(program) [options] [script [args]]\n" + CommandLineOptions.usage, terminator: "")
        return 0
      }
      if options.run.installsKernel {
        print(try KernelSpec.install(below: options.run.kernelPrefix, program: program), terminator: "")
        return 0
      }
      // Before the Lua state is made: the kernel takes the standard streams.
      let kernel = try options.run.kernel.map { try Kernel(connectionFile: $0, version: version) }
      let run = try Run(arguments, options, kernel: kernel)
      do {
        return try run.run(install)
      } catch let error as LuaError {
        report(error, program: program)
        if let hint = run.hint(for: error) { complain("\(program): \(hint)") }
        return error.isInterrupt ? Lua.interruptStatus : 1
      }
    } catch let misuse as CommandLineOptions.Misuse {
      complain(
        "\(program): \(misuse.message)\nusage: \(program) [options] [script [args]]\n"
          + CommandLineOptions.usage, end: "")
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

  static func complain(_ text: String, end: String = "\n") { complain(Array((text + end).utf8)) }

  /// Writes bytes to standard error. A Lua message may hold zeros and need not be UTF-8.
  private static func complain(_ bytes: [UInt8]) {
    fflush(stdout)
    _ = fwrite(bytes, 1, bytes.count, stderr)
    fflush(stderr)
  }

  /// "program: message" and the traceback, as lua.c; without a program at the prompt.
  static func report(_ error: LuaError, program: String?) {
    let traceback = error.traceback.map { "\n" + hideOwnFrames($0) } ?? ""
    complain(
      Array((program.map { $0 + ": " } ?? "").utf8) + error.messageBytes + Array((traceback + "\n").utf8))
  }

  /// Drops the frames of chunks that the shell and the engine made themselves.
  static func hideOwnFrames(_ traceback: String) -> String {
    traceback.split(separator: "\n", omittingEmptySubsequences: false)
      .filter { !$0.hasPrefix("\tperilune:") && !$0.contains("<perilune:") }.joined(separator: "\n")
  }
}
