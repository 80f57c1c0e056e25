/// The prompt on a pseudo-terminal: editing keys, Ctrl-C, history, completion, display.
import Foundation
import Testing

/// A perilune on a pseudo-terminal, driven by keys.
final class Terminal {
  private let control: Int32
  private let process = Process()
  private(set) var output = ""
  /// All bytes that were read.
  private(set) var bytes: [UInt8] = []

  init(
    home: String, environment: [String: String] = [:], arguments: [String] = [], rows: Int = 24,
    columns: Int = 80
  ) throws {
    control = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC)
    var number: Int32 = 0
    var locked: Int32 = 0
    _ = ioctl(control, 0x4004_5431, &locked)  // TIOCSPTLCK
    _ = ioctl(control, 0x8004_5430, &number)  // TIOCGPTN
    let device = "/dev/pts/\(number)"
    resize(rows: rows, columns: columns)
    // setsid gives the child this terminal as its own, so that the key Ctrl-C becomes a signal.
    process.executableURL = URL(fileURLWithPath: "/usr/bin/setsid")
    process.arguments =
      ["-w", "sh", "-c", "exec \"$0\" \"$@\" <\(device) >\(device) 2>&1", executable] + arguments
    process.environment = ["PATH": "/usr/bin:/bin", "HOME": home, "TERM": "dumb", "INPUTRC": "/dev/null"]
      .merging(instruments) { $1 }.merging(environment) { $1 }
    try process.run()
  }

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    close(control)
  }

  /// Changes the size of the terminal, which sends SIGWINCH to the program.
  func resize(rows: Int, columns: Int) {
    var size = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
    _ = ioctl(control, UInt(TIOCSWINSZ), &size)
  }

  /// Types bytes; a long text is read meanwhile, so that neither side waits for the other.
  func type(_ bytes: [UInt8]) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let piece = Array(rest.prefix(1024))
      _ = write(control, piece, piece.count)
      rest = rest.dropFirst(piece.count)
      if !rest.isEmpty { drain(0) }
    }
  }

  /// Reads what there is, after at most so many milliseconds.
  @discardableResult
  func drain(_ milliseconds: Int32) -> [UInt8] {
    var poller = pollfd(fd: control, events: Int16(POLLIN), revents: 0)
    guard poll(&poller, 1, milliseconds) > 0 else { return [] }
    var buffer = [UInt8](repeating: 0, count: 65536)
    let count = read(control, &buffer, buffer.count)
    guard count > 0 else { return [] }
    bytes += buffer[..<count]
    return Array(buffer[..<count])
  }

  /// Types `keys`, then reads until `text` appears after what was read before.
  @discardableResult
  func type(_ keys: String, until text: String, seconds: Double = 10) -> String {
    _ = keys.withCString { write(control, $0, strlen($0)) }
    return wait(text, seconds: seconds)
  }

  @discardableResult
  func wait(_ text: String, seconds: Double = 10) -> String {
    var seen = ""
    let end = Date().addingTimeInterval(seconds)
    while Date() < end {
      var poller = pollfd(fd: control, events: Int16(POLLIN), revents: 0)
      if poll(&poller, 1, 50) > 0 {
        let piece = drain(0)
        if piece.isEmpty { break }
        seen += String(decoding: piece, as: UTF8.self).replacingOccurrences(of: "\r\n", with: "\n")
          .replacingOccurrences(of: "\r", with: "")
      }
      if seen.contains(text) { break }
    }
    output += seen
    return seen
  }

  /// True while the terminal collects lines, as it does outside an editor.
  var isCanonical: Bool {
    var settings = termios()
    return tcgetattr(control, &settings) == 0 && settings.c_lflag & tcflag_t(ICANON) != 0
  }

  /// The exit status; a process that does not end within 20 seconds is killed, so that its test fails.
  func waitForExit() -> Int32 {
    let end = Date().addingTimeInterval(20)
    while process.isRunning && Date() < end { usleep(20_000) }
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
    return process.terminationStatus
  }
}

@Suite(.serialized) struct OnATerminal {
  /// Each entry: what is typed, and what must be shown before the next prompt.
  func session(_ steps: [(String, String)], home: String, environment: [String: String] = [:]) throws {
    let terminal = try Terminal(home: home, environment: environment)
    #expect(terminal.wait("> ").contains("PUC-Rio"))
    for (keys, expected) in steps {
      if keys == "\u{03}" { usleep(100_000) }  // two signals at once would arrive as one
      let seen = terminal.type(keys, until: expected)
      #expect(seen.contains(expected), "typed \(keys.debugDescription), saw \(seen.debugDescription)")
    }
    terminal.type("\u{04}", until: "\n")
    #expect(terminal.waitForExit() == 0)
  }

