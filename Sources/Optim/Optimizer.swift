/// An optimizer: the parameters it trains, the state of its update rule, and the number of steps taken.
///
///     let optimizer = try Optimizer(model.parameters.map(\.value), AdamW(lr: 3e-4))
///     try loss.backward()
///     try optimizer.update()
import Autograd
import Base
import Tensors

/// What distinguishes one optimizer from another.
public protocol UpdateRule: Sendable {
  /// The name in Lua and in saved state: "adamw".
  static var name: String { get }
  /// Learning rate of a step that is given none.
  var lr: Double { get }
  /// What the state of f32 parameters is stored in. Only a rule that treats every element alike can have bf16.
  var moments: Moments { get }

  /// Throws if an option is out of its range.
  func validate() throws

  /// State tensors of one parameter: names and shapes. They have the parameter's element type and start as
  /// zeros.
  func slots(_ shape: Shape) -> [(name: String, shape: Shape)]

  /// Changes `weight` and `state` by step `step`, counted from 1. All tensors are contiguous and of one type.
  /// Returns false if a new weight is NaN or infinite.
  func update(_ weight: Tensor, _ gradient: Tensor, _ state: [Tensor], rate: Double, step: Int) -> Bool
}

extension UpdateRule {
  public var moments: Moments { .f32 }
}

public final class Optimizer {
  /// The parameters that require a gradient, each once, in the order given.
  public let parameters: [Variable]
  public let rule: any UpdateRule
  /// Steps taken.
  public private(set) var step = 0
  private let slots: [[Slot]]
  /// What messages call each parameter, before its shape.
  private let labels: [String]

  /// Parameters that do not require a gradient are skipped (frozen weights), and so are repetitions. A
  /// computed tensor is refused: changing it would not change what it was computed from. `names` are
  /// what messages call them, by identity.
  public init(
    _ given: [Variable], _ rule: any UpdateRule, names: [ObjectIdentifier: String] = [:]
  ) throws {
    try rule.validate()
    var seen = Set<ObjectIdentifier>()
    var trainable: [Variable] = []
    for (i, parameter) in given.enumerated() {
      if !parameter.isLeaf {
        throw Failure(
          .state,
          "parameter \(i + 1) (\(parameter.value.shape)) is computed from other tensors; an optimizer trains "
            + "leaves only"
        )
      }
      if !parameter.value.dtype.isFloating {
        throw Failure(.dtype, "parameter \(i + 1) is \(parameter.value.dtype.rawValue), expected f32 or f64")
      }
      if parameter.requiresGrad && seen.insert(ObjectIdentifier(parameter)).inserted {
        trainable.append(parameter)
      }
    }
    if trainable.isEmpty {
      let why = given.isEmpty ? "" : ": none of the \(given.count) tensors requires a gradient"
      throw Failure(.value, "no parameters to train\(why)")
    }
    parameters = trainable
    labels = trainable.enumerated().map { i, parameter in
      let name = names[ObjectIdentifier(parameter)].map { "\($0), " } ?? ""
      return "parameter \(i + 1) (\(name)\(parameter.value.shape))"
    }
    self.rule = rule
    slots = try trainable.map { parameter in
      try rule.slots(parameter.value.shape).map { name, shape in
        let isHalf = rule.moments == .bf16 && parameter.value.dtype == .f32
        return Slot(
          name: name,
          values: isHalf
            ? .half(try BFloat16Tensor(zeros: shape))
            : .full(try Tensor(zeros: shape, parameter.value.dtype)))
      }
    }
  }

  public var name: String { type(of: rule).name }

  /// Forgets the gradients of all parameters.
  public func zeroGrad() {
    for parameter in parameters { parameter.grad = nil }
  }

  /// One step with the gradients of the parameters; a parameter without a gradient is unchanged.
  ///
  /// Throws before any change if a gradient holds NaN or infinity, and after the change if a weight does.
  public func update(lr: Double? = nil) throws {
    let rate = lr ?? rule.lr
    if !(rate >= 0 && rate.isFinite) { throw Failure(.value, "lr must be at least 0, got \(rate)") }
    for (i, parameter) in parameters.enumerated() {
      guard let gradient = parameter.grad, try !Finite.holds(gradient) else { continue }
      throw Failure(
        .numeric,
        "step \(step + 1): the gradient of \(labels[i]) holds nan or inf: "
          + "the step is not applied")
    }
    var unsound: Int?
    for (i, parameter) in parameters.enumerated() {
      guard let gradient = try parameter.grad?.contiguous() else { continue }
      let weight = parameter.value
      let packed = try weight.contiguous()
      let isFinite = try slots[i].update(
        rule, packed, gradient, rate: rate, step: step + 1, parameter: i + 1)
      if !isFinite { unsound = unsound ?? i }
      if !weight.isContiguous { try Strided.copy(from: packed, to: weight) }
      weight.storage.markWritten()
    }
    if let i = unsound {
      throw Failure(
        .numeric,
        "step \(step + 1): \(labels[i]) holds nan or inf after the update "
          + "with lr \(rate)")
    }
    step += 1
  }

  /// The first parameter that holds NaN or infinity, in words; nil where all are finite.
  public func exception() throws -> String? {
    for (i, parameter) in parameters.enumerated() {
      if let found = try Finite.exception(in: parameter.value) { return "\(labels[i]) is \(found)" }
    }
    return nil
  }
}

// MARK: State

extension Optimizer {
  /// The state, named "slot.parameter" with parameters counted from 1: "exp_avg.1".
  public var state: [(name: String, values: Slot.Values)] {
    slots.enumerated().flatMap { i, slots in slots.map { ("\($0.name).\(i + 1)", $0.values) } }
  }

  /// Sets the step and copies the state tensors. Everything is checked before anything changes.
  public func restore(step: Int, state saved: [(name: String, tensor: Tensor)]) throws {
    if !(0...Limits.stepsMax).contains(step) {
      throw Failure(.state, "a state after \(step) steps: expected 0 to 2^53")
    }
    var given = Dictionary(saved.map { ($0.name, $0.tensor) }, uniquingKeysWith: { first, _ in first })
    var copies: [(from: Tensor, to: Slot.Values)] = []
    for (name, values) in state {
      guard let source = given.removeValue(forKey: name) else {
        throw Failure(.state, "the state of \(self.name) has no tensor '\(name)'")
      }
      if source.shape != values.shape || source.dtype != values.dtype {
        throw Failure(
          .state,
          "tensor '\(name)' of the state is \(source.dtype.rawValue) \(source.shape), expected "
            + "\(values.dtype.rawValue) \(values.shape)")
      }
      if case .half = values, try !BFloat16Tensor.holds(source) {
        throw Failure(.state, "tensor '\(name)' of the state holds numbers of f32, expected moments in bf16")
      }
      if try !Finite.holds(source) {
        throw Failure(.numeric, "tensor '\(name)' of the state holds nan or inf")
      }
      copies.append((source, values))
    }
    if let extra = given.keys.sorted().first {
      throw Failure(.state, "the state has a tensor '\(extra)' that \(name) of these parameters has not")
    }
    for (from, to) in copies { try to.set(from) }
    self.step = step
  }
}
