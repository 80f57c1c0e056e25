/// `perilune.system`: clock, threads, files and terminal, for scripts that run experiments.
import Base
import Foundation
import LuaEngine
import Tensors

enum SystemModule {
  static func install(into lua: Lua) throws {
    try ForkedJob.install(into: lua)
    try lua.preload(
      "perilune.system",
      LuaModule { module in
        module.function("clock") { call in
          try call.pushNumber(ProcessInfo.processInfo.systemUptime)
          return 1
        }
        module.function("threads") { call in
          if !call.isNil(1) { Parallel.threads = try call.integer(1) }
          try call.pushInteger(Parallel.threads)
          return 1
        }
        module.function("ended_by_interrupt") { _ in
          Interrupt.endedWork = true
          return 0
        }
        module.function("memory") { call in
          try call.pushInteger(MemoryAccount.liveBytes)
          try call.pushInteger(MemoryAccount.peakBytes)
          return 2
        }
        module.function("write_file") { call in
          try AtomicFile.write(try call.bytes(2), to: try call.string(1))
          return 0
        }
        module.function("make_folder") { call in
          try AtomicFile.makeFolder(try call.string(1))
          return 0
        }
        module.function("exists") { call in
          try call.pushBoolean(FileManager.default.fileExists(atPath: try call.string(1)))
          return 1
        }
        module.function("replace_folder") { call in
          if let old = try AtomicFolder.replace(try call.string(1), with: try call.string(2)) {
            try? FileManager.default.removeItem(atPath: old)
          }
          return 0
        }
        module.function("list_folder") { call in
          let path = try call.string(1)
          guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else {
            throw Failure(.io, "'\(path)' is no folder that can be read")
          }
          try call.push(.list(names.sorted().map(LuaValue.string)))
          return 1
        }
        module.function("cache_folder") { call in
          try call.pushString(try Folders.cache())
          return 1
        }
        module.function("sha256") { call in
          try call.pushString(try SHA256.hash(of: try call.bytes(1)))
          return 1
        }
        module.function("sha256_file") { call in
          try call.pushString(try hash(ofFile: try call.string(1)))
          return 1
        }
        module.function("is_terminal") { call in
          try call.pushBoolean(isatty(call.isNil(1) ? 2 : Int32(clamping: try call.integer(1))) == 1)
          return 1
        }
        module.function("fork", ForkedJob.fork)
        module.function("uniform") { call in
          var random = Philox(
            seed: UInt64(bitPattern: Int64(try call.integer(1))), stream: try call.string(2),
            step: UInt64(bitPattern: Int64(try call.integer(3))))
          try call.pushNumber(random.uniform())
          return 1
        }
        module.function("permutation") { call in
          let count = try call.integer(1)
          if count < 0 || count > 1 << 28 { throw call.bad(1, "expected 0..\(1 << 28), got \(count)") }
          let order = try Tensor.permutation(
            count, from: 1, seed: UInt64(bitPattern: Int64(try call.integer(2))), stream: try call.string(3),
            step: UInt64(bitPattern: Int64(try call.integer(4))))
          try call.pushIntegers(UnsafeBufferPointer(start: order.pointer(Int64.self), count: count))
          withExtendedLifetime(order) {}
          return 1
        }
      })
  }

  /// SHA-256 of a file, read in pieces.
  private static func hash(ofFile path: String) throws -> String {
    guard let file = FileHandle(forReadingAtPath: path) else { throw Failure(.io, "cannot read \(path)") }
    defer { try? file.close() }
    let hash = try SHA256()
    while let piece = try file.read(upToCount: 1 << 20), !piece.isEmpty {
      try Interrupt.check()
      piece.withUnsafeBytes { hash.update($0) }
    }
    return hash.finish()
  }
}
