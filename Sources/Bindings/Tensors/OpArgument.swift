/// One argument of an operation, read as its parameter says.
import Autograd
import Base
import LuaEngine
import Tensors

struct OpArgument {
  let call: Call
  let parameter: Parameter
  /// The position in the call, from 1; also of a named argument.
  let place: Int
  /// The last position of a list written without braces; less than `place` if the argument was left out.
  let last: Int
  /// The value, where it came by name.
  let named: LuaValue?
  /// The parameter is the last one and a list, which may be written without braces.
  let takesRest: Bool

  var isNil: Bool { named.map(\.isNil) ?? (place > last || call.isNil(place)) }

  var isNumber: Bool {
    switch named {
    case .integer?, .number?: return true
    case .some: return false
    case nil:
      let kind = call.kind(place)
      return place <= last && (kind == .integer || kind == .number)
    }
  }

  // MARK: Tensors

  func tensor(orNumber: Bool = false) throws -> Variable {
    if let named {
      if case .object(let object) = named, let variable = object as? Variable { return variable }
    } else if place <= last, let variable = call.objectIfAny(place) as? Variable {
      return variable
    }
    throw wrongType(orNumber ? "Tensor or number" : "Tensor")
  }

  func tensors() throws -> [Variable] {
    // T.einsum("ij,jk->ik", a, b)
    if takesRest, last > place || call.objectIfAny(place) is Variable {
      return try (place...max(place, last)).map { i in
        guard i <= last, let variable = call.objectIfAny(i) as? Variable else {
          throw call.bad(i, "Tensor expected, got \(call.typeName(i))")
        }
        return variable
      }
    }
    guard case .table(let table) = try value() else { throw wrongType("table of Tensors") }
    return try table.list().enumerated().map { i, element in
      if case .object(let object) = element, let variable = object as? Variable { return variable }
      throw bad("element [\(i + 1)] is a \(element.typeName), expected a Tensor")
    }
  }

  /// The number as a tensor of no dimension: in the type of the other operand, or in one that can hold it.
  func scalar(beside other: DType) throws -> Variable {
    guard let tensor = try OpArgument.scalar(try value(), beside: other) else { throw wrongType("number") }
    return tensor
  }

  /// The same of a value; nil if it is no number.
  static func scalar(_ value: LuaValue, beside other: DType) throws -> Variable? {
    if case .integer(let whole) = value, !other.isFloating {
      return Variable(try Tensor([whole], shape: []))
    }
    guard let number = value.asNumber else { return nil }
    if !other.isFloating, let whole = Int64(exactly: number) {
      return Variable(try Tensor([whole], shape: []))
    }
    return Variable(try Tensor(scalar: number, other.isFloating ? other : .f32))
  }

  // MARK: Attributes

  /// The attribute, or its default. `rank` is the number of dimensions of the first tensor.
  func attribute(rank: Int) throws -> Attribute {
    if isNil && !isRequired { return parameter.standard }
    switch parameter.kind {
    case .integer: return .integer(try integer(value()))
    case .number: return .number(try number())
    case .scalar: return try scalar()
    case .flag: return .flag(try flag())
    case .choice(let words, _): return .text(try word(words))
    case .dimension: return .integer(try dimension(integer(value()), rank))
    case .newDimension: return .integer(try dimension(integer(value()), rank + 1))
    case .dimensions: return .integers(try distinct(integers().map { try dimension($0, rank) }))
    case .position: return .integer(try position(integer(value())))
    case .shape, .integers: return .integers(try integers())
    case .numbers: return .numbers(try numbers())
    case .dtype: return .dtype(try dtype())
    case .text: return .text(try text())
    case .tensor, .optionalTensor, .operand, .optionalOperand, .tensors: return .none
    }
  }

  /// An absent argument is an error of this file: its message names the type that was expected.
  private var isRequired: Bool {
    switch parameter.kind {
    case .dimension(default: nil, optional: false), .newDimension(default: nil), .text, .scalar: return true
    default: return false
    }
  }

  /// A number for a tensor of any type: Lua's integers stay exact.
  private func scalar() throws -> Attribute {
    let value = try value()
    if case .integer(let whole) = value { return .integer(Int(whole)) }
    return .number(try number())
  }

  private func value() throws -> LuaValue {
    if let named { return named }
    return place <= last ? try call.value(place) : .nil
  }

