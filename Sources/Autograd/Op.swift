/// An operation on tensors, defined once.
///
/// Its Lua function, method, form in place and operator, its help page, gradient check, refusal test and
/// example test all come from this value: to add an operation is to add one `Op` to `Op.catalogue`. Three
/// kinds:
///
/// - a primitive has `forward` and `backward`;
/// - a composed operation has `compose`, a formula over other operations, and needs no gradient of its own;
/// - a fused operation has `forward` and `backward` for f32 and `compose` as its reference: other element types run
///   the reference, and a test compares the fused value and gradients with it.
///
/// A class, because each use of an operation refers to it.
import Base
import Tensors

public final class Op: @unchecked Sendable {
  /// A line of Lua and what it prints, run as a test. `T` is the tensor constructor.
  public struct Example: Sendable {
    public let lua: String
    public let prints: String

    public init(_ lua: String, prints: String) {
      self.lua = lua
      self.prints = prints
    }
  }

  /// Arguments for a check of the value or gradient.
  public struct Sample {
    public let inputs: [Tensor?]
    public let attributes: [Attribute]
    /// False where the function is not smooth, so that finite differences do not approximate the gradient.
    public let checksGradient: Bool

    @inline(never)
    public init(_ inputs: [Tensor?], _ attributes: [Attribute] = [], checksGradient: Bool = true) {
      self.inputs = inputs
      self.attributes = attributes
      self.checksGradient = checksGradient
    }
  }

  /// Arguments that must be refused, and words that the error must contain.
  public struct Refusal {
    public let inputs: [Tensor?]
    public let attributes: [Attribute]
    public let words: String

    @inline(never)
    public init(_ inputs: [Tensor?], _ attributes: [Attribute] = [], words: String) {
      self.inputs = inputs
      self.attributes = attributes
      self.words = words
    }
  }

  /// What Lua receives for a result.
  public enum Answer: Sendable, Equatable {
    case tensor
    /// A Lua boolean: the result says something about whole tensors, and a tensor of `false` would be true in
    /// `if`.
    case boolean
    /// A Lua boolean unless the parameter is given: `x:any()` asks about the whole tensor, `x:any{dim = 1}`
    /// does not.
    case booleanUnless(String)
  }

  /// What an operation computes from the values of one or two tensors, where its attributes have their defaults.
  public enum Direct {
    case one((Tensor) throws -> Tensor)
    case two((Tensor, Tensor) throws -> Tensor)

    var forward: Forward {
      switch self {
      case .one(let value): return { context in [try value(context[0])] }
      case .two(let value): return { context in [try value(context[0], context[1])] }
      }
    }
  }

  public typealias Forward = (OpContext) throws -> [Tensor]
  /// From the outputs and the gradient of each (nil where nothing depends on it), the gradient of each input
  /// (nil where none is needed or none exists).
  public typealias Backward = (OpContext, _ outputs: [Tensor], _ gradients: [Tensor?]) throws -> [Tensor?]
  public typealias Compose = (_ inputs: [Variable?], _ attributes: Attributes) throws -> [Variable]

  public let name: String
  public let group: String
  public let summary: String
  public let formula: String
  /// Shapes of arguments and results, as the help page prints them.
  public let shapes: String
  /// The paper and equation the operation comes from, if there is one.
  public let source: String?
  public let parameters: [Parameter]
  /// `x:name_(...)` exists and writes the result into x. The result has the shape of the first argument.
  public let inPlace: Bool
  /// Names that the operation has in PyTorch or NumPy: an error that meets one suggests this operation.
  public let aliases: [String]
  /// The Lua operator that the operation defines, such as `__add`.
  public let metamethod: String?
  public let answers: Answer
  public let example: Example
  public let forward: Forward?
  /// `forward` without its context.
  public let direct: Direct?
  public let backward: Backward?
  public let compose: Compose?
  public let samples: (inout Samples) throws -> [Sample]
  public let refusals: () throws -> [Refusal]
  /// Names of the parameters that are not tensors, in order.
  let attributeNames: [String]

