/// `perilune.system`: clock, threads, files, terminal and child processes, for scripts that run experiments.
import Base
import CKernels
import Foundation
import LuaEngine
import Tensors

enum SystemModule {
  static func install(_ library: Library) throws {
    try checkLevel()
    try library.add(
      NativeModule("system", group: "system") { module in
        addProcess(&module)
        ProgramControl.add(&module)
        RefusedMemory.add(&module)
        addFiles(&module)
        addRandom(&module)
      })
    try library.add(ForkedJob.declaration())
  }

  static var kernelLevel: String { levels[Int(ck_best_level())] }

  private static let levels: [String] = (0..<8).compactMap { ck_level_name($0).map(String.init(cString:)) }

  /// The levels of this processor, the best last.
  private static var available: ArraySlice<String> { levels.prefix(Int(ck_processor_level()) + 1) }

  /// Refuses a value of PERILUNE_KERNELS that is no level, or one that the processor has not.
  private static func checkLevel() throws {
    guard let wanted = ProcessInfo.processInfo.environment["PERILUNE_KERNELS"], !available.contains(wanted)
    else { return }
    let known = available.joined(separator: ", ")
    throw Failure(
      .value,
      levels.contains(wanted)
        ? "PERILUNE_KERNELS is '\(wanted)', a level that this processor has not: it has \(known)"
        : "PERILUNE_KERNELS must be one of \(known), not '\(Quoted.name(wanted))'")
  }

  private static func addProcess(_ module: inout NativeModule) {
    module.function(
      "clock",
      Page(
        "system.clock()", "Seconds since the machine started, for measuring durations.",
        example: """
          system = require 'perilune.system'
          start = system.clock()
          print(system.clock() >= start)
          """, prints: "true")
    ) { call in
      try call.pushNumber(ProcessInfo.processInfo.systemUptime)
      return 1
    }
    module.function(
      "threads",
      Page(
        "system.threads(count = nil)",
        "The number of threads that the kernels use. With a count, sets it first.",
        errors: "count is no whole number from 1 to 256",
        example: "print(require 'perilune.system'.threads() >= 1)",
        prints: "true")
    ) { call in
      if !call.isNil(1) { Parallel.threads = try call.threads(1) }
      try call.pushInteger(Parallel.threads)
      return 1
    }
    module.function(
      "kernel_level",
      Page(
        "system.kernel_level()",
        "The instructions that the kernels use: \"scalar\", \"vector\", \"avx512\" or \"avx512_bf16\", the best of the processor, or a "
          + "lower level that the environment variable PERILUNE_KERNELS names. All give the same bits.",
        example: "print(type(require 'perilune.system'.kernel_level()))", prints: "string")
    ) { call in
      try call.pushString(kernelLevel)
      return 1
    }
    module.function(
      "kernel_levels",
      Page(
        "system.kernel_levels()",
        "A list of the levels of instructions that this processor has, the best last: what PERILUNE_KERNELS may name.",
        also: "system.kernel_level",
        example: "print(table.concat(require 'perilune.system'.kernel_levels(), ' '):match '^scalar vector')",
        prints: "scalar vector")
    ) { call in
      try call.push(.list(available.map { .string($0) }))
      return 1
    }
    module.function(
      "memory",
      Page(
        "system.memory() -> live, peak", "Bytes of the tensors alive, and the peak of that number.",
        example: """
          live, peak = require 'perilune.system'.memory()
          print(peak >= live)
          """, prints: "true")
    ) { call in
      try call.pushInteger(MemoryAccount.liveBytes)
      try call.pushInteger(MemoryAccount.peakBytes)
      return 2
    }
    module.function(
      "ended_by_interrupt",
      Page(
        "system.ended_by_interrupt()",
        "Records that Ctrl-C ended work early and its result was returned: a script then exits with status 130, and the "
          + "next press of Ctrl-C is again one that can be caught.",
        example: """
          system = require 'perilune.system'
          ok, problem = pcall(system.interrupt, 'enough')
          print(system.is_interrupt(problem))
          system.ended_by_interrupt()
          """, prints: "true")
    ) { call in
      Interrupt.endedWork = true
      call.lua.interruptWasHandled()
      return 0
    }
    module.function(
      "is_interrupt",
      Page(
        "system.is_interrupt(err)",
        "Whether an error is that of Ctrl-C: an error object of kind \"interrupted\". The text of an error does not count.",
        example: "print(require 'perilune.system'.is_interrupt('interrupted!'))", prints: "false")
    ) { call in
      let isInterrupt = (call.objectIfAny(1) as? ErrorObject)?.kind == Failure.Kind.interrupted.rawValue
      if isInterrupt { Lua.interruptWasRecognised() }
      try call.pushBoolean(isInterrupt)
      return 1
    }
    module.function(
      "is_out_of_memory",
      Page(
        "system.is_out_of_memory(err)",
        "Whether an error is that of a lack of memory: an error object of kind \"memory\", one that such an error caused, or a text "
          + "that says \"not enough memory\" as Lua's own does.",
        example: "print(require 'perilune.system'.is_out_of_memory('not enough memory'))", prints: "true")
    ) { call in
      try call.pushBoolean(isOutOfMemory(call))
      return 1
    }
    module.function(
      "is_terminal",
      Page(
        "system.is_terminal(descriptor = 2)",
        "Whether a file descriptor is a terminal: 0 is input, 1 output, 2 errors.",
        example: "print(type(require 'perilune.system'.is_terminal(1)))", prints: "boolean")
    ) { call in
      try call.pushBoolean(isatty(call.isNil(1) ? 2 : Int32(clamping: try call.integer(1))) == 1)
      return 1
    }
    module.function(
      "fork",
      Page(
        "system.fork(f, threads = nil) -> Job",
        "Runs f(send) in a child process, a copy of this one; send(text) passes a line to the parent. "
          + "Nothing else is shared. Its kernels begin with `threads` threads, nil for as many as "
          + "here; see job:threads.",
        errors:
          "no process can be started; threads is no whole number from 1 to 256; an error of f is printed to the child's standard error and its status is 1",
        example: """
          job = require 'perilune.system'.fork(function(send) send(tostring(6 * 7)) end)
          repeat lines = job:lines(1) until lines[1]
          print(lines[1])
          """, prints: "42"), ForkedJob.fork)
  }

