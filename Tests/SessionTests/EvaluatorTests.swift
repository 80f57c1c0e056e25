/// The evaluator of inputs, without a terminal.
import Base
import Foundation
import LuaEngine
import Testing

@testable import Session

@Suite(.serialized) struct EvaluatorTests {
  private func makeEvaluator() throws -> Evaluator { try Evaluator(Lua(), standardLibrary: nil) }

  /// Runs an input and gives its values as text.
  @discardableResult
  private func run(_ evaluator: Evaluator, _ text: String) throws -> String {
    try run(evaluator, Array(text.utf8))
  }

  private func run(_ evaluator: Evaluator, _ text: [UInt8]) throws -> String {
    let values = try evaluator.run(evaluator.compile(text, showsExpressions: true))
    return try values.map { try evaluator.lua.text($0) }.joined(separator: " ")
  }

  @Test func expressionsStatementsAndLocals() throws {
    let session = try makeEvaluator()
    #expect(try run(session, "1 + 1") == "2")
    #expect(try run(session, "=3") == "3")
    try run(session, "local x, y = 1, 2")
    #expect(try run(session, "x + y, _G.x") == "3 nil")
    try run(session, "local early = 6 return 1")
    #expect(try run(session, "early") == "6")
  }

  @Test func anIncompleteInputSaysSo() throws {
    let session = try makeEvaluator()
    for text in ["for i = 1, 2 do", "x =", "[[a", "f(", "'a' .."] {
      let error = #expect(throws: LuaError.self) {
        try session.compile(Array(text.utf8), showsExpressions: true)
      }
      #expect(error?.isIncomplete == true, "\(text)")
    }
    let wrong = #expect(throws: LuaError.self) {
      try session.compile(Array("bad bad".utf8), showsExpressions: true)
    }
    #expect(wrong?.isIncomplete == false)
  }

  @Test func stringsAndCommentsAreNotEdited() throws {
    let session = try makeEvaluator()
    try run(
      session, "s = \"local x <const> = 1\"; t = [[local y <const>]] -- local z <const>\nlocal u <const> = 2")
    #expect(try run(session, "s") == "local x <const> = 1")
    #expect(try run(session, "t, u") == "local y <const> 2")
  }

  @Test func aConstantCannotBeAssignedAndOutlivesItsInput() throws {
    let session = try makeEvaluator()
    let error = #expect(throws: LuaError.self) { try run(session, "local c <const> = 1; c = 2") }
    #expect(error?.message == "stdin:1: attempt to assign to const variable 'c'")
    try run(session, "local a <const>, b <close>, c < const > = 1, nil, 3")
    #expect(try run(session, "a, c") == "1 3")
  }

  @Test func bytesThatAreNotUTF8Arrive() throws {
    let session = try makeEvaluator()
    #expect(try run(session, Array("#'".utf8) + [0xFF] + Array("'".utf8)) == "1")
    let error = #expect(throws: LuaError.self) {
      try run(session, Array("error('caf".utf8) + [0xE9] + Array("', 0)".utf8))
    }
    #expect(error?.messageBytes == Array("caf".utf8) + [0xE9])
  }

  @Test func aHookOfTheUserOutlivesTheInput() throws {
    let session = try makeEvaluator()
    try run(session, "n = 0; debug.sethook(function() n = n + 1 end, 'r')")
    try run(session, "local before = n return before")
    try run(session, "local a = 1")
    session.lua.clearInterrupts()
    #expect(try run(session, "debug.gethook() ~= nil, n > 2") == "true true")
    #expect(try run(session, "before ~= nil") == "true")
  }

  @Test func completionsFollowTables() throws {
    let session = try makeEvaluator()
    try run(session, "tree = { leaf = { green = 1, grown = 2 } }")
    #expect(session.completions(of: "tree.leaf.gr", before: "") == ["tree.leaf.green", "tree.leaf.grown"])
    #expect(session.completions(of: "string.upp", before: "x = ") == ["string.upper"])
    #expect(session.completions(of: "no.such.thi", before: "") == [])
  }
}

@Suite struct CommandTests {
  private func command(_ line: String, inMiddle: Bool = false) -> [String]? {
    Command(Array(line.utf8), inMiddle: inMiddle, known: { $0 == "time" })
      .map { [$0.name, String(decoding: $0.argument, as: UTF8.self)] }
  }

  @Test func linesOfCommandsAreToldFromLua() {
    #expect(command("?align.train") == ["help", "align.train"])
    #expect(command(" align.train ? ") == ["help", "align.train"])
    #expect(command("x:size??") == ["source", "x:size"])
    #expect(command("?? f") == ["source", "f"])
    #expect(command("?") == ["help", ""])
    #expect(command("!ls -l") == ["shell", "ls -l"])
    #expect(command("$ ls") == ["shell", "ls"])
    #expect(command("%time f(1)") == ["time", "f(1)"])
    #expect(command("%who") == ["who", ""])
    for line in ["x = 1", "!= y", "f(x) ?", "1?", "% 3", "%", "$x", "", "'?'", "a b?"] {
      #expect(command(line) == nil, "\(line)")
    }
  }

