/// One decoder for GPT-2 and Llama styles, as a chain of fused operations on packed sequences.
///
///     let model = try Transformer(.gpt2(vocab: 512, dim: 64, layers: 3, heads: 4, maxLength: 64), seed: 1)
///     let logps = try model.tokenLogps(TokenRows([[1, 5, 9, 2]], from: [1]))      // of tokens 5, 9 and 2
import Autograd
import Base
import Formats
import Tensors
import Weights

/// The parameters of one linear map, norm or table.
public struct Affine {
  public let weight: Variable
  public let bias: Variable?
  /// In the order of their outputs.
  public var adapters: [LowRank] = []

  var variables: [Variable] { [weight] + (bias.map { [$0] } ?? []) }
}

public final class Transformer {
  public let config: TransformerConfig
  public let weights: ModelWeights<Affine>
  /// All parameters by their names, in the order in which they are stored and hashed.
  public let parameters: [(name: String, value: Variable)]
  /// Low-rank adapters of the linear maps; nil without.
  public let adapters: Adapters?

  /// Random weights as GPT-2's (`TransformerConfig.deviation`), biases at 0, norms at 1.
  public convenience init(_ config: TransformerConfig, seed: UInt64) throws {
    try config.validate()
    try config.checkFits()
    try self.init(config) { try Self.drawn($0, $1, config, seed: seed) }
  }

  /// The initial weights of a part.
  static func drawn(_ part: WeightPart, _ kind: WeightKind, _ config: TransformerConfig, seed: UInt64) throws
    -> Tensor
  {
    try Interrupt.check()
    let shape = try Shape(checked: part.shape(kind))
    if kind == .bias { return try Tensor(zeros: shape, .f32) }
    if case .norm = part.role {
      return try Tensor([Float](repeating: 1, count: shape.elementCount), shape: shape)
    }
    let deviation = config.deviation(part.role)
    let drawn = try Tensor(uninitialized: shape, .f32)
    let p = drawn.pointer(Float.self)
    var random = Philox(seed: seed, stream: "init/\(part.name(kind))")
    for i in 0..<drawn.elementCount { p[i] = Float(deviation * random.normal()) }
    return drawn
  }

  /// Makes every parameter by `tensor`, which gives contiguous f32 of the part's shape. The one function that
  /// knows which parameters there are.
  init(_ config: TransformerConfig, _ tensor: (WeightPart, WeightKind) throws -> Tensor) throws {
    self.config = config
    var list: [(name: String, value: Variable)] = []
    func parameter(_ part: WeightPart, _ kind: WeightKind) throws -> Variable {
      let variable = Variable(try tensor(part, kind), requiresGrad: true)
      list.append((part.name(kind), variable))
      return variable
    }
    weights = try config.parts.map { part in
      Affine(
        weight: try parameter(part, .weight), bias: part.hasBias ? try parameter(part, .bias) : nil)
    }
    parameters = list
    adapters = nil
  }

  init(
    _ config: TransformerConfig, _ weights: ModelWeights<Affine>,
    parameters: [(name: String, value: Variable)], adapters: Adapters
  ) {
    (self.config, self.weights, self.parameters, self.adapters) = (config, weights, parameters, adapters)
  }

  /// A model of the same weights that shares none of them; one with adapters shares those of its base, which are
  /// frozen. A frozen parameter is frozen in the clone too.
  public func clone() throws -> Transformer {
    if let adapters { return try adapters.base.withCopies(of: self, adapters.lora) }
    var next = 0
    let copy = try Transformer(config) { _, _ in
      defer { next += 1 }
      return try parameters[next].value.value.copied()
    }
    for (own, other) in zip(parameters, copy.parameters) {
      try other.value.setRequiresGrad(own.value.requiresGrad)
    }
    return copy
  }

  public var parameterCount: Int { parameters.reduce(0) { $0 + $1.value.value.elementCount } }

  /// The parameters that training changes.
  public var trainable: [Variable] { parameters.map(\.value).filter(\.requiresGrad) }

  /// Freezes or unfreezes the parameters whose names match `pattern`, in which * is any text. A frozen
  /// parameter gets no gradient, and optimisers leave it out. As `requires_grad_` of PyTorch's modules. The
  /// weights under adapters stay frozen: other models share them.
  ///
  ///     try model.setRequiresGrad(false, matching: "layers.0.*")
  public func setRequiresGrad(_ wanted: Bool, matching pattern: String = "*") throws {
    let matching = parameters.filter { Glob.matches($0.name, pattern) }
    if matching.isEmpty {
      throw Failure(
        .argument,
        "no parameter matches \"\(Quoted.name(pattern))\"; the first of \(parameters.count) is "
          + "\"\(parameters[0].name)\"")
    }
    let isShared = { (name: String) in self.adapters != nil && !LowRank.isName(name) }
    if wanted, matching.allSatisfy({ isShared($0.name) }) {
      throw Failure(
        .state,
        "the weights under adapters are shared with the base and stay frozen; model:merged() has weights "
          + "of its own")
    }
    for (name, value) in matching where !(wanted && isShared(name)) {
      try value.setRequiresGrad(wanted)
      if !wanted { value.grad = nil }
    }
  }

  /// SHA-256 of names, shapes and bytes: two models with one hash give the same numbers.
  public func contentHash() throws -> String {
    try ContentHash.of(tensors: parameters.map { ($0.name, $0.value.value) })
  }
}

/// Names by a pattern in which * is any text, also none.
enum Glob {
  static func matches(_ name: String, _ pattern: String) -> Bool {
    let (name, pattern) = (Array(name.utf8), Array(pattern.utf8))
    var (n, p) = (0, 0)
    var star: (pattern: Int, name: Int)?
    while n < name.count {
      if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
        star = (p, n)
        p += 1
      } else if p < pattern.count, pattern[p] == name[n] {
        n += 1
        p += 1
      } else if let last = star {
        star = (last.pattern, last.name + 1)
        (p, n) = (last.pattern + 1, last.name + 1)
      } else {
        return false
      }
    }
    return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
  }
}
