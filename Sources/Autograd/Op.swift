/// An operation on tensors, defined once.
///
/// Its Lua method, help page, gradient check, refusal test and documentation test all come from this value. An
/// operation is added by adding one `Op` to `Op.catalogue`. Three kinds:
///
/// - a primitive has `forward` and `backward`;
/// - a composed operation has `compose`, a formula over other operations, and needs no gradient of its own;
/// - a fused operation has `forward` and `backward` for f32 and `compose` as its reference: other element types run
///   the reference, and a test compares the fused value and gradients with it.
import Base
import Tensors

public struct Op: @unchecked Sendable {
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
    /// False where the function is not smooth, so that differences say nothing about the gradient.
    public let checksGradient: Bool

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

    public init(_ inputs: [Tensor?], _ attributes: [Attribute] = [], words: String) {
      self.inputs = inputs
      self.attributes = attributes
      self.words = words
    }
  }

  public typealias Forward = (Invocation) throws -> [Tensor]
  /// Given the outputs and the gradient of each (nil where nothing depends on it), the gradient of each input (nil
  /// where none is wanted or there is none).
  public typealias Backward = (Invocation, _ outputs: [Tensor], _ gradients: [Tensor?]) throws -> [Tensor?]
  public typealias Compose = (_ inputs: [Variable?], _ attributes: [Attribute]) throws -> [Variable]

  public let name: String
  public let group: String
  public let summary: String
  public let formula: String
  /// Shapes of arguments and results, in the words of the help page.
  public let shapes: String
  /// The paper and equation the operation comes from, where there is one.
  public let source: String?
  public let parameters: [Parameter]
  public let example: Example
  public let forward: Forward?
  public let backward: Backward?
  public let compose: Compose?
  public let samples: (inout Samples) throws -> [Sample]
  public let refusals: () throws -> [Refusal]

  public init(
    _ name: String, group: String, summary: String, formula: String, shapes: String, source: String? = nil,
    parameters: [Parameter], example: Example, forward: Forward? = nil, backward: Backward? = nil,
    compose: Compose? = nil, samples: @escaping (inout Samples) throws -> [Sample],
    refusals: @escaping () throws -> [Refusal] = { [] }
  ) {
    precondition(forward != nil || compose != nil, "\(name) computes nothing")
    self.name = name
    self.group = group
    self.summary = summary
    self.formula = formula
    self.shapes = shapes
    self.source = source
    self.parameters = parameters
    self.example = example
    self.forward = forward
    self.backward = backward
    self.compose = compose
    self.samples = samples
    self.refusals = refusals
  }

  /// Primitive, composed or fused.
  public var isFused: Bool { forward != nil && compose != nil }
  public var isDifferentiable: Bool { backward != nil || compose != nil }

  /// Applies the operation and records it on the tape if any input wants a gradient.
  public func callAsFunction(_ inputs: [Variable?], _ attributes: [Attribute] = []) throws -> [Variable] {
    guard let observer = Op.observer else { return try run(inputs, attributes) }
    observer.begin(name, isBackward: false)
    var bytes = 0
    defer { observer.end(bytes: bytes) }
    let results = try run(inputs, attributes)
    bytes = results.reduce(0) { $0 + $1.value.elementCount * $1.value.dtype.byteCount }
    return results
  }

  @inline(__always)
  private func run(_ inputs: [Variable?], _ attributes: [Attribute]) throws -> [Variable] {
    if let compose, forward == nil || inputs.contains(where: { $0.map { $0.value.dtype == .f64 } ?? false }) {
      return try compose(inputs, attributes)
    }
    guard let forward else { preconditionFailure("\(name) computes nothing") }
    let records = backward != nil && Tape.isRecording && inputs.contains { $0?.requiresGrad ?? false }
    let needs = inputs.map { records && ($0?.requiresGrad ?? false) }
    let call = Invocation(self, inputs.map { $0?.value }, attributes, needs: needs)
    let outputs = try forward(call)
    if !records { return outputs.map { Variable($0) } }
    let node = Node(call, inputs, outputs)
    return outputs.enumerated().map { index, tensor in
      tensor.dtype.isFloating ? Variable(tensor, node: node, index: index) : Variable(tensor)
    }
  }
}
