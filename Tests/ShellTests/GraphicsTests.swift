/// Figures at the prompt of a terminal that answers what it can draw.
import Foundation
import Testing

private let hasPictures = dlopen("librsvg-2.so.2", RTLD_NOW) != nil

extension OnATerminal {
  private static let figure = "require 'perilune.plot'.line {y = {1, 2}, title = 'gap'}\n"
  private static let environment = ["TERM": "xterm-256color", "LC_ALL": "C.UTF-8"]

  /// Types a figure and, once the terminal is asked, `answer`; returns what is shown up to `sign`.
  private func shown(_ answer: String, until sign: String, then keys: String, _ result: String) throws {
    try withFolder([:]) { home in
      let terminal = try Terminal(home: home, environment: Self.environment)
      terminal.wait("> ")
      #expect(terminal.type(Self.figure, until: "\u{1B}[c").contains("\u{1B}_Gi=31"))
      #expect(terminal.type(answer, until: sign).contains(sign))
      if !keys.isEmpty { terminal.wait("> ") }
      let isThere = keys.isEmpty && terminal.output.contains(result)
      let seen = isThere ? terminal.output : terminal.type(keys, until: result)
      #expect(seen.contains(result) && !seen.contains("62;"), "\(seen.debugDescription)")
    }
  }

  @Test(.enabled(if: hasPictures)) func aTerminalWithKittysGraphicsGetsAPNG() throws {
    try shown("\u{1B}_Gi=31;OK\u{1B}\\\u{1B}[?62;c", until: "\u{1B}_Ga=T,f=100", then: "20 + 22\n", "42")
  }

  @Test(.enabled(if: hasPictures)) func aTerminalWithSixelsGetsThem() throws {
    try shown("\u{1B}[?62;4;22c", until: "\u{1B}P0;1;0q", then: "20 + 22\n", "42")
  }

  @Test func anotherTerminalGetsBrailleAndKeysTypedBeforeTheAnswerAreKept() throws {
    try shown("20 + 22\n\u{1B}[?62;22c", until: "┤", then: "", "42")
  }
}
