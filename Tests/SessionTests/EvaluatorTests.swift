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

  @Test func unfinishedTextsEnd() {
    for text in [
      "local", "local x <", "local x <const", "local '", "local [[", "local x = [==", "local \\", "local --[",
    ] {
      #expect(scan(text) == text)
    }
  }
}
