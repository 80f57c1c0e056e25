/// One use of an operation: its inputs and attributes, and what its forward pass saves for the backward pass.
import Base
import Tensors

public final class OpContext {
  public let op: Op
  /// In the order of the tensor parameters; nil where an optional tensor was left out. Empty after the backward pass.
  @exclusivity(unchecked) public internal(set) var inputs: [Tensor?]
  /// The other parameters, by name.
  public let attributes: Attributes
  /// Which inputs need a gradient. A forward pass saves nothing that no gradient needs.
  public internal(set) var needs: [Bool]
  /// What forward saves for backward beside the inputs and outputs.
  public var saved: [Tensor] = []
  /// During backward, for each input (else empty): the gradient accumulated so far, if the input is a leaf and nothing
  /// else refers to that gradient. An operation may add its contribution to it and return nil for that input.
  public internal(set) var accumulators: [Tensor?] = []
  /// Of a checkpoint: the part that the backward pass runs again.
  var rerun: ((Variable) throws -> Variable)?

  init(_ op: Op, _ inputs: [Tensor?], _ attributes: [Attribute], needs: [Bool]) {
    self.op = op
    self.inputs = inputs
    self.attributes = Attributes(op, attributes)
    self.needs = needs
  }

  /// The accumulator of input `i` if a kernel can add to it: row-major, and of the input's type.
  public func accumulator(_ i: Int) -> Tensor? {
    if accumulators.isEmpty { return nil }
    return accumulators[i].flatMap { $0.isContiguous && $0.dtype == inputs[i]?.dtype ? $0 : nil }
  }

  public var needsAny: Bool { needs.contains(true) }

  /// Input `i`, whose parameter is not optional.
  public subscript(_ i: Int) -> Tensor {
    guard let tensor = inputs[i] else { preconditionFailure("\(op.name): input \(i) is not optional") }
    return tensor
  }

  // MARK: Attributes by name

  public func integer(_ name: String) -> Int? { attributes.integer(name) }
  public func integers(_ name: String) -> [Int]? { attributes.integers(name) }
  public func number(_ name: String) -> Double? { attributes.number(name) }
  public func flag(_ name: String) -> Bool { attributes.flag(name) }
  public func text(_ name: String) -> String? { attributes.text(name) }
  public func dtype(_ name: String) -> DType? { attributes.dtype(name) }
  func required(_ name: String) throws -> Int { try attributes.required(name) }
  func dimension(_ name: String, rank: Int, default fallback: Int? = nil) throws -> Int {
    try attributes.dimension(name, rank: rank, default: fallback)
  }
  func dimensions(_ name: String, rank: Int) throws -> [Int] { try attributes.dimensions(name, rank: rank) }
  func position(_ name: String, size: Int) throws -> Int { try attributes.position(name, size: size) }
  func sizes(_ name: String, filling count: Int) throws -> Shape {
    try attributes.sizes(name, filling: count)
  }
}
