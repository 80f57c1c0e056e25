/// Reads the arguments of a Lua call as an operation's inputs and attributes, and pushes the operation's
/// results.
///
/// Arguments come by position, by name in one last table (`x:sum{dim = 1, keepdim = true}`), or both.
/// Dimensions and positions count from 1 in Lua and from 0 in Swift; `OpArgument` translates them.
import Autograd
import Base
import LuaEngine
import Models
import Tensors

struct OpArguments {
  let op: Op
  let call: Call
  /// Positional arguments are numbered 1...last.
  private let last: Int
  private let named: [String: LuaValue]

  init(_ op: Op, _ call: Call) throws {
    self.op = op
    self.call = call
    var (last, named) = (call.count, [String: LuaValue]())
    if last > 0, call.kind(last) == .table, let (options, hasList) = try OpArguments.options(op, call, last) {
      named = options
      if !hasList { last -= 1 }
    }
    if last > op.parameters.count && !op.takesRest {
      throw call.bad(op.parameters.count + 1, "no such argument")
    }
    self.last = last
    self.named = named
  }

  /// Runs the operation and pushes its results.
  static func run(_ op: Op, _ call: Call) throws -> Int {
    if let result = try direct(op, call) {
      try call.pushObject(result)
      return 1
    }
    let arguments = try OpArguments(op, call)
    let (inputs, attributes) = try arguments.read()
    let outputs = try arguments.naming { try op(inputs, attributes) }
    if op.answersBoolean(attributes), outputs.count == 1, outputs[0].value.elementCount == 1 {
      try call.pushBoolean(try outputs[0].value.item() != 0)
      return 1
    }
    for output in outputs { try call.pushObject(output) }
    return outputs.count
  }

  /// The result of an operation with a direct form for tensors and numbers given by position; nil for other arguments.
  private static func direct(_ op: Op, _ call: Call) throws -> Variable? {
    switch op.direct {
    case .one? where call.count == 1: return try call.tensorIfAny(1).map { try op($0) }
    case .two? where call.count == 2:
      switch (call.tensorIfAny(1), call.tensorIfAny(2)) {
      case (let x?, let y?): return try op(x, y)
      case (let x?, nil): return try scalar(op, call, 2, beside: x).map { try op(x, $0) }
      case (nil, let y?): return try scalar(op, call, 1, beside: y).map { try op($0, y) }
      case (nil, nil): return nil
      }
    default: return nil
    }
  }

  /// A number beside a tensor, as a tensor; nil for another value.
  private static func scalar(_ op: Op, _ call: Call, _ i: Int, beside other: Variable) throws -> Variable? {
    guard op.leftMayBeNumber, op.parameters[i - 1].numberType == nil else { return nil }
    switch call.kind(i) {
    case .integer, .number: return try OpArgument.scalar(try call.value(i), beside: other.value.dtype)
    default: return nil
    }
  }

  func read() throws -> (inputs: [Variable?], attributes: [Attribute]) {
    var inputs: [Variable?] = []
    var attributes: [Attribute] = []
    var numbers: [(input: Int, argument: OpArgument)] = []
    for (i, parameter) in op.parameters.enumerated() {
      let argument = try source(i, parameter)
      switch parameter.kind {
      case .tensor:
        if i == 0, op.leftMayBeNumber, argument.isNumber, last > 1, call.objectIfAny(2) is Variable {
          numbers.append((0, argument))
          inputs.append(nil)
        } else {
          inputs.append(try argument.tensor())
        }
      case .optionalTensor: inputs.append(argument.isNil ? nil : try argument.tensor())
      case .tensors: inputs += try argument.tensors().map { $0 }
      case .operand, .optionalOperand:
        if case .optionalOperand = parameter.kind, argument.isNil {
          inputs.append(nil)
          continue
        }
        if argument.isNumber { numbers.append((inputs.count, argument)) }
        inputs.append(argument.isNumber ? nil : try argument.tensor(orNumber: true))
      default: attributes.append(try argument.attribute(rank: inputs.first.flatMap { $0 }?.value.rank ?? 0))
      }
    }
    if !numbers.isEmpty {
      let other = operandType(inputs)
      for (input, argument) in numbers {
        inputs[input] = try argument.scalar(beside: argument.parameter.numberType ?? other)
      }
    }
    return (inputs, attributes)
  }

