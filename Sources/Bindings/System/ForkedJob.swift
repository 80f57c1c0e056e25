/// A Lua function that runs in a child process: how several seeds train side by side, one core each.
///
/// The child is a copy of the interpreter at the moment of the fork and sends lines of text back; it shares nothing
/// else. Seeds side by side use two cores better than one step cut in two, because they never wait for each other.
import Base
import CSystem
import Foundation
import LuaEngine
import Tensors

final class ForkedJob {
  private let pid: Int32
  private var descriptor: Int32
  private var pending: [UInt8] = []
  private var status: Int32?

  private init(pid: Int32, descriptor: Int32) {
    self.pid = pid
    self.descriptor = descriptor
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
    if status == nil {
      kill(pid, SIGKILL)
      var ignored: Int32 = 0
      waitpid(pid, &ignored, 0)
    }
  }

  static func install(into lua: Lua) throws {
    var job = LuaClass<ForkedJob>("Job")
    job.method("lines") { call, job in
      try call.push(.list(job.lines(waiting: try call.isNil(2) ? 0 : call.number(2)).map { .string($0) }))
      return 1
    }
    job.method("status") { call, job in
      guard let status = job.poll() else { return 0 }
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
    var readEnd: Int32 = -1
    var writeEnd: Int32 = -1
    let pid = shim_fork_with_pipe(&readEnd, &writeEnd)
    if pid < 0 { throw Failure(.io, "cannot start a child process: \(String(cString: strerror(errno)))") }
    if pid > 0 {
      try call.pushObject(ForkedJob(pid: pid, descriptor: readEnd))
      return 1
    }
    runChild(call.lua, body, writeEnd)
    return 0
  }

  private static func runChild(_ lua: Lua, _ body: LuaFunction, _ writeEnd: Int32) {
    do {
      let send = try lua.function("send") { call in
        var line = try call.bytes(1)
        line.append(UInt8(ascii: "\n"))
        var done = 0
        while done < line.count {
          let wrote = line.withUnsafeBytes {
            write(writeEnd, $0.baseAddress.unsafelyUnwrapped + done, line.count - done)
          }
          if wrote < 0 && errno != EINTR { throw Failure(.io, "the parent process is gone") }
          done += max(wrote, 0)
        }
        return 0
      }
      _ = try body.call([.function(send)])
      shim_exit_child(0)
    } catch {
      FileHandle.standardError.write(Data("perilune: in a child process: \(error)\n".utf8))
      shim_exit_child(Interrupt.isPending || "\(error)".contains("interrupted!") ? 130 : 1)
    }
  }

  /// Whole lines that have come, after waiting at most `seconds` for the first.
  private func lines(waiting seconds: Double) -> [String] {
    if descriptor >= 0 && seconds > 0 {
      var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      Foundation.poll(&wanted, 1, Int32(min(seconds, 3600) * 1000))
    }
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while descriptor >= 0 {
      let count = read(descriptor, &buffer, buffer.count)
      if count > 0 {
        pending.append(contentsOf: buffer[..<count])
      } else {
        if count == 0 {
          close(descriptor)
          descriptor = -1
        }
        break
      }
    }
    var parts = pending.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    pending = parts.isEmpty ? [] : Array(parts.removeLast())
    return parts.map { String(decoding: $0, as: UTF8.self) }
  }

  /// The exit status once the child has ended: its code, or 128 + the signal.
  private func poll() -> Int32? {
    if status == nil {
      var raw: Int32 = 0
      if waitpid(pid, &raw, WNOHANG) == pid {
        status = raw & 0x7f == 0 ? (raw >> 8) & 0xff : 128 + (raw & 0x7f)
      }
    }
    return status
  }

  private func stop() {
    if poll() != nil { return }
    kill(pid, SIGKILL)
    var raw: Int32 = 0
    waitpid(pid, &raw, 0)
    status = 128 + SIGKILL
  }
}