  @Test func resultsLocalsAndContinuation() throws {
    try withFolder([:]) { home in
      try session(
        [
          ("1 + 1\n", "\n2\n> "), ("=3\n", "\n3\n> "), ("_ + 1\n", "\n4\n> "), ("local z = 7\n", "\n> "),
          ("z * 2\n", "\n14\n> "),
          ("z = 8; local y\n", "\n> "), ("z, y\n", "\n8\tnil\n> "), ("'a', nil\n", "\na\tnil\n> "),
          ("5;\n", "5;\n> "),
          ("for i = 1, 2 do\n", "\n>> "), ("print(i)\n", "\n>> "), ("end\n", "\n1\n2\n> "),
          ("{1, {b = 2, a = 'x'}, [10] = true}\n", "\n{1, {a = \"x\", b = 2}, [10] = true}\n> "),
          ("t = {} t.t = t\n", "\n> "), ("t\n", "\n{t = <cycle>}\n> "), ("{{{{1}}}}\n", "\n{{{{...}}}}\n> "),
          ("bad bad\n", "stdin:1: syntax error near 'bad'\n> "), ("error 'x'\n", "\nstdin:1: x\n> "),
          ("local made = 5; error 'y'\n", "\nstdin:1: y\n> "), ("made\n", "\n5\n> "),
          ("local early = 6 return 1\n", "\n1\n> "), ("early\n", "\n6\n> "), ("made = 9\n", "\n> "),
          ("made, _G.made\n", "\n9\tnil\n> "),
          ("local c <const> = 4\n", "\n> "), ("c + 1\n", "\n5\n> "),
          ("g = 1; local g\n", "\n> "), ("g, _G.g\n", "\nnil\t1\n> "),
          ("function f() return made end\n", "\n> "),
          ("f(), _G.f == f\n", "\n9\ttrue\n> "),
          ("%time 40 + 1\n", "s\n41\n> "), ("%time local q = 3\n", "\nwall "), ("\n", "\n> "),
          ("q\n", "\n3\n> "),
          ("> 40 + 2\n", "\n42\n> "), ("?logsumex\n", "did you mean 'logsumexp'?\n> "),
        ], home: home)
    }
  }

  @Test func theBannerNamesTheHelp() throws {
    try withFolder([:]) { home in
      let terminal = try Terminal(home: home)
      #expect(terminal.wait("> ").contains("help()"))
    }
  }

  @Test(arguments: [SIGTERM, SIGHUP]) func aSignalThatEndsTheSessionRestoresTheTerminal(_ signal: Int32)
    throws
  {
    try withFolder([:]) { home in
      let terminal = try Terminal(home: home)
      terminal.wait("> ")
      let seen = terminal.type("io.open('/proc/self/stat'):read 'n' | 0\n", until: "\n> ")
      let pid = try #require(seen.split(separator: "\n").compactMap { Int32($0) }.last)
      #expect(!terminal.isCanonical)
      kill(pid, signal)
      #expect(terminal.waitForExit() != 0)
      #expect(terminal.isCanonical)
    }
  }

  @Test func optionsOfAFunctionAreCompletedInItsTable() throws {
    try withFolder([:]) { home in
      try session(
        [
          ("align.train\n", "\n> "), ("do local o = { align.train { warm\t", "{ warmup"),
          ("\u{03}", "\n> "),
        ], home: home)
    }
  }

  @Test func exitLeaves() throws {
    try withFolder([:]) { home in
      let terminal = try Terminal(home: home)
      terminal.wait("> ")
      terminal.type("exit\n", until: "exit")
      #expect(terminal.waitForExit() == 0)
    }
  }

  @Test func controlCClearsTheLineAndStopsTheEvaluation() throws {
    try withFolder([:]) { home in
      try session(
        [
          ("abc\u{03}", "\n> "), ("1 + 2\n", "\n3\n> "), ("for i = 1, 3 do\n", ">> "), ("\u{03}", "\n> "),
          ("kept = 1\n", "\n> "),
          // The loops say when they run: an earlier Ctrl-C would only cancel the line.
          ("io.write('g', 'o'):flush() while true do end\n", "\ngo"), ("\u{03}", "interrupted!\n> "),
          ("kept\n", "\n1\n> "),
          ("io.write('g', 'o'):flush() coroutine.wrap(function() while true do end end)()\n", "\ngo"),
          ("\u{03}", "interrupted!\n> "),
          ("io.write('g', 'o'):flush() while true do pcall(function() while true do end end) end\n", "\ngo"),
          ("\u{03}", "interrupted!\n> "),
          ("io.write('g', 'o'):flush() io.read()\n", "\ngo"), ("\u{03}", "\n> "), ("kept\n", "\n1\n> "),
        ], home: home)
    }
  }

