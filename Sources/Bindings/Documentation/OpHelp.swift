/// The help page of an operation, as plain text for the prompt and as Markdown for the manual.
import Autograd
import Tensors

struct OpHelp {
  let op: Op

  /// `x:sum(dim = nil, keepdim = false)`, or `T.cat(tensors, dim = 1)`.
  var signature: String {
    let names = op.parameters.map { parameter in
      parameter.defaultText.map { "\(parameter.name) = \($0)" } ?? parameter.name
    }
    if !op.isMethod { return "T.\(op.name)(\(names.joined(separator: ", ")))" }
    return
      "\(op.parameters[0].name == "self" ? "x" : op.parameters[0].name):\(op.name)(\(names.dropFirst().joined(separator: ", ")))"
  }

  /// Other ways to call it.
  var forms: String {
    var forms = op.isMethod ? ["T.\(op.name)(x, ...)"] : []
    if op.hasInPlaceForm { forms.append("x:\(op.name)_(...) in place") }
    if op.parameters.contains(where: { !$0.isTensor }) { forms.append("arguments by name in a last table") }
    return forms.joined(separator: "; ")
  }

  /// The page at the prompt.
  var text: String {
    var lines = [signature, "  " + op.summary, ""]
    let width = op.parameters.map(\.name.count).max() ?? 0
    for parameter in op.parameters {
      let name = parameter.name + String(repeating: " ", count: width - parameter.name.count)
      lines.append("  \(name)  \(parameter.meaning) (\(parameter.kindText))")
    }
    if !op.parameters.isEmpty { lines.append("") }
    lines.append("  formula  \(op.formula)")
    lines.append("  shapes   \(op.shapes)")
    if let source = op.source { lines.append("  source   \(source)") }
    if !forms.isEmpty { lines.append("  also     \(forms)") }
    lines.append("")
    lines += op.example.lua.split(separator: "\n", omittingEmptySubsequences: false).map { "  > \($0)" }
    lines += op.example.prints.split(separator: "\n", omittingEmptySubsequences: false).map { "  \($0)" }
    return lines.joined(separator: "\n")
  }

  /// The section of the manual.
  var markdown: String {
    var lines = ["### `\(signature)`", "", op.summary, ""]
    for parameter in op.parameters {
      lines.append("- `\(parameter.name)`: \(parameter.meaning) (\(parameter.kindText))")
    }
    if !op.parameters.isEmpty { lines.append("") }
    lines += ["`\(op.formula)`", "", "Shapes: \(op.shapes).", ""]
    if let source = op.source { lines += ["Source: \(source).", ""] }
    if !forms.isEmpty { lines += ["Also: \(forms).", ""] }
    lines.append("```lua")
    lines += op.example.lua.split(separator: "\n", omittingEmptySubsequences: false).map { "> \($0)" }
    lines.append(op.example.prints)
    lines += ["```", ""]
    return lines.joined(separator: "\n")
  }

  /// The manual of all modules, classes and operations, group by group.
  static var manual: String {
    var text = """
      # Tensors

      `T` is `require "perilune.tensor"`. Dimensions and positions count from 1, negatives from the end; token and
      class ids count from 0, as in the vocabulary. Each operation is a method and a function of `T`.


      """
    text += sections(HelpPage.ofTensors.map { ($0.group, $0.markdown) })
    text += "# Operations on tensors\n\n"
    text += sections(Op.catalogue.map { ($0.group, OpHelp(op: $0).markdown) })
    text += "# Models, files, system, figures\n\n"
    return text + sections(HelpPage.ofModules.map { ($0.group, $0.markdown) })
  }

  /// Pages under the heading of their group, groups in the order of their first page.
  private static func sections(_ pages: [(group: String, text: String)]) -> String {
    var groups: [String] = []
    for page in pages where !groups.contains(page.group) { groups.append(page.group) }
    return groups.map { group in
      let own = pages.filter { $0.group == group }.map { $0.text + "\n" }
      return "## \(group.prefix(1).uppercased() + group.dropFirst())\n\n" + own.joined()
    }.joined()
  }
}

extension Parameter {
  /// The default as Lua writes it; nil where the argument must be given.
  var defaultText: String? {
    switch kind {
    case .optionalTensor, .optionalOperand: return "nil"
    case .integer(let value): return value.map(String.init)
    case .position(let value): return value.map { String($0 < 0 ? $0 : $0 + 1) }
    case .number(let value):
      return value.map { $0 == $0.rounded() && abs($0) < 1e15 ? String(Int($0)) : "\($0)" }
    case .flag(let value): return value ? "true" : "false"
    case .choice(_, let value): return "\"\(value)\""
    case .dimension(let value, let optional):
      return value.map { String($0 < 0 ? $0 : $0 + 1) } ?? (optional ? "nil" : nil)
    case .dtype(let value): return value.map { "\"\($0.rawValue)\"" } ?? "nil"
    case .tensor, .operand, .tensors, .dimensions, .shape, .integers, .text: return nil
    }
  }

  var kindText: String {
    switch kind {
    case .tensor: return "Tensor"
    case .optionalTensor: return "Tensor or nil"
    case .operand: return "Tensor or number"
    case .optionalOperand: return "Tensor, number or nil"
    case .tensors: return "list of Tensors"
    case .integer: return "whole number"
    case .number: return "number"
    case .flag: return "boolean"
    case .choice(let words, _): return words.map { "\"\($0)\"" }.joined(separator: " or ")
    case .dimension: return "dimension from 1"
    case .dimensions: return "list of dimensions"
    case .position: return "position from 1"
    case .shape: return "sizes"
    case .integers: return "list of whole numbers"
    case .dtype: return DType.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
    case .text: return "string"
    }
  }
}
