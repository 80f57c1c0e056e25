/// What terminals answer, among keys, in pieces; and keys by their names.
import Foundation
import Testing

@testable import Plots

private func answers(_ text: String, pieces: Int = 1) -> TerminalAnswers {
  var found = TerminalAnswers()
  let bytes = Array(text.utf8)
  for start in stride(from: 0, to: bytes.count, by: pieces) {
    found.take(Array(bytes[start..<min(start + pieces, bytes.count)]))
  }
  return found
}

@Suite struct TerminalAnswersTests {
  /// What the terminals send, by their documentation and source: kitty 0.35, foot 1.16, xterm 379, iTerm2 3.5, tmux 3.3.
  @Test(arguments: [
    ("\u{1B}_Gi=31;OK\u{1B}\\\u{1B}P>|kitty(0.35.2)\u{1B}\\\u{1B}[6;20;10t\u{1B}[?62;c", true, false, false),
    ("\u{1B}P>|foot(1.16.2)\u{1B}\\\u{1B}[6;18;9t\u{1B}[?62;4;22c", false, false, true),
    ("\u{1B}P>|XTerm(379)\u{1B}\\\u{1B}[?64;1;2;6;9;15;16;17;18;21;22;28c", false, false, false),
    ("\u{1B}[ITERM2 3.5.0n\u{1B}P>|iTerm2 3.5.0\u{1B}\\\u{1B}[?62;4c", false, true, true),
    ("\u{1B}P>|tmux 3.3a\u{1B}\\\u{1B}[?1;2;4c", false, false, true),
    ("\u{1B}_Gi=31;ENOTSUPPORTED:no\u{1B}\\\u{1B}[?4c", false, false, false),
  ]) func knownTerminalsAreRead(_ text: String, _ kitty: Bool, _ iterm: Bool, _ sixel: Bool) {
    for pieces in [1, 2, 7, 1000] {
      let found = answers(text, pieces: pieces)
      #expect(found.hasKitty == kitty && found.hasIterm == iterm && found.hasSixel == sixel)
      #expect(found.isComplete && found.keys.isEmpty && found.rest.isEmpty)
    }
  }

  @Test func keysAreKeptInTheirOrder() {
    let typed = "ls\u{1B}[A\u{1B}OP\u{1B}[200~paste\u{1B}[201~é\r"
    let text = "ls\u{1B}[A\u{1B}_Gi=31;OK\u{1B}\\\u{1B}OP\u{1B}[200~pa\u{1B}[?62;4cste\u{1B}[201~é\r"
    for pieces in [1, 3, 1000] {
      let found = answers(text, pieces: pieces)
      #expect(String(decoding: found.keys, as: UTF8.self) == typed)
      #expect(found.hasKitty && found.hasSixel)
    }
  }

  @Test func aLoneEscapeIsLeftToTheCaller() {
    var found = answers("a\u{1B}")
    #expect(found.keys == [97] && found.rest == [0x1B])
    found.take(Array("[?6c".utf8))
    #expect(found.isComplete && found.rest.isEmpty)
  }

  @Test func anythingIsTakenWithoutHarm() {
    var generator = SystemRandomNumberGenerator()
    let signs = Array("\u{1B}_P[?c;0123456789Gi=OK\\ITERM2 tn".utf8)
    for _ in 0..<2000 {
      let bytes = (0..<Int.random(in: 1...40, using: &generator)).map { _ in
        signs[Int.random(in: 0..<signs.count, using: &generator)]
      }
      var found = TerminalAnswers()
      for byte in bytes { found.take([byte]) }
      #expect(found.keys.count + found.rest.count <= bytes.count)
    }
  }

  @Test func keysHaveNames() {
    var keys = Keys()
    keys.take(Array("n\u{1B}[C\u{1B}OA\r\t\u{7F}é\u{1B}[5~\u{1B}[15~\u{1B}x\u{1B}".utf8))
    var names: [String] = []
    while let name = keys.next(isAtRest: true) { names.append(name) }
    #expect(
      names == ["n", "right", "up", "enter", "tab", "backspace", "é", "pageup", "", "escape", "x", "escape"])
  }

  @Test func aSequenceThatHasNotArrivedIsWaitedFor() {
    var keys = Keys()
    keys.take([0x1B])
    #expect(keys.next(isAtRest: false) == nil)
    keys.take(Array("[".utf8))
    #expect(keys.next(isAtRest: false) == nil)
    keys.take(Array("D".utf8))
    #expect(keys.next(isAtRest: false) == "left")
    #expect(keys.next(isAtRest: false) == nil && keys.isEmpty)
  }
}
