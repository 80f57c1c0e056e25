/// One use of an operation: its inputs and attributes, and what its forward pass keeps for the backward pass.
import Base
import Tensors

public final class Invocation {
  public let op: Op
  /// In the order of the tensor parameters; nil where an optional tensor was left out.
  public let inputs: [Tensor?]
  /// In the order of the other parameters.
  public let attributes: [Attribute]
  /// Which inputs want a gradient. Forward passes look at it to keep nothing that no one will ask for.
  public internal(set) var needs: [Bool]
  /// What forward keeps for backward beside the inputs and outputs.
  public var saved: [Tensor] = []
  /// During backward: the gradient that an input has so far, where it is a leaf and nobody else holds it. An operation
  /// may add its part to it and return nil for that input.
  public internal(set) var sums: [Tensor?]

  public init(_ op: Op, _ inputs: [Tensor?], _ attributes: [Attribute], needs: [Bool]) {
    self.op = op
    self.inputs = inputs
    self.attributes = attributes
    self.needs = needs
    sums = [Tensor?](repeating: nil, count: inputs.count)
  }

  /// The gradient of `sums[i]` where a kernel can add to it: row-major, and of the input's type.
  public func lentSum(_ i: Int) -> Tensor? {
    sums[i].flatMap { $0.isContiguous && $0.dtype == inputs[i]?.dtype ? $0 : nil }
  }

  public var needsAny: Bool { needs.contains(true) }

  /// Input `i`, which the operation's parameters say is always there.
  public subscript(_ i: Int) -> Tensor {
    guard let tensor = inputs[i] else { preconditionFailure("\(op.name): input \(i) is not optional") }
    return tensor
  }

  public func integer(_ i: Int) -> Int? {
    if case .integer(let value) = attributes[i] { return value }
    return nil
  }

  public func integers(_ i: Int) -> [Int]? {
    if case .integers(let value) = attributes[i] { return value }
    return nil
  }

  public func number(_ i: Int) -> Double? {
    if case .number(let value) = attributes[i] { return value }
    return nil
  }

  public func flag(_ i: Int) -> Bool {
    if case .flag(let value) = attributes[i] { return value }
    return false
  }

  public func text(_ i: Int) -> String? {
    if case .text(let value) = attributes[i] { return value }
    return nil
  }

  public func dtype(_ i: Int) -> DType? {
    if case .dtype(let value) = attributes[i] { return value }
    return nil
  }
}
