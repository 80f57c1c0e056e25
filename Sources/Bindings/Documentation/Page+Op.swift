/// The help page of an operation, from what its declaration says.
import Autograd
import Tensors

extension Page {
  init(_ op: Op) {
    var forms = op.isMethod ? ["T.\(op.name)(x, ...)"] : []
    if op.inPlace { forms.append("x:\(op.name)_(...) in place") }
    if op.parameters.contains(where: { !$0.isTensor }) { forms.append("arguments by name in a last table") }
    self.init(
      Page.signature(op), op.summary,
      parameters: op.parameters.map { ($0.name, "\($0.meaning) (\($0.kindText))") }, formula: op.formula,
      shapes: op.shapes, source: op.source, also: forms.isEmpty ? nil : forms.joined(separator: "; "),
      example: op.example.lua, prints: op.example.prints)
  }

  /// `x:sum(dim = nil, keepdim = false)`, or `T.cat(tensors, dim = 1)`.
  static func signature(_ op: Op) -> String {
    var names = op.parameters.map { parameter in
      parameter.defaultText.map { "\(parameter.name) = \($0)" } ?? parameter.name
    }
    if !op.isMethod { return "T.\(op.name)(\(names.joined(separator: ", ")))" }
    names.removeFirst()
    let object = op.parameters[0].name == "self" ? "x" : op.parameters[0].name
    return "\(object):\(op.name)(\(names.joined(separator: ", ")))"
  }
}

extension Parameter {
  /// The default as Lua writes it; nil where the argument must be given.
  var defaultText: String? {
    switch kind {
    case .optionalTensor, .optionalOperand: return "nil"
    case .integer(let value): return value.map(String.init)
    case .position(let value): return value.map { String($0 < 0 ? $0 : $0 + 1) }
    case .newDimension(let value): return value.map { String($0 < 0 ? $0 : $0 + 1) }
    case .number(let value):
      return value.map { $0 == $0.rounded() && abs($0) < 1e15 ? String(Int($0)) : "\($0)" }
    case .flag(let value): return value ? "true" : "false"
    case .choice(_, let value): return "\"\(value)\""
    case .dimension(let value, let optional):
      return value.map { String($0 < 0 ? $0 : $0 + 1) } ?? (optional ? "nil" : nil)
    case .dtype(let value): return value.map { "\"\($0.rawValue)\"" } ?? "nil"
    case .numbers: return "{}"
    case .tensor, .operand, .tensors, .scalar, .dimensions, .shape, .integers, .text: return nil
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
    case .number, .scalar: return "number"
    case .flag: return "boolean"
    case .choice(let words, _): return words.map { "\"\($0)\"" }.joined(separator: " or ")
    case .dimension, .newDimension: return "dimension from 1"
    case .dimensions: return "list of dimensions"
    case .position: return "position from 1"
    case .shape: return "sizes"
    case .integers: return "list of whole numbers"
    case .numbers: return "list of numbers"
    case .dtype: return DType.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
    case .text: return "string"
    }
  }
}
