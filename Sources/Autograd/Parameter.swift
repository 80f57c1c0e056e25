/// The name, kind and default of an operation's parameter.
///
/// The Lua binding reads arguments by this list (by position, or by name in a table), the help page prints
/// the signature from it, and the fuzz test makes calls from it.
import Tensors

public final class Parameter: Sendable {
  public enum Kind: Sendable {
    /// A tensor.
    case tensor
    /// A tensor or nil.
    case optionalTensor
    /// A tensor or a number. A number becomes a scalar tensor of the other operand's type.
    case operand
    /// A tensor, a number or nil.
    case optionalOperand
    /// A list of tensors; the only tensor parameter of its operation.
    case tensors
    case integer(default: Int?)
    case number(default: Double?)
    /// A number to be stored in a tensor: a whole number keeps all 64 bits.
    case scalar
    case flag(default: Bool)
    /// One of a fixed set of strings.
    case choice([String], default: String)
    /// A dimension: 1..rank or -rank..-1 in Lua, 0..<rank in Swift. If `optional`, nil means all.
    case dimension(default: Int?, optional: Bool)
    /// A position among the dimensions of the result, which has one dimension more than the first tensor.
    case newDimension(default: Int?)
    /// A list of different dimensions.
    case dimensions
    /// A position along a dimension: from 1 in Lua, negatives from the end.
    case position(default: Int?)
    /// Sizes. If `inferred`, one of them may be -1.
    case shape(inferred: Bool)
    /// A list of whole numbers.
    case integers
    /// A list of numbers; none by default.
    case numbers
    case dtype(default: DType?)
    /// Text, such as an einsum equation.
    case text
  }

  public let name: String
  public let kind: Kind
  public let meaning: String
  /// The element type of a number given for an operand, if it differs from that of the other operands: a
  /// count would be rounded to f32.
  public let numberType: DType?

  @inline(never)
  public init(_ name: String, _ kind: Kind, _ meaning: String, numberType: DType? = nil) {
    self.name = name
    self.kind = kind
    self.meaning = meaning
    self.numberType = numberType
  }

  /// The value of an argument that is left out; `.none` without a default.
  public var standard: Attribute {
    switch kind {
    case .integer(let value), .dimension(let value, _), .newDimension(let value), .position(let value):
      return value.map(Attribute.integer) ?? .none
    case .number(let value): return value.map(Attribute.number) ?? .none
    case .flag(let value): return .flag(value)
    case .choice(_, let value): return .text(value)
    case .dtype(let value): return value.map(Attribute.dtype) ?? .none
    case .numbers: return .numbers([])
    case .tensor, .optionalTensor, .operand, .optionalOperand, .tensors, .scalar, .dimensions, .shape,
      .integers, .text:
      return .none
    }
  }

  public var isTensor: Bool {
    switch kind {
    case .tensor, .optionalTensor, .operand, .optionalOperand, .tensors: return true
    default: return false
    }
  }

  /// A number is accepted, and takes the type of the other operands or `numberType`.
  public var isOperand: Bool {
    switch kind {
    case .operand, .optionalOperand: return true
    default: return false
    }
  }
}

/// The value of a parameter that is not a tensor. Dimensions and positions count from 0.
public enum Attribute: Sendable, Equatable {
  case none
  case integer(Int)
  case number(Double)
  case flag(Bool)
  case text(String)
  case integers([Int])
  case numbers([Double])
  case dtype(DType)

  var isFinite: Bool {
    switch self {
    case .number(let value): value.isFinite
    case .numbers(let values): values.allSatisfy(\.isFinite)
    default: true
    }
  }
}
