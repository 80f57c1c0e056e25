/// Entries of the prompt whose memory is refused, allocation by allocation: an error that says so, and the session
/// goes on.
import Base
import Foundation
import LuaEngine
import Testing

@testable import Session

extension EvaluatorTests {
  private func values(_ session: Evaluator, _ entry: String) throws -> String {
    var shown = ""
    for part in try session.parts(of: Array(entry.utf8)) {
      guard case .input(let input) = part else { continue }
      shown = try session.run(input).map { try session.lua.text($0) }.joined(separator: " ")
    }
    return shown
  }

  @Test(arguments: [
    ("1 + 1", "2"), ("local x = {1, 2} return #x", "2"),
    ("t = {}\nfor i = 1, 9 do t[i] = i .. '' end\n#t", "9"),
    ("('a'):rep(100):upper():sub(1, 2)", "AA"), ("=select('#', 1, 2)", "2"),
  ])
  func anEntryWithoutMemorySaysSo(_ entry: String, _ expected: String) throws {
    let session = try Evaluator(Lua(), standardLibrary: nil)
    #expect(try values(session, entry) == expected)
    for count in [2, Int.max] {
      var first = 1
      while true {
        let (refused, result) = Refusals.during(.lua, first: first, count: count) {
          Result { try values(session, entry) }
        }
        if refused == 0 { break }
        switch result {
        case .success(let value): #expect(value == expected, "allocation \(first) of '\(entry)'")
        case .failure(let error):
          #expect("\(error)".contains("not enough memory"), "allocation \(first) of '\(entry)': \(error)")
          if let error = error as? LuaError { _ = session.shown(error, isBrief: true) }
        }
        #expect(try values(session, entry) == expected, "after allocation \(first) of '\(entry)'")
        first += 1
      }
      #expect(first > 1)
    }
  }
}
