/// What the tests of the Lua face share: a state with everything installed, whose `print` is kept as text.
import Base
import Bindings
import Foundation
import LuaEngine
import Testing

/// One suite, run one test after another: the tape, the memory account and the printer are the process's own. For the same
/// reason all targets together are run with `swift test --no-parallel`.
@Suite(.serialized) struct BindingsTests {}

/// A Lua state as the shell makes it, and what it printed.
final class Session {
  let lua: Lua
  private(set) var printed = ""

  init(seed: UInt64 = 0, memoryLimit: Int? = nil) throws {
    lua = try Lua()
    try Bindings.install(into: lua, options: RunOptions(seed: seed, maxMemory: memoryLimit))
    try lua.addSearcher(root: Session.root + "/stdlib", prefix: "perilune")
    let print = try lua.function("print") { [unowned self] call in
      let words = try (0..<call.count).map { try call.lua.text(call.value($0 + 1)) }
      printed += words.joined(separator: "\t") + "\n"
      return 0
    }
    try lua.setGlobal("print", .function(print))
    try lua.run("T = require 'perilune.tensor'", name: "=setup")
  }

  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  /// Runs a chunk and gives what it printed, without the last newline.
  func output(_ source: String) throws -> String {
    printed = ""
    try lua.run(source, name: "=test")
    return printed.hasSuffix("\n") ? String(printed.dropLast()) : printed
  }

  /// The text of an expression.
  func text(_ expression: String) throws -> String {
    try lua.run("return " + expression, name: "=test").map { try lua.text($0) }.joined(separator: " ")
  }

  /// The message of the error that a chunk ends with, without its position.
  func refusal(_ source: String) throws -> String {
    do {
      try lua.run(source, name: "=test")
    } catch let error as LuaError {
      let parts = error.message.split(separator: " ", maxSplits: 1)
      return parts.count == 2 && parts[0].hasPrefix("test:") ? String(parts[1]) : error.message
    }
    return "no error"
  }
}

/// As `#expect(found == wanted)`, but shows both.
func expect<T: Equatable>(
  _ found: @autoclosure () throws -> T, _ wanted: T, at place: SourceLocation = #_sourceLocation
) {
  do {
    let found = try found()
    if found != wanted { Issue.record("found  \(found)\nwanted \(wanted)", sourceLocation: place) }
  } catch {
    Issue.record("\(error)", sourceLocation: place)
  }
}
