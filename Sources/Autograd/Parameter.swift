/// What an operation's arguments are called, what they may be, and their defaults.
///
/// From this list the Lua binding reads arguments (by position, or by name in a table), the help page prints the
/// signature, and the fuzz test makes calls.
import Tensors

public struct Parameter: Sendable {
  public enum Kind: Sendable {
    /// A tensor.
    case tensor
    /// A tensor or nil.
    case optionalTensor
    /// A tensor or a number, which becomes a tensor of no dimension in the other operand's type.
    case operand
    /// The same, or nil.
    case optionalOperand
    /// A list of tensors; the only tensor parameter of its operation.
    case tensors
    case integer(default: Int?)
    case number(default: Double?)
    case flag(default: Bool)
    /// One of a few words.
    case choice([String], default: String)
    /// A dimension: in Lua 1..rank or -rank..-1, here 0..<rank. `optional` allows nil, meaning all.
    case dimension(default: Int?, optional: Bool)
    /// A list of dimensions, of which none may come twice.
    case dimensions
    /// A position along a dimension: from 1 in Lua, negatives from the end.
    case position(default: Int?)
    /// Sizes; -1 stands for what is left where `inferred`.
    case shape(inferred: Bool)
    /// A list of whole numbers.
    case integers
    case dtype(default: DType?)
    /// Text, such as an einsum equation.
    case text
  }

  public let name: String
  public let kind: Kind
  public let meaning: String
  /// The type that a whole number in the place of an operand has, where it is not that of the other operands: a count
  /// would be rounded to f32.
  public let numberType: DType?

  public init(_ name: String, _ kind: Kind, _ meaning: String, numberType: DType? = nil) {
    self.name = name
    self.kind = kind
    self.meaning = meaning
    self.numberType = numberType
  }

  public var isTensor: Bool {
    switch kind {
    case .tensor, .optionalTensor, .operand, .optionalOperand, .tensors: return true
    default: return false
    }
  }

  /// It may be written as a number, which takes the type of the other operands, or `numberType`.
  public var isOperand: Bool {
    switch kind {
    case .operand, .optionalOperand: return true
    default: return false
    }
  }
}

/// The value of a parameter that is no tensor, already translated from Lua's conventions.
public enum Attribute: Sendable, Equatable {
  case none
  case integer(Int)
  case number(Double)
  case flag(Bool)
  case text(String)
  case integers([Int])
  case dtype(DType)
}