  private static func isOutOfMemory(_ call: Call) -> Bool {
    if call.kind(1) == .string { return (try? call.string(1))?.contains("not enough memory") == true }
    var next = call.objectIfAny(1) as? ErrorObject
    while let error = next {
      if error.kind == Failure.Kind.memory.rawValue || error.message.contains("not enough memory") {
        return true
      }
      next = error.cause
    }
    return false
  }

  private static func addFiles(_ module: inout NativeModule) {
    module.function(
      "write_file",
      Page(
        "system.write_file(path, bytes)",
        "Writes a file atomically: a temporary file beside it is written, synced and renamed.",
        errors: "the file cannot be written; the message names the step that failed",
        example: """
          path = os.tmpname()
          require 'perilune.system'.write_file(path, 'moon')
          print(io.open(path):read 'a')
          os.remove(path)
          """, prints: "moon")
    ) { call in
      try AtomicFile.write(try call.bytes(2), to: try call.string(1))
      return 0
    }
    module.function(
      "make_folder",
      Page(
        "system.make_folder(path)", "Creates a folder and its parents. A folder that exists is accepted.",
        errors: "a part of the path is a file, or cannot be created",
        example: """
          require 'perilune.system'.make_folder '/tmp'
          print(require 'perilune.system'.exists '/tmp')
          """, prints: "true")
    ) { call in
      try AtomicFile.makeFolder(try call.string(1))
      return 0
    }
    module.function(
      "replace_folder",
      Page(
        "system.replace_folder(path, finished)",
        "Renames the folder `finished` to `path`. A folder at `path` is exchanged for it in one step and removed: after a crash "
          + "either the old folder or the new one is there, complete.",
        errors: "`finished` is no folder, or is on another file system than `path`",
        example: """
          system = require 'perilune.system'
          path = os.tmpname()
          os.remove(path)
          system.make_folder(path .. '.new')
          system.replace_folder(path, path .. '.new')
          print(system.exists(path), system.exists(path .. '.new'), os.remove(path))
          """, prints: "true\tfalse\ttrue")
    ) { call in
      if let old = try AtomicFolder.replace(try call.string(1), with: try call.string(2)) {
        try? FileManager.default.removeItem(atPath: old)
      }
      return 0
    }
    module.function(
      "exists",
      Page(
        "system.exists(path)", "Whether a file or folder has this name.",
        example: "print(require 'perilune.system'.exists '/no/such/file')", prints: "false")
    ) { call in
      try call.pushBoolean(FileManager.default.fileExists(atPath: try call.string(1)))
      return 1
    }
    module.function(
      "list_folder",
      Page(
        "system.list_folder(path)", "A sorted list of the names of the files and folders in a folder.",
        errors: "the folder does not exist or cannot be read",
        example:
          "print(table.concat(require 'perilune.system'.list_folder '/proc/self', ' '):match 'status')",
        prints: "status")
    ) { call in
      let path = try call.string(1)
      guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else {
        throw Failure(.io, "'\(path)' is no folder that can be read")
      }
      try call.push(.list(names.sorted().map(LuaValue.string)))
      return 1
    }
    module.function(
      "expand_user",
      Page(
        "system.expand_user(path)",
        "The path with the home folder for `~` at its beginning: $HOME, else that of the password file. The path as it is "
          + "where there is no home folder, and in the sandbox.",
        errors: "path is no string",
        example: "print(require 'perilune.system'.expand_user('runs/~'))", prints: "runs/~")
    ) { call in
      let path = try call.string(1)
      try call.pushString(Sandbox.isOn ? path : Folders.expanded(path))
      return 1
    }
    module.function(
      "cache_folder",
      Page(
        "system.cache_folder()",
        "The folder for files that can be computed again, created if it does not exist: $PERILUNE_CACHE, "
          + "else $XDG_CACHE_HOME/perilune, else ~/.cache/perilune.",
        errors: "none of the variables is set, or the folder cannot be created",
        example: """
          system = require 'perilune.system'
          print(system.exists(system.cache_folder()))
          """, prints: "true")
    ) { call in
      try call.pushString(try Folders.cache())
      return 1
    }
    module.function(
      "sha256",
      Page(
        "system.sha256(bytes)", "The SHA-256 hash of a string, as 64 hexadecimal digits.",
        source: "FIPS 180-4, sec. 6.2", example: "print(require 'perilune.system'.sha256('abc'):sub(1, 16))",
        prints: "ba7816bf8f01cfea")
    ) { call in
      try call.pushString(try SHA256.hash(of: try call.bytes(1)))
      return 1
    }
    module.function(
      "sha256_file",
      Page(
        "system.sha256_file(path)", "The SHA-256 hash of the contents of a file, as 64 hexadecimal digits.",
        errors: "the file cannot be read", source: "FIPS 180-4, sec. 6.2",
        example: "print((pcall(require 'perilune.system'.sha256_file, '/no/such/file')))", prints: "false")
    ) { call in
      try call.pushString(try hash(ofFile: try call.string(1)))
      return 1
    }
  }

