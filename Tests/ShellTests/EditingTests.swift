/// The prompt on a terminal that has colours and a cursor that moves: what its screen shows.
import Foundation
import Testing

/// A program on a pseudo-terminal, and the screen that its output makes.
private final class Screen {
  let terminal: Terminal
  private(set) var model: ScreenModel
  private var used = 0

  init(
    home: String, environment: [String: String] = [:], arguments: [String] = [], rows: Int = 24,
    columns: Int = 80
  ) throws {
    let variables = ["TERM": "xterm-256color"].merging(environment) { $1 }
    terminal = try Terminal(
      home: home, environment: variables, arguments: arguments, rows: rows, columns: columns)
    model = ScreenModel(rows: rows, columns: columns)
    wait { $0.last == ">" }
  }

  var lines: [String] { model.lines }
  /// The output as text, with its sequences.
  var output: String { String(decoding: terminal.bytes, as: UTF8.self) }

  /// Reads until the lines of the screen satisfy the condition; false after 10 seconds.
  @discardableResult
  func wait(_ condition: ([String]) -> Bool) -> Bool {
    let end = Date().addingTimeInterval(10)
    while Date() < end {
      terminal.drain(20)
      model.write(Array(terminal.bytes[used...]))
      used = terminal.bytes.count
      if condition(model.lines) { return true }
    }
    return false
  }

  /// Types keys and waits until the last lines of the screen are these.
  func type(_ keys: String, shows last: [String], line: Int = #line) throws {
    terminal.type(Array(keys.utf8))
    let isShown = wait { $0.suffix(last.count) == last[...] }
    try #require(isShown, "line \(line): typed \(keys.debugDescription), the screen shows \(model.lines)")
  }
}

@Suite(.serialized) struct Editing {
  private let up = "\u{1B}[A", down = "\u{1B}[B", left = "\u{1B}[D"

  private func pasted(_ text: String) -> String { "\u{1B}[200~\(text)\u{1B}[201~" }

