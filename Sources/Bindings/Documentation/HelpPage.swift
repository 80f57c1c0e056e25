/// A help page of something that is no operation: a function of a module, a method, a property, or a topic.
///
/// The name says where it belongs: `zeros` (of `perilune.tensor`, and of a tensor), `models.load` (of `perilune.models`),
/// `Model:sample` (of a class). Options are written here once: the function reads its table by the same list
/// (`OptionTable(call, i, options)`), so that a page cannot promise an option that is refused, or hide one.
///
/// The example is run as a test, as those of operations are; a test also sees that everything has a page.
struct HelpPage {
  let name: String
  let group: String
  let signature: String
  let summary: String
  let options: [Option]
  let shapes: String?
  let errors: String?
  /// The paper and equation, where there is one.
  let source: String?
  let lua: String
  let prints: String

  init(
    _ name: String, _ group: String, _ signature: String, _ summary: String, options: [Option] = [],
    shapes: String? = nil, errors: String? = nil, source: String? = nil, _ lua: String, prints: String
  ) {
    self.name = name
    self.group = group
    self.signature = signature
    self.summary = summary
    self.options = options
    self.shapes = shapes
    self.errors = errors
    self.source = source
    self.lua = lua
    self.prints = prints
  }

  static let ofTensors = topics + creation + random + modes + queries + gradients + writing

  static let ofModules: [HelpPage] =
    ModelModule.pages + ModelClass.pages + RowsClass.pages + OptimModule.pages + OptimizerClass.pages
    + FormatsModule.pages + SystemModule.pages
    + ForkedJob.pages + PlotModule.pages + PlotFigure.pages + PlotSeries.pages + PlotSettings.pages
    + PlotProgress.pages + ReportModule.pages + helpModule + errorClass

  static let all = ofTensors + ofModules

  static let byName = Dictionary(all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })

  /// What stands before the name of a function of a native module on its page.
  static func prefix(ofModule name: String) -> String {
    if name == "perilune.native.tensor" { return "" }
    if name == "perilune.native.optim" { return "optim." }
    return (name.hasPrefix("perilune.") ? String(name.dropFirst("perilune.".count)) : name) + "."
  }

  /// What stands before the name of a method or property of a class on its page.
  static func prefix(ofClass name: String) -> String { name == "Tensor" ? "" : name + ":" }

  private var facts: [(String, String)] {
    [("shapes", shapes), ("errors", errors), ("source", source)].compactMap { name, text in
      text.map { (name, $0) }
    }
  }

  var text: String {
    var lines = [signature, "  " + summary, ""]
    let width = options.map(\.name.count).max() ?? 0
    for option in options {
      lines.append(
        "  \(option.name)\(String(repeating: " ", count: width - option.name.count))  \(option.text)")
    }
    if !options.isEmpty { lines.append("") }
    for (name, text) in facts { lines.append("  \(name)   \(text)") }
    if !facts.isEmpty { lines.append("") }
    lines += lua.split(separator: "\n", omittingEmptySubsequences: false).map { "  > \($0)" }
    if !prints.isEmpty {
      lines += prints.split(separator: "\n", omittingEmptySubsequences: false).map { "  \($0)" }
    }
    return lines.joined(separator: "\n")
  }

  var markdown: String {
    var lines = ["### `\(signature)`", "", summary, ""]
    for option in options { lines.append("- `\(option.name)`: \(option.text)") }
    if !options.isEmpty { lines.append("") }
    for (name, text) in facts {
      lines += ["\(name.prefix(1).uppercased() + name.dropFirst()): \(text).", ""]
    }
    lines.append("```lua")
    lines += lua.split(separator: "\n", omittingEmptySubsequences: false).map { "> \($0)" }
    if !prints.isEmpty { lines.append(prints) }
    lines += ["```", ""]
    return lines.joined(separator: "\n")
  }

  private static let topics = [
    HelpPage(
      "indexing", "topics", "t[key], t[key] = value",
      "A position, a list of positions and ranges {first, last} (inclusive; {} takes all), a tensor of positions, or a "
        + "mask. Positions count from 1, negatives from the end. One position of a 1-d tensor gives a scalar tensor: "
        + "t[i]:item() is the number.",
      "t = T{{1, 2, 3}, {4, 5, 6}}\nt[{ {}, 1 }] = 0\nprint(t[{ 2, {2, 3} }], t[t:gt(4)])",
      prints: "[5, 6]\n[Tensor f32 2]\t[5, 6]\n[Tensor f32 2]"),
    HelpPage(
      "operators", "topics", "a + b, a - b, a * b, a / b, a // b, a % b, a ^ b, -a, #a",
      "Elementwise, with broadcasting; either side may be a number. #a is the size of the first dimension. a == b asks "
        + "whether both are the same object, since Lua makes a boolean of it: use a:eq(b), a:lt(b) and so on for elements.",
      "a = T{7, 8}\nprint(2 * a - 1, #a, a == a, a == T{7, 8})",
      prints: "[13, 15]\n[Tensor f32 2]\t2\ttrue\tfalse"),
    HelpPage(
      "in_place", "topics", "x:name_(...)",
      "Operations that keep the shape have a form that writes the result into x: it must fit the element type. What the "
        + "tape still needs cannot be changed; T.no_grad allows it for parameters.",
      "x = T{1, 4}\nx:sqrt_():add_(1)\nprint(x)", prints: "[2, 3]\n[Tensor f32 2]"),
  ]
}
