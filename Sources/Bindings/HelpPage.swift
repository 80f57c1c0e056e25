/// A help page of something that is no operation: a function of the module, a method, or a topic.
///
/// The example is run as a test, as those of operations are; a test also sees that every function and method has a page.
struct HelpPage {
  let name: String
  let group: String
  let signature: String
  let summary: String
  let lua: String
  let prints: String

  init(_ name: String, _ group: String, _ signature: String, _ summary: String, _ lua: String, prints: String) {
    self.name = name
    self.group = group
    self.signature = signature
    self.summary = summary
    self.lua = lua
    self.prints = prints
  }

  static let all: [HelpPage] = topics + creation + random + modes + queries + gradients + writing

  static let byName = Dictionary(all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })

  var text: String {
    var lines = [signature, "  " + summary, ""]
    lines += lua.split(separator: "\n", omittingEmptySubsequences: false).map { "  > \($0)" }
    if !prints.isEmpty { lines += prints.split(separator: "\n", omittingEmptySubsequences: false).map { "  \($0)" } }
    return lines.joined(separator: "\n")
  }

  var markdown: String {
    var lines = ["### `\(signature)`", "", summary, "", "```lua"]
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
      "a = T{7, 8}\nprint(2 * a - 1, #a, a == a, a == T{7, 8})", prints: "[13, 15]\n[Tensor f32 2]\t2\ttrue\tfalse"),
    HelpPage(
      "in_place", "topics", "x:name_(...)",
      "Operations that keep the shape have a form that writes the result into x: it must fit the element type. What the "
        + "tape still needs cannot be changed; T.no_grad allows it for parameters.",
      "x = T{1, 4}\nx:sqrt_():add_(1)\nprint(x)", prints: "[2, 3]\n[Tensor f32 2]"),
  ]
}
