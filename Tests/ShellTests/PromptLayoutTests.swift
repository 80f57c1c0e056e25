/// The rows of an entry, and the bytes that bring them to the screen, in a model of a terminal.
import Foundation
import Testing

@testable import Shell

@Suite struct PromptLayouts {
  private func layout(_ text: String, point: Int? = nil, columns: Int, prompt: String = "> ") -> PromptLayout
  {
    PromptLayout(
      prompt: Array(prompt.utf8), continuation: Array(">> ".utf8), text: Array(text.utf8),
      point: point ?? text.utf8.count, columns: columns, width: ScreenModel.width)
  }

  private func rows(_ layout: PromptLayout) -> [String] {
    layout.rows.map { String(decoding: $0.bytes, as: UTF8.self) }
  }

  @Test func eachLineHasItsPrompt() {
    let both = layout("do\nend", point: 6, columns: 80)
    #expect(rows(both) == ["> do", ">> end"])
    #expect(both.cursor == (1, 6))
    #expect(layout("do\nend", point: 2, columns: 80).cursor == (0, 4))
    #expect(rows(layout("do\n", columns: 80)) == ["> do", ">> "])
  }

  @Test func longLinesWrapAndAFullRowHasAnotherBelow() {
    let long = layout("abcdef", columns: 5)
    #expect(rows(long) == ["> abc", "def"])
    #expect(long.rows.map(\.isWrapped) == [false, true])
    #expect(long.cursor == (1, 3))
    let full = layout("abc", columns: 5)
    #expect(rows(full) == ["> abc", ""])
    #expect(full.cursor == (1, 0))
    #expect(rows(layout("abc\nd", columns: 5)) == ["> abc", "", ">> d"])
    #expect(layout("abcdef", point: 3, columns: 5).cursor == (1, 0))
  }

  @Test func charactersTakeTheirColumns() {
    let wide = layout("a漢字", columns: 5)  // no half of a character stands in the last column
    #expect(rows(wide) == ["> a漢", "字"])
    #expect(layout("ab漢", columns: 5).rows.map(\.columns) == [4, 2])
    #expect(layout("e\u{301}x", columns: 80).cursor == (0, 4))
    #expect(layout("漢x", point: 3, columns: 80).cursor == (0, 4))
    #expect(rows(layout("漢", columns: 1)) == [">", " ", "漢", ""])
  }

  @Test func whatCannotBePrintedIsShownByItsCode() {
    let bytes = PromptLayout(
      prompt: [], continuation: [], text: [0x61, 0xFF, 0xC3, 0x28, 0xED, 0xA0, 0x80, 1, 127], point: 9,
      columns: 80)
    let red = "\u{1B}[31m", plain = "\u{1B}[0m"
    #expect(rows(bytes) == ["a\(red)\\xff\\xc3\(plain)(\(red)\\xed\\xa0\\x80^A^?\(plain)"])
    #expect(bytes.cursor == (0, bytes.rows[0].columns))
    #expect(rows(layout("a\tb", columns: 80)) == ["> a     b"])
  }

  @Test func marksAndColoursOfAPromptTakeNoColumns() {
    let marked = layout("x", columns: 80, prompt: "\u{1}\u{1B}[1m\u{2}p\u{1B}[0m ")
    #expect(rows(marked) == ["\u{1B}[1mp\u{1B}[0m x"])
    #expect(marked.cursor == (0, 3))
    #expect(rows(layout("x", columns: 80, prompt: "[1]\n> ")) == ["[1]", "> x"])
  }

