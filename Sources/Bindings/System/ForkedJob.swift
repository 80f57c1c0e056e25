/// A Lua function that runs in a child process. Independent seeds then use one core each and never wait for each other.
import Base
import Foundation
import LuaEngine

enum ForkedJob {
  static func install(into lua: Lua) throws {
    var job = LuaClass<ChildProcess>("Job")
    job.method("lines") { call, job in
      try call.push(.list(job.lines(waiting: try call.isNil(2) ? 0 : call.number(2)).map { .string($0) }))
      return 1
    }
    job.method("status") { call, job in
      guard let status = job.status() else { return 0 }
      try call.pushInteger(Int(status))
      return 1
    }
    job.method("stop") { _, job in
      job.stop()
      return 0
    }
    try lua.register(job)
  }

  /// fork(f): runs f(send) in a child, where send(text) passes a line to the parent -> Job
  static func fork(_ call: Call) throws -> Int {
    let body = try call.function(1)
    try call.pushObject(ChildProcess.fork { run(body, call.lua, $0) })
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
