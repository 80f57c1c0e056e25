/// The parts of a cell: Lua, or a line that asks for help.
import LuaEngine
import Session

struct Command {
  let name: String
  let showsSource: Bool
  let isHelp = true

  init?(_ line: [UInt8]) {
    let word = String(decoding: line, as: UTF8.self).filter { $0 != " " && $0 != "\n" }
    guard word.hasPrefix("?") || word.hasSuffix("?") else { return nil }
    name = word.filter { $0 != "?" }
    showsSource = word.hasPrefix("??") || word.hasSuffix("??")
    guard name.utf8.allSatisfy({ isWord($0) || $0 == 46 || $0 == 58 }) else { return nil }
  }
}

extension Evaluator {
  enum Part { case input(Input), command(Command) }

  func parts(of text: [UInt8]) throws -> [Part] {
    if let command = Command(text) { return [.command(command)] }
    return [.input(try compile(text, showsExpressions: true))]
  }

  func perform(_ command: Command) throws { try inspect(command.name, showsSource: command.showsSource) }
  func perform(_ part: Part) throws {
    if case .command(let command) = part { try perform(command) }
  }
}

extension Evaluator.Input {
  var isSilent: Bool { text.last { ![9, 10, 13, 32].contains($0) } == UInt8(ascii: ";") }
}