  public init(
    _ name: String, group: String, summary: String, formula: String, shapes: String, source: String? = nil,
    parameters: [Parameter], aliases: [String] = [], inPlace: Bool = false, metamethod: String? = nil,
    answers: Answer = .tensor,
    example: Example, forward: Forward? = nil, direct: Direct? = nil, backward: Backward? = nil,
    compose: Compose? = nil,
    samples: @escaping (inout Samples) throws -> [Sample],
    refusals: @escaping () throws -> [Refusal] = { [] }
  ) {
    let forward = forward ?? direct?.forward
    precondition(forward != nil || compose != nil, "\(name) computes nothing")
    precondition(direct == nil || answers == .tensor, "\(name) answers no tensor")
    self.name = name
    self.group = group
    self.summary = summary
    self.formula = formula
    self.shapes = shapes
    self.source = source
    self.parameters = parameters
    self.aliases = aliases
    self.inPlace = inPlace
    self.metamethod = metamethod
    self.answers = answers
    self.example = example
    self.forward = forward
    self.direct = direct
    self.backward = backward
    self.compose = compose
    self.samples = samples
    self.refusals = refusals
    attributeNames = parameters.filter { !$0.isTensor }.map(\.name)
  }

  /// The same operation, f32 alone, computed in another way: with weights that its closures hold and that are no
  /// tensor.
  func computed(forward: @escaping Forward, backward: @escaping Backward) -> Op {
    Op(
      name, group: group, summary: summary, formula: formula, shapes: shapes, source: source,
      parameters: parameters, example: example, forward: forward, backward: backward, samples: samples,
      refusals: refusals)
  }

  /// Both fast and composed: `forward` for f32, `compose` as the reference.
  public var isFused: Bool { forward != nil && compose != nil }
  public var isDifferentiable: Bool { backward != nil || compose != nil }

  /// Applies the operation and records it on the tape if any input requires a gradient. `attributes` are in
  /// the order of the parameters that are not tensors; attributes left out at the end take their defaults.
  public func callAsFunction(_ inputs: [Variable?], _ attributes: [Attribute] = []) throws -> [Variable] {
    if attributes.isEmpty, inputs.count == 2, let x = inputs[0], let y = inputs[1],
      let result = try unrecorded(x, y)
    {
      return [result]
    }
    guard let observer = Op.observer else { return try run(inputs, attributes) }
    return try Op.report(
      name, to: observer, inputs.map { $0?.value }, attributes, isBackward: false, { $0.map { $0.value } }
    ) { try run(inputs, attributes) }
  }

  /// The result for one tensor. Where nothing is recorded or observed, an operation with a direct form needs no lists and
  /// no context.
  public func callAsFunction(_ x: Variable) throws -> Variable {
    guard case .one(let value)? = direct, isPlain(x) else { return try self([x], [])[0] }
    return Variable(try Parallel.cutting { try value(x.value) })
  }

  /// The result for two tensors, in the same way.
  public func callAsFunction(_ x: Variable, _ y: Variable) throws -> Variable {
    try unrecorded(x, y) ?? self([x, y], [])[0]
  }

  /// The result by the direct form; nil without one, or where the use is recorded or observed.
  @inline(__always)
  private func unrecorded(_ x: Variable, _ y: Variable) throws -> Variable? {
    guard case .two(let value)? = direct, isPlain(x), !records(y) else { return nil }
    return Variable(try Parallel.cutting { try value(x.value, y.value) })
  }

  /// Whether a use of the operation with this input is recorded.
  @inline(__always)
  func records(_ input: Variable?) -> Bool {
    (input?.requiresGrad ?? false) && backward != nil && Tape.isRecording
  }

  /// Whether a use of the operation with this input is neither recorded nor observed: it is then its value alone.
  @inline(__always)
  func isPlain(_ input: Variable) -> Bool { Op.observer == nil && !records(input) }

  /// The reference formula, or nil for a primitive.
  public func composed(_ inputs: [Variable?], _ attributes: [Attribute]) throws -> [Variable]? {
    try compose?(inputs, Attributes(self, attributes))
  }

  @inline(__always)
  private func run(_ inputs: [Variable?], _ attributes: [Attribute]) throws -> [Variable] {
    if let compose, forward == nil || inputs.contains(where: { $0.map { $0.value.dtype == .f64 } ?? false }) {
      return try Parallel.cutting { try compose(inputs, Attributes(self, attributes)) }
    }
    guard let forward else { preconditionFailure("\(name) computes nothing") }
    let needs = inputs.map { records($0) }
    let context = OpContext(self, inputs.map { $0?.value }, attributes, needs: needs)
    let outputs = try Parallel.cutting { try forward(context) }
    if !needs.contains(true) { return outputs.map { Variable($0) } }
    let node = Node(context, inputs, outputs)
    return outputs.enumerated().map { index, tensor in
      tensor.dtype.isFloating ? Variable(tensor, node: node, index: index) : Variable(tensor)
    }
  }
}