  @Test func coloursEndWithTheRow() {
    let text = Array("return 'abc'".utf8)
    let coloured = PromptLayout(
      prompt: Array("> ".utf8), continuation: [], text: text, styles: PromptStyle.styles(of: text, point: -1),
      point: 0,
      columns: 12)
    #expect(
      rows(coloured) == ["> \u{1B}[35mreturn\u{1B}[0m \u{1B}[32m'ab\u{1B}[0m", "\u{1B}[32mc'\u{1B}[0m"])
  }

  /// The text as a terminal would show it if it were written once, line by line: an independent reckoning.
  private func expected(_ text: String, columns: Int) -> [String] {
    text.split(separator: "\n", omittingEmptySubsequences: false).enumerated().flatMap {
      i, line -> [String] in
      var rows = [""], used = 0
      for character in (i == 0 ? "> " : ">> ") + line {
        let width = character.unicodeScalars.map { ScreenModel.width($0.value) }.reduce(0, +)
        if used + width > columns {
          rows.append("")
          used = 0
        }
        rows[rows.count - 1].append(character)
        used += width
      }
      return used >= columns ? rows + [""] : rows
    }
    .map { row in
      var row = row
      while row.last == " " { row.removeLast() }
      return row
    }
  }

  /// Random edits at random widths: the screen shows the text, whatever it showed before.
  @Test(arguments: 1...20) func theScreenFollowsEveryEdit(seed: UInt64) {
    var state = seed &* 0x9E37_79B9_7F4A_7C15
    func random(_ count: Int) -> Int {  // xorshift64
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return Int(state % UInt64(count))
    }
    let columns = [5, 7, 10, 20, 80][random(5)], height = 40
    let pieces = ["a", "bc", "漢", "é", "\n", " ", "local ", "(", "\u{1F600}", "e\u{301}"]
    var model = ScreenModel(rows: height, columns: columns)
    var screen = PromptScreen()
    var text: [Character] = []
    for _ in 0..<200 {
      switch random(4) {
      case 0 where !text.isEmpty: text.remove(at: random(text.count))
      case 1 where text.count > 60: text.removeLast(50)
      default: text.insert(contentsOf: pieces[random(pieces.count)], at: random(text.count + 1))
      }
      let point = random(text.count + 1)
      let string = String(text)
      let full = expected(string, columns: columns)
      if full.count > height { continue }
      let layout = layout(string, point: String(text[..<point]).utf8.count, columns: columns)
      model.write(screen.draw(layout, rows: height, columns: columns))
      var shown = full
      while shown.last == "" { shown.removeLast() }
      #expect(model.lines == shown, "seed \(seed), columns \(columns), \(string.debugDescription)")
      #expect(model.cursor == layout.cursor)
    }
    let last = layout(String(text), columns: columns)
    model.write(screen.leave(last, mark: "^C", rows: height, columns: columns))
    #expect(model.cursor.column == 0)
    #expect(model.lines.last?.hasSuffix("C") == true || columns < 8)
  }

  @Test func anEntryHigherThanTheScreenIsShownAroundTheCursorAndLeftWhole() {
    let text = (1...30).map { "line \($0)" }.joined(separator: "\n")
    var model = ScreenModel(rows: 6, columns: 20)
    var screen = PromptScreen()
    model.write(screen.draw(layout(text, columns: 20), rows: 6, columns: 20))
    #expect(model.lines == (25...30).map { ">> line \($0)" })
    #expect(model.cursor == (5, 10))
    model.write(screen.draw(layout(text, point: 6, columns: 20), rows: 6, columns: 20))
    #expect(model.lines == ["> line 1"] + (2...6).map { ">> line \($0)" })
    #expect(model.cursor == (0, 8))
    #expect(model.scrolled == [])
    model.write(screen.leave(layout(text, columns: 20), rows: 6, columns: 20))
    #expect(model.scrolled.suffix(25) == ["> line 1"] + (2...25).map { ">> line \($0)" })
    #expect(model.lines == (26...30).map { ">> line \($0)" })
    #expect(model.cursor == (5, 0))
  }

  @Test func aKeyDrawsItselfAndNotTheLinesAboveIt() {
    let text = (1...200).map { "  local value_\($0) = f(\"text\", { \($0), -- a comment" }.joined(
      separator: "\n")
    let bytes = Array(text.utf8)
    var screen = PromptScreen()
    var drawn: [Int] = []
    for i in 0..<50 {
      let typed = bytes + [UInt8](repeating: 97, count: i)
      let layout = PromptLayout(
        prompt: [62, 32], continuation: [62, 62, 32], text: typed,
        styles: PromptStyle.styles(of: typed, point: typed.count), point: typed.count, columns: 80)
      drawn.append(screen.draw(layout, rows: 50, columns: 80).count)
    }
    #expect(drawn[0] > 50 * 20)
    // The line is full once, and all rows above it move up.
    let large = drawn.dropFirst().filter { $0 >= 200 }
    #expect(large.count == 1, "bytes of a redraw: \(drawn)")
  }
}

@Suite struct PromptStyles {
  /// Each byte's style as a letter: k keyword, c constant, s string, # comment, ! command, m matching, x error.
  private func styles(_ text: String, point: Int = -1) -> String {
    let letters: [PromptStyle: Character] = [
      .plain: ".", .keyword: "k", .constant: "c", .string: "s", .comment: "#", .command: "!", .matching: "m",
      .error: "x",
    ]
    return String(PromptStyle.styles(of: Array(text.utf8), point: point).map { letters[$0] ?? "?" })
  }

