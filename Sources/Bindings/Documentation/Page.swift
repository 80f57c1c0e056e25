/// The help page of a native function, method, property or operation: an argument of its declaration.
///
///     module.function(
///       "exists",
///       Page(
///         "system.exists(path)", "Whether a file or folder has this name.",
///         example: "print(require 'perilune.system'.exists '/no/such/file')", prints: "false")
///     ) { call in ... }
///
/// Examples are executed as tests, and must print `prints`. `T` is `perilune.tensor` there.
import LuaEngine

struct Page: Sendable {
  let signature: String
  let summary: String
  /// The options of the table that the function takes.
  let options: [Option]
  /// Positional parameters with type and meaning, of an operation.
  let parameters: [(name: String, text: String)]
  /// Labelled facts in the order of the page: formula, shapes, errors, source, also.
  let facts: [(label: String, text: String)]
  let example: String
  let prints: String

  /// `source` is the paper with its equation. `errors` lists what is refused.
  init(
    _ signature: String, _ summary: String, options: [Option] = [],
    parameters: [(name: String, text: String)] = [], formula: String? = nil, shapes: String? = nil,
    errors: String? = nil, source: String? = nil, also: String? = nil, example: String, prints: String
  ) {
    self.signature = signature
    self.summary = summary
    self.options = options
    self.parameters = parameters
    let facts = [
      ("formula", formula), ("shapes", shapes), ("errors", errors), ("source", source), ("also", also),
    ]
    self.facts = facts.compactMap { label, text in text.map { (label, $0) } }
    self.example = example
    self.prints = prints
  }

  /// Names with their lines: parameters, then options.
  private var entries: [(name: String, text: String)] {
    parameters + options.map { ($0.name, $0.text) }
  }

  /// The page at the prompt.
  var text: String {
    var lines = [signature, "  " + summary, ""]
    let width = entries.map(\.name.count).max() ?? 0
    lines += entries.map { "  \(padded($0.name, width))  \($0.text)" }
    if !entries.isEmpty { lines.append("") }
    lines += facts.map { "  \(padded($0.label, 7))  \($0.text)" }
    if !facts.isEmpty { lines.append("") }
    lines += Self.lines(example).map { "  > \($0)" }
    lines += Self.lines(prints).map { "  \($0)" }
    return lines.joined(separator: "\n")
  }

  /// The section of the manual.
  var markdown: String {
    var lines = ["### `\(signature)`", "", summary, ""]
    lines += entries.map { "- `\($0.name)`: \($0.text)" }
    if !entries.isEmpty { lines.append("") }
    for (label, text) in facts {
      lines += label == "formula" ? ["`\(text)`", ""] : ["\(label.capitalized): \(text).", ""]
    }
    lines.append("```lua")
    lines += Self.lines(example).map { "> \($0)" }
    if !prints.isEmpty { lines.append(prints) }
    lines += ["```", ""]
    return lines.joined(separator: "\n")
  }

  /// The page in its pieces, for the manual and the definitions.
  func record(name: String, part: String, group: String) -> LuaValue {
    func list(_ pairs: [(String, String)]) -> LuaValue {
      .list(pairs.map { .record([("name", .string($0.0)), ("text", .string($0.1))]) })
    }
    return .record([
      ("name", .string(name)), ("part", .string(part)), ("group", .string(group)),
      ("signature", .string(signature)), ("summary", .string(summary)),
      ("parameters", list(parameters.map { ($0.name, $0.text) })), ("options", .list(options.map(\.record))),
      ("facts", list(facts.map { ($0.label, $0.text) })), ("example", .string(example)),
      ("prints", .string(prints)),
    ])
  }

  /// What `apropos` searches besides the name.
  var searched: String {
    ([signature, summary] + entries.flatMap { [$0.name, $0.text] } + facts.map(\.text)).joined(separator: " ")
  }

  private func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  private static func lines(_ text: String) -> [Substring] {
    text.split(separator: "\n", omittingEmptySubsequences: false)
  }
}