  @Test func errorsHaveTheLineOfTheUser() throws {
    try withFolder([:]) { home in
      try session(
        [
          ("for _ in ipairs(nil) do end\n", "\nstdin:1: attempt to index a nil value"),
          ("%save /no/such/x.lua\n", "\ncannot write /no/such/x.lua: No such file or directory\n> "),
          ("io.write('g', 'o'):flush() while true do help.page 'align' end\n", "\ngo"),
          ("\u{03}", "stdin:1: interrupted!\n> "),
        ], home: home)
    }
  }

  @Test func historyOutlivesTheSession() throws {
    try withFolder([:]) { home in
      try session(
        [("11 * 11\n", "\n121\n> "), ("for i = 1, 1 do\n", ">> "), ("print('\\\\n') end\n", "> ")], home: home
      )
      let file = home + "/.local/state/perilune/history"
      #expect(
        try String(contentsOfFile: file, encoding: .utf8)
          == "11 * 11\nfor i = 1, 1 do\\nprint('\\\\\\\\n') end\n")
      #expect(try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int == 0o600)
      try session([("\u{10}\u{10}\n", "\n121\n> ")], home: home)
    }
  }

  /// A name that is not there is answered by the help, never by an error of the prompt itself.
  @Test func helpAnswersEveryName() throws {
    try withFolder([:]) { home in
      try session(
        [
          ("?align.train.resume\n", "\n> "), ("?ipo\n", "Identity preference optimisation"),
          ("1\n", "\n1\n> "),
          ("?align.train.zzz\n", "no help on 'align.train.zzz'"), ("2\n", "\n2\n> "),
          ("?math.pi.x\n", "no help on 'math.pi.x'"), ("3\n", "\n3\n> "),
          ("?x.y\n", "no help on 'x.y'"), ("4\n", "\n4\n> "),
        ], home: home)
    }
  }

  @Test func theLibraryIsCompletedBeforeAnyOfItIsUsed() throws {
    try withFolder([:]) { home in
      try session(
        [
          ("T.logsume\t ~= nil\n", "T.logsumexp ~= nil\ntrue\n> "),
          ("align.tra\t ~= nil\n", "align.train ~= nil\ntrue\n> "),
          ("align.judge.go\t ~= nil\n", "align.judge.gold ~= nil\ntrue\n> "),
        ], home: home)
    }
  }

  @Test func modulesAreNamedWithoutRequireAndWordsAreCompleted() throws {
    let library = [
      "lib/perilune.lua":
        "return setmetatable({parts = {align = ''}}, {__index = function(_, n) if n == 'align' or n == 'broken' then return require('perilune.' .. n) end end})",
      "lib/align.lua":
        "return {train = 5, loss = function() end, refuse = function() error('align.refuse: no', 2) end, fail = function() return nil + 1 end}",
      "lib/broken.lua": "x = = 1",
      "lib/session/commands.lua": """
      return {by_name = {}, words = function() return {lua = {}, other = {}} end,
        perform = function(_, name, argument) print(name .. ' ' .. argument) end}
      """,
    ]
    try withFolder(library) { home in
      try session(
        [
          ("align.tr\t\n", "align.train\n5\n> "), ("align.refuse()\n", "\nstdin:1: align.refuse: no\n> "),
          ("align.fail()\n", "\nstdin:1: attempt to perform arithmetic on a nil value\n(raised at "),
          ("1;\n", "\n> "),
          ("1\n", "\n1\n> "), ("ali\t.train\n", "\n5\n> "),
          ("pairs == _G.pairs, _G.align\n", "\ntrue\tnil\n> "),
          ("local word = 'x'\n", "\n> "), ("word:upp\t()\n", "word:upper()\nX\n> "),
          ("?align.train\n", "\nhelp align.train\n> "),
          ("math.sin?\n", "\nhelp math.sin\n> "), ("broken\n", "cannot load 'broken'"),
          ("coroutine.isy\t()\n", "isyieldable()\nfalse\n> "),
        ], home: home, environment: ["PERILUNE_STDLIB": home + "/lib"])
    }
  }
}
