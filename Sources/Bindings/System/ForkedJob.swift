/// A Lua function that runs in a child process. Independent seeds then use one core each and never wait for each other.
import Base
import Foundation
import LuaEngine

enum ForkedJob {
  private static let started =
    "job = require 'perilune.system'.fork(function(send) send 'hello' end)\n"

  static func declaration() -> NativeClass<ChildProcess> {
    var job = NativeClass<ChildProcess>("Job", group: "system")
    job.method(
      "lines",
      Page(
        "job:lines(seconds = 0)",
        "A list of the complete lines received since the last call. Waits up to `seconds` for the first.",
        example: started + "repeat lines = job:lines(1) until lines[1]\nprint(lines[1])", prints: "hello")
    ) { call, job in
      try call.push(.list(job.lines(waiting: try call.isNil(2) ? 0 : call.number(2)).map { .string($0) }))
      return 1
    }
    job.method(
      "status",
      Page(
        "job:status()",
        "The exit status, or nothing while the child runs: 0, 1 after an error, 130 after Ctrl-C, 128 + n after "
          + "signal n.",
        example: started + "repeat job:lines(0.01) until job:status()\nprint(job:status())", prints: "0")
    ) { call, job in
      guard let status = job.status() else { return 0 }
      try call.pushInteger(Int(status))
      return 1
    }
    job.method(
      "stop",
      Page(
        "job:stop()", "Kills the child if it runs, and waits for its end.",
        example: """
          job = require 'perilune.system'.fork(function() while true do end end)
          job:stop()
          print(job:status())
          """, prints: "137")
    ) { _, job in
      job.stop()
      return 0
    }
    job.method(
      "terminate",
      Page(
        "job:terminate()", "Asks the child to end, by SIGTERM.",
        example: """
          job = require 'perilune.system'.fork(function() while true do end end)
          job:terminate()
          repeat job:lines(0.01) until job:status()
          print(job:status())
          """, prints: "143")
    ) { _, job in
      job.terminate()
      return 0
    }
    job.method(
      "threads",
      Page(
        "job:threads(count)",
        "Gives the child's kernels `count` threads from their next operation on, whatever it had set "
          + "itself. Results do not depend on it.",
        errors: "count is no whole number from 1 to 256",
        example: """
          system = require 'perilune.system'
          wanted = system.threads() + 3
          job = system.fork(function(send)
            repeat system.sleep(0.001) until system.threads() == wanted
            send 'three more'
          end)
          job:threads(wanted)
          print(job:lines(10)[1])
          """, prints: "three more")
    ) { call, job in
      job.useThreads(try call.threads(2))
      return 0
    }
    return job
  }

  static func fork(_ call: Call) throws -> Int {
    let body = try call.function(1)
    let threads = call.isNil(2) ? nil : try call.threads(2)
    try call.pushObject(ChildProcess.fork(threads: threads) { run(body, call.lua, $0) })
    return 1
  }

  /// The exit status: 0, 130 after Ctrl-C, 1 after another error, which is printed.
  private static func run(_ body: LuaFunction, _ lua: Lua, _ output: ChildProcess.Output) -> Int32 {
    do {
      let send = try lua.function("send") { call in
        try output.send(call.bytes(1))
        return 0
      }
      try body.call([.function(send)])
      return 0
    } catch {
      FileHandle.standardError.write(Data("perilune: in a child process: \(error)\n".utf8))
      return Interrupt.isPending || (error as? LuaError)?.isInterrupt == true ? 130 : 1
    }
  }
}