  @Test func tokensHaveTheirColours() {
    #expect(styles("local x = nil") == "kkkkk.....ccc")
    #expect(styles("x.y1 = 0x1p-2") == ".......cccccc")
    #expect(styles("'a\\'b' .. \"c\"") == "ssssss....sss")
    #expect(styles("[[a]] --b") == "sssss.###")
    #expect(styles("--[==[a\n]]]==]b") == "##############.")
    #expect(styles("x = 'open\ny") == "....sssss..")
    #expect(styles("ends endif") == "..........")
  }

  @Test func linesThatAreCommandsHaveTheirs() {
    #expect(styles("?T.cat") == "!!!!!!")
    #expect(styles("%time 1") == "!!!!!.c")
    #expect(styles("!ls") == "!!!")
    #expect(styles("x = 5 % a") == "....c....")
    #expect(styles("do\n?x\nend") == "kk.!!.kkk")
  }

  @Test func theBracketOfTheOneAtTheCursorIsShown() {
    #expect(styles("f(a[1])", point: 1) == ".m..c.m")
    #expect(styles("f(a[1])", point: 7) == ".m..c.m")
    #expect(styles("f(a[1])", point: 6) == ".m..c.m")
    #expect(styles("f(a[1])", point: 4) == "...mcm.")
    #expect(styles("f(')')", point: 6) == ".msssm")
    #expect(styles("f(]", point: -1) == "..x")
    #expect(styles("a)") == ".x")
    #expect(styles("(") == ".")
    #expect(styles("({)}", point: 0) == "..x.")
  }

  @Test func anyBytesHaveStyles() {
    for byte in UInt8.min...UInt8.max {
      #expect(PromptStyle.styles(of: [byte], point: 0).count == 1)
      #expect(PromptStyle.styles(of: [39, byte, 92], point: 3).count == 3)
    }
  }
}

@Suite struct PromptPastes {
  private func cleaned(_ text: String) -> String {
    let isComplete: ([UInt8]) -> Bool = { entry in
      let text = String(decoding: entry, as: UTF8.self)
      return !text.hasPrefix("for") || text.hasSuffix("end")
    }
    return String(decoding: PromptPaste.cleaned(Array(text.utf8), isComplete: isComplete), as: UTF8.self)
  }

  @Test func lineEndsAreLineFeeds() {
    #expect(cleaned("a\r\nb\rc\n\n") == "a\nb\nc")
    #expect(cleaned("  a\n\nb") == "  a\n\nb")
    #expect(cleaned("\n") == "")
  }

  @Test func promptsAndOutputAreDropped() {
    #expect(cleaned("> x = 1\n> x + 1\n2\n> y") == "x = 1\nx + 1\ny")
    #expect(
      cleaned("> for i = 1, 2 do\n>> print(i)\n>>\n>> end\n1\n2\n") == "for i = 1, 2 do\nprint(i)\n\nend")
    #expect(cleaned("th> for\n..> end\n") == "for\nend")
    #expect(cleaned("  > for\n  > x\n  > end") == "for\nx\nend")
    #expect(cleaned("> for\nx\nend\nout") == "for\nx\nend")
  }

  @Test func aTextWithoutPromptsIsKept() {
    #expect(cleaned("return a\n> b") == "return a\n> b")
  }
}

@Suite struct PromptLists {
  private func lines(_ list: [(String, String)], rows: Int = 10, columns: Int = 20) -> [String] {
    PromptCandidates.lines(
      list.map { PromptEditor.Candidate(text: $0.0, label: $0.0, detail: $0.1) }, rows: rows, columns: columns
    )
  }

  @Test func namesStandInColumns() {
    #expect(lines(["a", "bb", "c", "d", "e"].map { ($0, "") }, columns: 12) == ["a   c   e", "bb  d"])
    #expect(
      lines((1...9).map { ("n\($0)", "") }, rows: 2, columns: 12) == ["n1  n4  n7", "... 6 more"])
    #expect(lines([("averyverylongname", "")], columns: 5) == ["aver"])
  }

  @Test func detailsStandBesideTheirNames() {
    #expect(lines([("beta", "= 0.1"), ("k", "= 1")]) == ["beta  = 0.1", "k     = 1"])
  }
}