  private static func addRandom(_ module: inout NativeModule) {
    module.function(
      "uniform",
      Page(
        "system.uniform(seed, stream, step)",
        "A random number in [0, 1), a function of its arguments only. stream is a string.",
        source: "Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3, Philox4x32-10",
        example: """
          uniform = require 'perilune.system'.uniform
          print(uniform(1, 'coin', 1) == uniform(1, 'coin', 1))
          """, prints: "true")
    ) { call in
      var random = Philox(
        seed: UInt64(bitPattern: Int64(try call.integer(1))), stream: try call.string(2),
        step: UInt64(bitPattern: Int64(try call.integer(3))))
      try call.pushNumber(random.uniform())
      return 1
    }
    module.function(
      "permutation",
      Page(
        "system.permutation(n, seed, stream, step)",
        "A list of the positions 1, ..., n in random order, a function of its arguments only.",
        errors: "n is not from 0 to 2^28",
        source: "Fisher-Yates shuffle with the random numbers of system.uniform",
        example: """
          p = require 'perilune.system'.permutation(5, 1, 'epoch', 0)
          table.sort(p)
          print(table.concat(p, ' '))
          """, prints: "1 2 3 4 5")
    ) { call in
      let count = try call.integer(1)
      if count < 0 || count > 1 << 28 { throw call.bad(1, "expected 0..\(1 << 28), got \(count)") }
      let order = try Tensor.permutation(
        count, from: 1, seed: UInt64(bitPattern: Int64(try call.integer(2))), stream: try call.string(3),
        step: UInt64(bitPattern: Int64(try call.integer(4))))
      try call.pushIntegers(UnsafeBufferPointer(start: order.pointer(Int64.self), count: count))
      withExtendedLifetime(order) {}
      return 1
    }
  }

  /// SHA-256 of a file, read in blocks.
  private static func hash(ofFile path: String) throws -> String {
    guard let file = FileHandle(forReadingAtPath: path) else { throw FileCalls.failure("read", path) }
    defer { try? file.close() }
    let hash = try SHA256()
    while let block = try file.read(upToCount: 1 << 20), !block.isEmpty {
      try Interrupt.check()
      block.withUnsafeBytes { hash.update($0) }
    }
    return hash.finish()
  }
}