  @Test func anEntryOfSeveralLinesIsEditedAndRecalledWhole() throws {
    try withFolder([:]) { home in
      let screen = try Screen(home: home)
      try screen.type("for i = 1, 2 do\r", shows: ["> for i = 1, 2 do", ">>"])
      try screen.type("print(j)\r", shows: [">> print(j)", ">>"])
      // Up into the line above, where j becomes i; Enter in a complete entry runs it from anywhere.
      try screen.type("end", shows: [">> print(j)", ">> end"])
      try screen.type("\(up)\u{05}\(left)\u{7F}i", shows: [">> print(i)", ">> end"])
      try screen.type("\r", shows: [">> print(i)", ">> end", "1", "2", ">"])
      try screen.type("1 + 1\r", shows: ["> 1 + 1", "2", ">"])
      try screen.type(up + up, shows: ["> for i = 1, 2 do", ">> print(i)", ">> end"])
      // The cursor is on the first line, so Up goes on in the history and Down goes through the lines.
      try screen.type(down + down + "\u{05} --", shows: ["> for i = 1, 2 do", ">> print(i)", ">> end --"])
      try screen.type("\r", shows: [">> end --", "1", "2", ">"])
      let history = home + "/.local/state/perilune/history"
      #expect(
        try String(contentsOfFile: history, encoding: .utf8)
          == "for i = 1, 2 do\\nprint(i)\\nend\n1 + 1\nfor i = 1, 2 do\\nprint(i)\\nend --\n")
    }
  }

  @Test func altEnterAlwaysBeginsALineAndBlankLinesEndNothing() throws {
    try withFolder([:]) { home in
      let screen = try Screen(home: home)
      try screen.type("x = 5\u{1B}\rx", shows: ["> x = 5", ">> x"])
      try screen.type("\r", shows: [">> x", "5", ">"])
      try screen.type("do\r\r\rend\r", shows: ["> do", ">>", ">>", ">> end", ">"])
    }
  }

  @Test func controlCAndControlDLeaveAnEntry() throws {
    try withFolder([:]) { home in
      let screen = try Screen(home: home)
      try screen.type("do\rprint(1)", shows: ["> do", ">> print(1)"])
      try screen.type("\u{03}", shows: [">> print(1)^C", ">"])
      try screen.type("do\r", shows: ["> do", ">>"])
      screen.terminal.type([4])  // as lua: the end of input shows what is missing
      #expect(screen.wait { $0.contains { $0.contains("'end' expected near <eof>") } && $0.last == ">" })
      try screen.type("abc\u{01}\u{04}", shows: ["> bc"])
      try screen.type("\u{03}", shows: ["> bc^C", ">"])
      screen.terminal.type([4])
      #expect(screen.terminal.waitForExit() == 0)
    }
  }

  @Test func upSearchesEntriesThatBeginSo() throws {
    try withFolder([:]) { home in
      let screen = try Screen(home: home)
      for (entry, value) in [("a1 = 1", nil), ("b1 = 2", nil), ("a2 = 3", nil), ("1 + 1", "2")]
        as [(String, String?)]
      {
        try screen.type(entry + "\r", shows: ["> " + entry] + (value.map { [$0] } ?? []) + [">"])
      }
      try screen.type("a" + up, shows: ["> a2 = 3"])
      try screen.type(up, shows: ["> a1 = 1"])
      try screen.type(down, shows: ["> a2 = 3"])
      try screen.type(down, shows: ["> a"])
      try screen.type("\u{15}" + up, shows: ["> 1 + 1"])
      try screen.type("\u{15}\u{12}b1", shows: ["(reverse-i-search)`b1': b1 = 2"])
      try screen.type("\r", shows: ["> b1 = 2", ">"])
      try screen.type(up + up, shows: ["> 1 + 1"])  // b1 = 2 is the last, and there once
      try screen.type(up + up + up, shows: ["> a1 = 1"])
    }
  }

  @Test func aPastedBlockIsOneEntryWithoutItsPromptsAndOutput() throws {
    try withFolder([:]) { home in
      let screen = try Screen(home: home)
      try screen.type(
        pasted("local n = 2\r\nfor i = 1, n do\r\n  print(i)\r\nend\r\n"),
        shows: [
          "> local n = 2", ">> for i = 1, n do", ">>   print(i)", ">> end",
        ])
      try screen.type("\r", shows: ["1", "2", ">"])
      try screen.type(
        pasted("> x = 20\n> x + 1\n21\n> for i = 1, 1 do\n>> print(x)\n>> end\n20\n"),
        shows: [
          "> x = 20", ">> x + 1", ">> for i = 1, 1 do", ">> print(x)", ">> end",
        ])
      try screen.type("\r", shows: ["21", "20", ">"])
      try screen.type("th> x + 2\r", shows: ["22", ">"])
      try screen.type(pasted("a > b"), shows: ["> a > b"])
    }
  }

  @Test func linesThatAskForHelpAreAnsweredInTheMiddleOfAnEntry() throws {
    try withFolder([:]) { home in
      let screen = try Screen(home: home, rows: 60)
      screen.terminal.type(Array("for i = 1, 1 do\r?logsumex\r".utf8))
      #expect(
        screen.wait { $0.contains("no help on 'logsumex'; did you mean 'logsumexp'?") && $0.last == ">>" })
      try screen.type("print(7) end\r", shows: ["> for i = 1, 1 do", ">> print(7) end", "7", ">"])
      screen.terminal.type(Array((pasted("x = 4\n?logsumexp\nx * 2") + "\r").utf8))
      #expect(screen.wait { $0.suffix(2) == ["8", ">"] })
    }
  }

  @Test func aHundredKilobytesArePasted() throws {
    try withFolder([:]) { home in
      let screen = try Screen(home: home)
      let text = "t = {\n" + (1...5000).map { "  \($0), -- a comment\n" }.joined() + "}"
      #expect(text.utf8.count > 100_000)
      screen.terminal.type(Array(pasted(text).utf8))
      #expect(screen.wait { $0.suffix(2) == [">>   5000, -- a comment", ">> }"] })
      try screen.type("\r", shows: [">> }", ">"])
      try screen.type("#t\r", shows: ["> #t", "5000", ">"])
    }
  }

  @Test func bytesThatAreNoTextAndWideCharactersAreShownAndKept() throws {
    try withFolder([:]) { home in
      let screen = try Screen(home: home, columns: 12)
      screen.terminal.type(Array("#'".utf8) + [0xFF] + Array("'".utf8))
      #expect(screen.wait { $0.last == "> #'\\xff'" })
      try screen.type("\r", shows: ["1", ">"])
      try screen.type("#'漢字漢字'", shows: ["> #'漢字漢字", "'"])
      try screen.type("\r", shows: ["'", "12", ">"])
      try screen.type("'e\u{301}' x\u{7F}\u{7F}\r", shows: ["> 'e\u{301}'", "e\u{301}", ">"])
    }
  }

  @Test func fiveColumnsAreEnough() throws {
    try withFolder([:]) { home in
      let screen = try Screen(home: home, rows: 30, columns: 5)
      try screen.type("1234567 + 1", shows: ["> 123", "4567", "+ 1"])
      try screen.type("\r", shows: ["12345", "68", ">"])
      try screen.type("do\rend\r", shows: ["> do", ">> en", "d", ">"])
    }
  }

  @Test func aNewWidthRedrawsTheEntry() throws {
    try withFolder([:]) { home in
      let screen = try Screen(home: home)
      try screen.type("abcdefghij", shows: ["> abcdefghij"])
      let before = screen.terminal.bytes.count
      screen.terminal.resize(rows: 24, columns: 6)
      for _ in 0..<100 where screen.terminal.bytes.count == before { screen.terminal.drain(50) }
      var model = ScreenModel(rows: 24, columns: 6)
      model.write(Array("> abcdefghij".utf8))  // as the terminal has wrapped it
      model.write(Array(screen.terminal.bytes[before...]))
      #expect(model.lines == ["> abcd", "efghij"])
    }
  }

  @Test func coloursAreThoseOfTheTerminalAndCanBeLeftOut() throws {
    let keys = "local s = ('a' .. 1) -- c"
    try withFolder([:]) { home in
      let coloured = try Screen(home: home)
      try coloured.type("f(1)", shows: ["> f(1)"])
      try coloured.type("\u{15}" + keys, shows: ["> " + keys])
      for piece in ["\u{1B}[35mlocal\u{1B}[0m", "\u{1B}[32m'a'\u{1B}[0m", "\u{1B}[36m1", "\u{1B}[90m-- c"] {
        #expect(coloured.output.contains(piece), "\(piece.debugDescription)")
      }
      // The cursor just after the bracket that is closed shows its partner.
      #expect(coloured.output.contains("\u{1B}[1;4;36m(\u{1B}[0m"))
      for (environment, arguments) in [(["NO_COLOR": "1"], []), ([:], ["--no-color"])]
        as [([String: String], [String])]
      {
        let plain = try Screen(home: home, environment: environment, arguments: arguments)
        try plain.type(keys, shows: ["> " + keys])
        let sequence = plain.output.range(of: "\u{1B}\\[[0-9;]*m", options: .regularExpression)
        #expect(sequence == nil)
      }
    }
  }

  @Test func optionsAreListedWithTheirDefaults() throws {
    try withFolder([:]) { home in
      let screen = try Screen(home: home, rows: 40, columns: 100)
      screen.terminal.type(Array("align.loss.ipo { be\t".utf8))
      #expect(
        screen.wait { lines in
          lines.contains { $0.hasPrefix("beta = 0.1  ") } && lines.last == "> align.loss.ipo { beta"
        })
      try screen.type("\u{15}task = 'senti\t", shows: ["> task = 'sentiment'"])
      try screen.type("\u{15}align.loss.dp\t", shows: ["dpo       dpo_norm", "> align.loss.dpo"])
      try screen.type("\u{15}?logsume\t", shows: ["> ?logsumexp"])
    }
  }

  @Test func completionRunsNobodysCode() throws {
    try withFolder([:]) { home in
      let screen = try Screen(home: home)
      let trap = "function() print 'CALLED' end"
      let meta =
        "{__index = \(trap), __pairs = \(trap), __len = \(trap), __tostring = \(trap), __names = {'apple'}}"
      try screen.type("t = setmetatable({apricot = 1}, \(meta))\r", shows: [">"])
      try screen.type("t.ap\t", shows: ["> t.apricot"])
      try screen.type(
        "\u{15}t.apricot.x\t\u{15}t[1].x\t\u{15}t:x\t\u{15}tabl\t.inse\t", shows: ["> table.insert"])
      try screen.type("\u{15}io.open('\t\u{15}1\r", shows: ["1", ">"])
      #expect(!screen.lines.contains { $0.contains("CALLED") && !$0.contains("print") })
    }
  }

  @Test func fileNamesAreCompletedInStrings() throws {
    try withFolder(["a folder/with 'quotes'.lua": "", "a folder/b.lua": "", ".hidden": ""]) { home in
      let screen = try Screen(home: home)
      try screen.type("io.open('\(home)/a f\t", shows: [])
      #expect(screen.wait { $0.joined().hasSuffix("/a folder/") })
      screen.terminal.type(Array("wi\t".utf8))
      #expect(screen.wait { $0.joined().hasSuffix("/a folder/with \\'quotes\\'.lua'") })
      screen.terminal.type(Array(")\r".utf8))
      #expect(screen.wait { $0.contains { $0.hasPrefix("file (0x") } })
    }
  }

  @Test func theInitFileIsReadAtThePromptOnly() throws {
    let files = ["config/perilune/init.lua": "print 'HELLO'; greeting = 5"]
    try withFolder(files) { home in
      let environment = ["XDG_CONFIG_HOME": home + "/config"]
      let screen = try Screen(home: home, environment: environment)
      try screen.type("greeting\r", shows: ["> greeting", "5", ">"])
      #expect(screen.lines.contains("HELLO"))
      for arguments in [["--no-init"], ["-E", "-i"]] {
        let without = try Screen(home: home, environment: environment, arguments: arguments)
        try without.type("print(greeting)\r", shows: ["> print(greeting)", "nil", ">"])
        #expect(!without.lines.contains("HELLO"))
      }
      #expect(try perilune(["-i"], input: "greeting", environment: environment).out.contains("nil"))
    }
  }

  @Test func outputWithoutAnEndOfLineLeavesThePromptItsRow() throws {
    try withFolder([:]) { home in
      let screen = try Screen(home: home)
      try screen.type("io.write 'abc';\r", shows: ["> io.write 'abc';", "abc", ">"])
    }
  }
}