  @Test func inTheMiddleOfLuaAPercentSignMayBeAnOperator() {
    #expect(command("%who", inMiddle: true) == nil)
    #expect(command("%time f()", inMiddle: true) == ["time", "f()"])
    #expect(command("?x", inMiddle: true) == ["help", "x"])
  }
}

@Suite(.serialized) struct PartsTests {
  /// What the parts of an entry are: the text of an input, the name of a command.
  private func parts(_ text: String) throws -> [String] {
    try Evaluator(Lua(), standardLibrary: nil).parts(of: Array(text.utf8)).map {
      switch $0 {
      case .input(let input): String(decoding: input.text, as: UTF8.self)
      case .command(let command): "%" + command.name
      }
    }
  }

  @Test func commandsStandBetweenInputs() throws {
    #expect(try parts("x = 1\n?x\ny = 2") == ["x = 1\n", "%help", "y = 2"])
    #expect(try parts("x = [[\n?x\n]]") == ["x = [[\n?x\n]]"])
    #expect(try parts("-- [[\n?x") == ["-- [[\n", "%help"])
    #expect(try parts("for i = 1, 2 do\n?x\nend") == ["%help", "for i = 1, 2 do\n\nend"])
    let error = #expect(throws: LuaError.self) { try parts("?x\nfor i = 1, 2 do") }
    #expect(error?.isIncomplete == true)
  }

  @Test func theLastLinesMayBeAnExpression() throws {
    #expect(try parts("x = 1\nx") == ["x = 1", "x"])
    #expect(try parts("x = 1\n{ x,\n 2 }") == ["x = 1", "{ x,\n 2 }"])
    #expect(try parts("x =\n1") == ["x =\n1"])
  }

  @Test func anErrorNamesTheLineOfTheEntry() throws {
    let session = try Evaluator(Lua(), standardLibrary: nil)
    let parts = try session.parts(of: Array("x = 1\n\n?x\ny = nil + 1".utf8))
    guard case .input(let input)? = parts.last else { return #expect(Bool(false)) }
    let error = #expect(throws: LuaError.self) { try session.run(input) }
    #expect(error?.message.hasPrefix("stdin:4: ") == true)
  }

  @Test func silenceIsTheLastToken() throws {
    let session = try Evaluator(Lua(), standardLibrary: nil)
    for (text, isSilent) in [
      ("x;", true), ("x; -- no", true), ("x", false), ("x -- ;", false), ("';'", false),
    ] {
      let input = try session.compile(Array(text.utf8), showsExpressions: true)
      #expect(input.isSilent == isSilent, "\(text)")
    }
  }
}

@Suite struct LuaScannerTests {
  private func scan(_ text: String) -> String? {
    LuaScanner.withoutConstants(Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
  }

  @Test func onlyAttributesOfLocalsBecomeBlanks() {
    #expect(scan("local x <const> = 1") == "local x         = 1")
    #expect(scan("local a<const>, b <close>, c <const>") == "local a       , b <close>, c        ")
    #expect(scan("local --[[ <const> ]] x <const>") == "local --[[ <const> ]] x        ")
    #expect(
      scan("local s = '\\'<const>' .. [==[ x <const> ]] ]==]")
        == "local s = '\\'<const>' .. [==[ x <const> ]] ]==]")
    #expect(scan("local x = a <const> b") == "local x = a <const> b")
    #expect(scan("return a <const> b") == nil)
    #expect(scan("s = 'local x <const>' -- local") == nil)
  }

  @Test func aLineIsInsideWhatIsOpenAtTheEnd() {
    for (text, isInside) in [
      ("x = [[one", true), ("x = 'one", true), ("--[==[ one ]]", true), ("x = 'one\\\n two", true),
      ("x = [[one]]", false), ("-- one", false), ("x = 'one\ny = 2", false), ("x = 'one\ny = \"", true),
      ("", false),
      ("f(\n%d", false), ("x = 'one\\z\n  ", true),
    ] {
      #expect(LuaScanner.endsInside(Array(text.utf8)) == isInside, "\(text)")
    }
  }

  @Test func reservedWordsAreThoseOfTheManual() {
    #expect(LuaTokens.keywords.count == 22)
    #expect(LuaTokens.keywords.isSuperset(of: ["and", "while", "goto", "nil"]))
  }

  @Test func unfinishedTextsEnd() {
    for text in [
      "local", "local x <", "local x <const", "local '", "local [[", "local x = [==", "local \\", "local --[",
    ] {
      #expect(scan(text) == text)
    }
  }
}
