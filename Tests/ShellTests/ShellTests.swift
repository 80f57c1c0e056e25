/// The built interpreter, run as a user runs it: options, scripts, standard input, exit codes, errors.
///
/// Expected texts are those of Debian's lua5.4 5.4.4, except for the name of the program and the last `[C]:
/// in ?`.
import Foundation
import Testing

struct Outcome {
  let out: String
  let error: String
  let code: Int32
}

/// The executable beside the test bundle.
let executable = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
  .deletingLastPathComponent().appendingPathComponent("perilune").path

/// Where a program that is built with counters of coverage or a sanitizer writes what it finds.
let instruments = ProcessInfo.processInfo.environment.filter {
  ["LLVM_PROFILE_FILE", "ASAN_OPTIONS", "TSAN_OPTIONS"].contains($0.key)
}

/// Runs perilune in `folder` and waits for it; `interrupts` are the times, in ms, of Ctrl-C presses after its
/// first output. Of presses that come while a busy machine does not run the process only one counts:
/// `pressesUntilItEnds` goes on.
func perilune(
  _ arguments: [String], input: String = "", environment: [String: String] = [:], folder: String? = nil,
  program: String? = nil,
  interrupts: [UInt32] = [], pressesUntilItEnds: Bool = false
) throws -> Outcome {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: program ?? executable)
  process.arguments = arguments
  if let folder { process.currentDirectoryURL = URL(fileURLWithPath: folder) }
  process.environment = ["PATH": "/usr/bin:/bin", "HOME": NSTemporaryDirectory()]
    .merging(instruments) { $1 }.merging(environment) { $1 }
  let files = (0..<3).map { _ in NSTemporaryDirectory() + "/shell-" + UUID().uuidString }
  defer { files.forEach { try? FileManager.default.removeItem(atPath: $0) } }
  try input.write(toFile: files[0], atomically: false, encoding: .utf8)
  for file in files.dropFirst() { _ = FileManager.default.createFile(atPath: file, contents: nil) }
  process.standardInput = FileHandle(forReadingAtPath: files[0])
  process.standardOutput = FileHandle(forWritingAtPath: files[1])
  process.standardError = FileHandle(forWritingAtPath: files[2])
  try process.run()
  if !interrupts.isEmpty {
    for _ in 0..<2000 where (try? String(contentsOfFile: files[1], encoding: .utf8))?.isEmpty != false {
      usleep(5000)
    }
    for wait in interrupts {
      usleep(wait * 1000)
      kill(process.processIdentifier, SIGINT)
    }
    while pressesUntilItEnds && process.isRunning {
      usleep(100_000)
      kill(process.processIdentifier, SIGINT)
    }
  }
  process.waitUntilExit()
  return Outcome(
    out: (try? String(contentsOfFile: files[1], encoding: .utf8)) ?? "",
    error: ((try? String(contentsOfFile: files[2], encoding: .utf8)) ?? "")
      .replacingOccurrences(of: program ?? executable, with: "perilune"),
    code: process.terminationStatus)
}