  private func integer(_ value: LuaValue) throws -> Int {
    if let whole = value.asInteger { return whole }
    if case .number = value { throw bad("number has no integer representation") }
    throw wrongType("number")
  }

  private func number() throws -> Double {
    guard let number = try value().asNumber else { throw wrongType("number") }
    return number
  }

  private func numbers() throws -> [Double] {
    guard case .table(let table) = try value() else { throw wrongType("table") }
    do { return try table.numbers() } catch let failure as Failure where failure.isRefusal {
      throw bad(failure.message)
    }
  }

  private func flag() throws -> Bool {
    guard case .boolean(let flag) = try value() else { throw wrongType("boolean") }
    return flag
  }

  private func text() throws -> String {
    guard let text = try value().asString else { throw wrongType("string") }
    return text
  }

  private func word(_ words: [String]) throws -> String {
    let word = try text()
    if words.contains(word) { return word }
    let choices = words.map { "'\($0)'" }.joined(separator: ", ")
    throw bad("invalid option '\(word)': expected \(choices)\(Nearest.hint(word, in: words))")
  }

  private func dtype() throws -> DType {
    let word = try text()
    if let dtype = DType(rawValue: word) { return dtype }
    throw bad(DType.refusal(word))
  }

  /// A table of whole numbers, or the whole numbers from here to the last argument.
  private func integers() throws -> [Int] {
    let value = try value()
    if case .table(let table) = value {
      if named == nil && last > place { throw call.bad(place + 1, "no such argument") }
      do { return try table.integers() } catch let failure as Failure where failure.isRefusal {
        throw bad(failure.message)
      }
    }
    if named != nil { return [try integer(value)] }
    return try (place...last).map { i in
      if call.kind(i) == .number { throw call.bad(i, "number has no integer representation") }
      if call.kind(i) != .integer {
        throw call.bad(i, "\(i == place ? "number or table" : "number") expected, got \(call.typeName(i))")
      }
      return try call.integer(i)
    }
  }

  // MARK: Counting from 1

  /// A dimension 1..rank or -rank..-1 as 0..<rank.
  private func dimension(_ given: Int, _ rank: Int) throws -> Int {
    if given == 0 { throw bad("dimension 0: positions start at 1") }
    if given > rank || given < -rank {
      let expected = rank == 0 ? "" : " (expected 1..\(rank) or -\(rank)..-1)"
      throw bad(
        "dimension \(given) is out of range for \(rank == 0 ? "a scalar" : "a \(rank)-d tensor")\(expected)")
    }
    return given > 0 ? given - 1 : given + rank
  }

  private func distinct(_ dimensions: [Int]) throws -> [Int] {
    for (i, dimension) in dimensions.enumerated() where dimensions[..<i].contains(dimension) {
      throw bad("dimension \(dimension + 1) is given twice")
    }
    return dimensions
  }

  /// A position from 1 as one from 0; negatives count from the end in both.
  private func position(_ given: Int) throws -> Int {
    if given == 0 { throw bad("position 0: positions start at 1") }
    return given > 0 ? given - 1 : given
  }

  // MARK: Errors

  private func bad(_ message: String) -> LuaError {
    if named == nil { return call.bad(place, message) }
    return OpArgument.refusal(parameter, call, message, kind: "argument")
  }

  /// The error of an argument that came by name.
  static func refusal(_ parameter: Parameter, _ call: Call, _ message: String, kind: String) -> LuaError {
    LuaError(kind: kind, message: "bad argument '\(parameter.name)' to '\(call.name)' (\(message))")
  }

  private func wrongType(_ expected: String) -> LuaError {
    let given = named.map(call.typeName) ?? (place <= last ? call.typeName(place) : "no value")
    return bad("\(expected) expected, got \(given)")
  }
}

extension Call {
  /// The tensor that argument `i` is, or nil for anything else.
  @inline(__always)
  func tensorIfAny(_ i: Int) -> Variable? {
    guard let object = objectIfAny(i), type(of: object) == Variable.self else { return nil }
    return unsafeDowncast(object, to: Variable.self)
  }

  /// The name of a value's type for messages: the class for an object.
  func typeName(_ value: LuaValue) -> String {
    if case .object(let object) = value { return object is Variable ? "Tensor" : "userdata" }
    return value.typeName
  }
}

extension DType {
  static func refusal(_ word: String) -> String {
    "unknown element type '\(word)': expected \(allCases.map { "'\($0.rawValue)'" }.joined(separator: ", "))"
  }
}
