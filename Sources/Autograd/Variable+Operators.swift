/// The operations that formulas are composed of, as methods.
///
///     let margin = try chosen.minus(rejected)
///     let loss = try margin.times(beta).apply(.logSigmoid).negated().mean()
import Base
import Tensors

extension Variable {
  /// The first result of an operation whose first argument is this variable.
  public func apply(_ op: Op, _ others: Variable?..., attributes: [Attribute] = []) throws -> Variable {
    try op([self] + others, attributes)[0]
  }

  /// A number in this variable's type, without dimensions.
  public func constant(_ x: Double) throws -> Variable {
    Variable(try Tensor(scalar: x, value.dtype.isFloating ? value.dtype : .f32))
  }

  public func plus(_ other: Variable) throws -> Variable { try apply(.add, other) }
  public func minus(_ other: Variable) throws -> Variable { try apply(.sub, other) }
  public func times(_ other: Variable) throws -> Variable { try apply(.mul, other) }
  public func dividedBy(_ other: Variable) throws -> Variable { try apply(.div, other) }
  public func plus(_ x: Double) throws -> Variable { try plus(constant(x)) }
  public func minus(_ x: Double) throws -> Variable { try minus(constant(x)) }
  public func times(_ x: Double) throws -> Variable { try times(constant(x)) }
  public func dividedBy(_ x: Double) throws -> Variable { try dividedBy(constant(x)) }
  public func negated() throws -> Variable { try apply(.neg) }
  public func exp() throws -> Variable { try apply(.exp) }
  public func log() throws -> Variable { try apply(.log) }
  public func sqrt() throws -> Variable { try apply(.sqrt) }
  public func square() throws -> Variable { try apply(.square) }
  public func sigmoid() throws -> Variable { try apply(.sigmoid) }
  public func tanh() throws -> Variable { try apply(.tanh) }
}