func withFolder(_ files: [String: String], _ body: (String) throws -> Void) throws {
  let folder = NSTemporaryDirectory() + "/shell-" + UUID().uuidString
  try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  for (name, text) in files {
    let path = folder + "/" + name
    try FileManager.default.createDirectory(
      atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try text.write(toFile: path, atomically: false, encoding: .utf8)
  }
  try body(folder)
}

@Suite(.serialized) struct StandAlone {
  @Test func optionsRunInOrder() throws {
    #expect(try perilune(["-e", "x = 1", "-ex = x + 1", "-e", "print(x)"]).out == "2\n")
    #expect(
      try perilune(["-l", "str=string", "-lm=math", "-e", "print(m.sin(0), str.upper 'a')"]).out == "0.0\tA\n"
    )
    let banner = try perilune(["-v", "-e", "print 'hello'"]).out
    #expect(banner.hasSuffix("PUC-Rio\nhello\n"))
    #expect(try perilune(["-W", "-e", "warn 'x'"]).error == "Lua warning: x\n")
    #expect(try perilune(["-e", "warn 'x'"]).error == "")
    #expect(try perilune(["--help"]).out.contains("--seed=N"))
    #expect(
      try perilune(["--seed=3", "--threads=2", "--no-init", "-e", "print(arg[0] ~= nil, 1)"]).out
        == "true\t1\n")
  }

  @Test func whatIsNotUTF8ArrivesByteForByte() throws {
    try withFolder([:]) { folder in
      let commands = """
        bad=$(printf '\\303\\050'); echo 'print(#arg[0], #arg[1])' > "$bad.lua"; "\(executable)" "$bad.lua" "$bad"
        "\(executable)" -e "print(#'$bad')"; LUA_INIT="print(#'$bad')" "\(executable)" -e ''
        """
      let outcome = try perilune(["-c", commands], folder: folder, program: "/bin/sh")
      #expect(outcome.out == "6\t2\n2\n2\n")
    }
  }

  @Test func inputsAndErrorsAreBytes() throws {
    try withFolder([:]) { folder in
      func shell(_ command: String) throws -> Outcome {
        try perilune(["-c", command], folder: folder, program: "/bin/sh")
      }
      let input = "printf '_PROMPT=\"\"\\nprint(#\"\\377\")\\n' | \"\(executable)\" -i | tr -d '\\377'"
      let typed = try shell(input)
      #expect(typed.out.contains("\n1\n"))  // as lua5.4 -i
      let bytes = try shell("\"\(executable)\" -e 'error(\"caf\\xe9\", 0)' 2>&1 | od -An -c | tr -d '\\n'")
      #expect(bytes.out.contains("c   a   f 351  \\n   s   t   a   c   k"))
      let zero = try shell("\"\(executable)\" -e 'error(\"a\\0b\", 0)' 2>&1 | tr '\\0' '0'")
      #expect(zero.out.contains(": a0b\nstack traceback:\n"))
    }
  }

  @Test func aScriptThatForgetsRequireGetsAHint() throws {
    let script = ["-e", "local s = tasks.sentiment()"]
    #expect(
      try perilune(script).error.hasSuffix(
        "perilune: 'tasks' is a part of the library; load it with: local tasks = require \"perilune\".tasks\n"
      ))
    #expect(try perilune(["-e", "T.zeros(2)"]).error.contains("local T = require \"perilune\".T"))
    #expect(try !perilune(["-e", "nothing.x = 1"]).error.contains("require"))
  }

  @Test func threadsAreThoseThatTheProcessMayUse() throws {
    guard access("/usr/bin/taskset", X_OK) == 0 else { return print("skipped: no taskset") }
    let count = "print(require 'perilune.system'.threads())"
    #expect(try perilune(["-c", "0", executable, "-e", count], program: "/usr/bin/taskset").out == "1\n")
  }

  @Test func aScriptsArgumentsAreBounded() throws {
    try withFolder(["a.lua": ""]) { folder in
      let lie = "arg = setmetatable({}, { __len = function() return 1 << 60 end })"
      let outcome = try perilune(["-e", lie, "a.lua"], folder: folder)
      #expect(outcome.code == 1 && outcome.error.hasPrefix("perilune: too many arguments to script"))
    }
  }

  @Test func aFileThatMayGrowNoFurtherIsAnErrorNotTheEnd() throws {
    try withFolder([:]) { folder in
      let write = "print(pcall(require 'perilune.system'.write_file, 'a', ('x'):rep(1e7)))"
      let outcome = try perilune(
        ["-c", "ulimit -f 8192; \"\(executable)\" -e \"\(write)\""], folder: folder, program: "/bin/sh")
      #expect(outcome.out.hasPrefix("false\tcannot write a: File too large"))
      let left = try FileManager.default.contentsOfDirectory(atPath: folder)
      #expect(left.isEmpty)
    }
  }

  /// A script whose output went to a full disk passed for a success.
  @Test func outputThatCannotBeWrittenIsSaidAtTheEnd() throws {
    func shell(_ command: String) throws -> (status: Int32, error: String) {
      let outcome = try perilune(["-c", command], program: "/bin/sh")
      return (outcome.code, outcome.error)
    }
    for words in [
      "-e 'print(1)'", "-e 'io.write((\"x\"):rep(1 << 20))'", "--help", "-e 'print(1) os.exit(0)'",
    ] {
      let lost = try shell("\"\(executable)\" \(words) >/dev/full")
      #expect(lost.status == 1 && lost.error.hasPrefix("perilune: cannot write the standard output: "))
    }
    #expect(try shell("\"\(executable)\" -e 'print(1) os.exit(3)' >/dev/full").status == 3)
    #expect(try shell("\"\(executable)\" -e 'print(1)' >&-") == (0, ""))
    #expect(try shell("\"\(executable)\" -e 'print(1)' | true") == (0, ""))
  }

  @Test func usageErrorsGiveOne() throws {
    for (arguments, message) in [
      (["-h"], "unrecognized option '-h'"), (["---"], "unrecognized option '---'"),
      (["-Ex"], "unrecognized option '-Ex'"),
      (["-vv"], "unrecognized option '-vv'"), (["-e"], "'-e' needs argument"),
      (["-l"], "'-l' needs argument"),
      (["--seed=x"], "invalid value in '--seed=x'"), (["--threads=0"], "invalid value in '--threads=0'"),
      (["--nothing"], "unrecognized option '--nothing'"),
      (["--max-memory=-1"], "invalid value in '--max-memory=-1'"),
    ] {
      let outcome = try perilune(arguments)
      #expect(outcome.code == 1)
      #expect(outcome.out == "")
      #expect(outcome.error.hasPrefix("perilune: \(message)\nusage: "))
    }
  }

  @Test func scriptsSeeTheirArguments() throws {
    try withFolder([
      "a.lua": "print(#arg, arg[0], arg[-1], arg[-2], ...)",
      "h.lua": "#!/usr/bin/env perilune\nprint(debug.getinfo(1).currentline)",
    ]) { folder in
      #expect(
        try perilune(["-e ", "--", "a.lua", "x", "y"], folder: folder).out == "2\ta.lua\t--\t-e \tx\ty\n")
      #expect(try perilune(["h.lua"], folder: folder).out == "2\n")
      #expect(try perilune(["-", "-h"], input: "print(arg[1])").out == "-h\n")
      #expect(try perilune([], input: "print(10)\nprint(2)\n").out == "10\n2\n")
      let missing = try perilune(["nosuch.lua"], folder: folder)
      #expect(
        missing.error == "perilune: cannot open nosuch.lua: No such file or directory\n" && missing.code == 1)
    }
  }

  @Test func errorsGoToStandardErrorWithATraceback() throws {
    try withFolder(["e.lua": "local function f() error('boom') end\nf()\n"]) { folder in
      let outcome = try perilune(["e.lua"], folder: folder)
      #expect(outcome.code == 1)
      #expect(outcome.out == "")
      #expect(
        outcome.error == """
          perilune: e.lua:1: boom
          stack traceback:
          \t[C]: in function 'error'
          \te.lua:1: in local 'f'
          \te.lua:2: in main chunk

          """)
    }
    #expect(try perilune(["-e", "error{}"]).error.hasPrefix("perilune: (error object is a table value)\n"))
    #expect(
      try perilune(["-e", "error(setmetatable({}, {__tostring = function() return 'mine' end}))"]).error
        == "perilune: mine\n")
    #expect(try perilune(["-e", "a"]).error == "perilune: (command line):1: syntax error near <eof>\n")
    let deep = try perilune(["-e", "local function f() return 1 + f() end f()"])
    #expect(deep.code == 1 && deep.error.contains("stack overflow"))
    let hungry = try perilune([
      "--max-memory=8M", "-e", "local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(100) .. i end",
    ])
    #expect(hungry.code == 1 && hungry.error.contains("not enough memory"))
  }

  @Test func exitCodesAreLuas() throws {
    for (code, expected) in [
      ("os.exit(3)", 3), ("os.exit(true, true)", 0), ("os.exit(false)", 1), ("", 0), ("error()", 1),
    ] as [(String, Int32)] {
      #expect(try perilune(["-e", code]).code == expected)
    }
    #expect(
      try perilune([
        "-e",
        "local x <close> = setmetatable({}, {__close = function() print 'closed' end}) os.exit(0, true)",
      ]).out == "closed\n")
    try withFolder([:]) { folder in
      _ = try perilune(["-e", "io.output('o.txt') io.write('alo')"], folder: folder)
      #expect(try String(contentsOfFile: folder + "/o.txt", encoding: .utf8) == "alo")
    }
  }

  @Test func theEnvironmentIsRead() throws {
    #expect(try perilune(["-e", "print(package.path)"], environment: ["LUA_PATH": "x"]).out == "x\n")
    #expect(
      try perilune(
        ["-E", "-e", "print(package.path:find 'xxx')"],
        environment: ["LUA_PATH": "xxx", "LUA_INIT": "error()"]
      ).out == "nil\n")
    #expect(
      try perilune(["-e", "print(X)"], environment: ["LUA_INIT": "X=3", "LUA_INIT_5_4": "X=10"]).out == "10\n"
    )
    #expect(
      try perilune(["-e", ""], environment: ["LUA_INIT": "error('msg')"]).error.hasPrefix(
        "perilune: LUA_INIT:1: msg"))
  }

  @Test func thePromptWorksWithoutATerminal() throws {
    let quiet = ["-e", "_PROMPT='' _PROMPT2=''", "-i"]
    #expect(
      try perilune(quiet, input: "(6*2-6) -- x\na =\n10\nprint(a)\na").out.hasSuffix(
        "(6*2-6) -- x\n6\na =\n10\nprint(a)\n10\na\n10\n\n"))
    #expect(
      try perilune(["-i"], input: "local z = 4\nz = z + 1\n=z\nerror('x')\nz\n").out.hasSuffix(
        "> =z\n5\n> error('x')\n> z\n5\n> \n"))
    #expect(try perilune(["-e", "print=nil", "-i"], input: "10").error.contains("error calling 'print'"))
  }

  @Test func theLibraryIsFoundFromAnywhere() throws {
    let file = "return {where = debug.getinfo(1, 'S').source}"
    try withFolder(["app/bin/keep": "", "app/stdlib/perilune.lua": file, "other/perilune.lua": file]) {
      folder in
      let moved = folder + "/app/bin/perilune"
      try FileManager.default.copyItem(atPath: executable, toPath: moved)
      try FileManager.default.createSymbolicLink(atPath: folder + "/link", withDestinationPath: moved)
      let print = ["-e", "print(require 'perilune'.where)"]
      let real = URL(fileURLWithPath: folder).resolvingSymlinksInPath().path
      #expect(try perilune(print, folder: "/", program: moved).out == "@\(real)/app/stdlib/perilune.lua\n")
      #expect(
        try perilune(print, folder: folder, program: folder + "/link").out
          == "@\(real)/app/stdlib/perilune.lua\n")
      #expect(
        try perilune(print, environment: ["PERILUNE_STDLIB": folder + "/other"]).out
          == "@\(folder)/other/perilune.lua\n")
    }
  }

  @Test func controlCIsCatchableOnceAndEndsWith130() throws {
    let caught = try perilune(
      ["-e", "io.write('go'):flush() pcall(function() while true do end end) print(42)"], interrupts: [20])
    #expect(caught.out == "go42\n" && caught.code == 0)
    let product = try perilune(
      [
        "-e",
        "local a = require('perilune.tensor').zeros(5000, 5000) io.write('go'):flush() print(pcall(a.matmul, a, a))",
      ],
      interrupts: [20])
    #expect(product.code == 0 && product.out.hasPrefix("gofalse\t") && product.out.contains("interrupted!"))
    let stopped = try perilune(["-e", "io.write('go'):flush() while true do end"], interrupts: [20])
    #expect(
      stopped.code == 130
        && stopped.error.hasPrefix("perilune: (command line):1: interrupted!\nstack traceback:"))
    let coroutine = try perilune(
      ["-e", "io.write('go'):flush() coroutine.wrap(function() while true do end end)()"], interrupts: [20])
    #expect(coroutine.code == 130)
    let swallowed = try perilune(
      ["-e", "io.write('go'):flush() while true do pcall(function() while true do end end) end"],
      interrupts: [20, 50],
      pressesUntilItEnds: true)
    #expect(swallowed.code == 130)
    let native = try perilune(
      ["-e", "io.write('go'):flush() string.find(('a'):rep(100000), ('.-'):rep(5) .. 'b')"],
      interrupts: [20, 50, 50],
      pressesUntilItEnds: true)
    #expect(native.code == 130)
    // Work that Ctrl-C ended early and that kept what it had: the script goes on, and its end still tells.
    let kept = "require 'perilune.system'.ended_by_interrupt() print 'on'"
    let ended = try perilune(["-e", kept])
    #expect(ended.code == 130 && ended.out == "on\n")
    #expect(try perilune(["-i", "-e", kept]).code == 0)
  }
}
