/// The part of `perilune.system` about the program itself: how signals stop it, and starting programs in its place.
import Base
import Foundation
import LuaEngine

enum ProgramControl {
  private static let modes: [(name: String, mode: StopMode)] = [
    ("end", .ends), ("raise", .raises), ("wait", .waits),
  ]

  static func add(_ module: inout NativeModule) {
    addSignals(&module)
    module.function(
      "sleep",
      Page(
        "system.sleep(seconds)", "Waits, at most until a signal comes.",
        errors: "the time is not from 0 to 86,400 seconds; Ctrl-C is pressed",
        example: """
          system = require 'perilune.system'
          from = system.clock()
          system.sleep(0.01)
          print(system.clock() - from >= 0.01)
          """, prints: "true")
    ) { call in
      let seconds = try call.number(1)
      guard (0...86_400).contains(seconds) else {
        throw call.bad(1, "expected 0 to 86,400 seconds, got \(seconds)")
      }
      poll(nil, 0, Int32((seconds * 1000).rounded(.up)))
      try Interrupt.check()
      return 0
    }
    module.function(
      "program",
      Page(
        "system.program()", "The path of the running program.",
        example: "print(require 'perilune.system'.program():sub(1, 1))", prints: "/")
    ) { call in
      let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
      try call.pushString(path ?? CommandLine.arguments[0])
      return 1
    }
    module.function(
      "exec",
      Page(
        "system.exec(list)",
        "Replaces this process by a program with its arguments; for the child of system.fork.",
        errors: "the list is empty or holds other values than strings; the program cannot be started",
        example: """
          system = require 'perilune.system'
          job = system.fork(function() system.exec {'/bin/sh', '-c', 'exit 7'} end)
          repeat job:lines(0.01) until job:status()
          print(job:status())
          """, prints: "7")
    ) { call in
      let words = try call.table(1).strings()
      if words.isEmpty { throw call.bad(1, "expected a program and its arguments, got an empty list") }
      fflush(nil)
      var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
      execvp(words[0], &arguments)
      throw Failure(.io, "cannot start '\(Quoted.name(words[0]))': \(String(cString: strerror(errno)))")
    }
  }

  private static func addSignals(_ module: inout NativeModule) {
    module.function(
      "on_stop",
      Page(
        "system.on_stop(mode = nil) -> mode",
        "What SIGUSR2 and SIGTERM do, and, with a mode, from now on: \"end\" the process, as they do by default; "
          + "\"raise\" "
          + "the error of Ctrl-C; or \"wait\" until a step is complete, where system.stop_signal tells of them, and of "
          + "Ctrl-C. The same signal again is raised. Returns the mode before.",
        errors: "the mode is another",
        example: """
          system = require 'perilune.system'
          print(system.on_stop 'wait', system.on_stop 'end')
          """, prints: "end\twait")
    ) { call in
      let before = modes.first { $0.mode == Lua.stopMode }?.name ?? "end"
      if !call.isNil(1) {
        let given = try call.string(1)
        guard let mode = modes.first(where: { $0.name == given })?.mode else {
          throw call.bad(1, "expected end, raise or wait, got '\(Quoted.name(given))'")
        }
        Lua.stopMode = mode
      }
      try call.pushString(before)
      return 1
    }
    module.function(
      "stop_signal",
      Page(
        "system.stop_signal()",
        "\"USR2\", \"TERM\" or \"INT\" (Ctrl-C) once that signal has asked the process to stop and waits, or nil.",
        example: "print(require 'perilune.system'.stop_signal() == nil)", prints: "true")
    ) { call in
      guard let number = Lua.stopSignal else { return 0 }
      try call.pushString(number == SIGUSR2 ? "USR2" : number == SIGINT ? "INT" : "TERM")
      return 1
    }
    module.function(
      "interrupt",
      Page(
        "system.interrupt(message)",
        "Raises an error as Ctrl-C does, with a message. The program then ends with 75, \"run me again\" "
          + "(EX_TEMPFAIL), after SIGUSR2, else with 130.",
        example: """
          system = require 'perilune.system'
          ok, problem = pcall(system.interrupt, 'enough')
          print(system.is_interrupt(problem), problem.message)
          """, prints: "true\tenough")
    ) { call in
      let message = try call.string(1)
      Lua.stopWasRaised()
      throw Failure(.interrupted, message)
    }
    module.function(
      "refused",
      Page(
        "system.refused(message)",
        "Raises an error of the kind \"io\", which says what the system refuses, with a message: for what it refused "
          + "another process.",
        example: """
          system = require 'perilune.system'
          ok, problem = pcall(system.refused, 'the disk is full')
          print(problem.kind, problem.message)
          """, prints: "io\tthe disk is full")
    ) { call in throw Failure(.io, try call.string(1)) }
  }
}