  /// Calls `body`. What it refuses of an argument that came by name is said with the name, not with a number.
  func naming<Result>(_ body: () throws -> Result) throws -> Result {
    do { return try body() } catch let failure as Failure {
      guard let i = failure.argument, op.parameters.indices.contains(i - 1),
        named[op.parameters[i - 1].name] != nil
      else { throw failure }
      throw OpArgument.refusal(op.parameters[i - 1], call, failure.message, kind: failure.kind.rawValue)
    }
  }

  /// The element type that a number takes: that of the other operands, or of the first tensor.
  private func operandType(_ inputs: [Variable?]) -> DType {
    var found: DType?
    for (parameter, input) in zip(op.parameters.filter(\.isTensor), inputs) {
      if parameter.isOperand, let dtype = input?.value.dtype {
        found = found.map { DType.promote($0, dtype) } ?? dtype
      }
    }
    return found ?? inputs.compactMap { $0?.value.dtype }.first ?? .f32
  }

  /// The argument for parameter `i`.
  private func source(_ i: Int, _ parameter: Parameter) throws -> OpArgument {
    if let value = named[parameter.name] {
      if i < last && !call.isNil(i + 1) { throw call.bad(i + 1, "'\(parameter.name)' is given twice") }
      return OpArgument(
        call: call, parameter: parameter, place: i + 1, last: last, named: value, takesRest: false)
    }
    let takesRest = op.takesRest && i == op.parameters.count - 1
    return OpArgument(
      call: call, parameter: parameter, place: i + 1, last: takesRest ? last : min(last, i + 1), named: nil,
      takesRest: takesRest)
  }

  /// The named arguments in the table at `index`, if there are any; and whether it also holds a list.
  private static func options(_ op: Op, _ call: Call, _ index: Int) throws -> (
    [String: LuaValue], hasList: Bool
  )? {
    let table = try call.table(index)
    let length = try table.rawCount
    var found: [String: LuaValue] = [:]
    if length > longListMin {
      // A long list of numbers: a lookup of each name costs less than a visit of each element.
      for parameter in op.parameters {
        let value = try table.get(parameter.name)
        if !value.isNil { found[parameter.name] = value }
      }
    } else {
      for (key, value) in try table.entries() {
        guard let name = key.asString else { continue }
        let known = op.parameters.map(\.name)
        if !known.contains(name) {
          throw call.bad(index, "unknown argument '\(name)'\(Nearest.hint(name, in: known))")
        }
        found[name] = value
      }
    }
    return found.isEmpty ? nil : (found, length > 0)
  }

  private static let longListMin = 64
}

extension Op {
  /// The last parameter is a list that may also be written without braces: `x:reshape(2, 3)`.
  var takesRest: Bool {
    guard let last = parameters.last else { return false }
    switch last.kind {
    case .shape, .dimensions, .integers, .tensors: return true
    default: return false
    }
  }

  /// `1 - x`: the left operand may be a number where the right one is a tensor.
  var leftMayBeNumber: Bool {
    guard parameters.count > 1, case .tensor = parameters[0].kind, case .operand = parameters[1].kind else {
      return false
    }
    return true
  }

  /// The result becomes a Lua boolean.
  func answersBoolean(_ attributes: [Attribute]) -> Bool {
    switch answers {
    case .tensor: return false
    case .boolean: return true
    case .booleanUnless(let name):
      let names = parameters.filter { !$0.isTensor }.map(\.name)
      guard let i = names.firstIndex(of: name), i < attributes.count else { return true }
      return attributes[i] == .none
    }
  }

  /// The operation is a method too: its first argument is a tensor.
  var isMethod: Bool {
    guard let first = parameters.first else { return false }
    switch first.kind {
    case .tensor, .operand: return true
    default: return false
    }
  }
}
