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
  public let weight: Weight
  public let bias: Variable?
  /// In the order of their outputs.
  public var adapters: [LowRank] = []

  /// What is f32: weight and bias, but not a weight that is stored.
  var variables: [Variable] {
    var list: [Variable] = []
    if case .variable(let variable) = weight { list.append(variable) }
    return list + (bias.map { [$0] } ?? [])
  }
  /// Those of them and of the adapters that may train.
  var trained: [Variable] { variables + adapters.flatMap { [$0.a, $0.b] } }
}

public final class Transformer {
  public let config: TransformerConfig
  public let weights: ModelWeights<Affine>
  /// All parameters that are f32, by their names, in the order in which they are stored and hashed.
  public let parameters: [(name: String, value: Variable)]
  /// Weights of a frozen model, bf16 or as a file stores them, by their names; none of a model that can train.
  public let stored: [(name: String, matrix: StoredMatrix)]
  /// Low-rank adapters of the linear maps; nil without.
  public let adapters: Adapters?
  /// Where the weights were read from; nil of a model that was made here.
  var origin: WeightOrigin?

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
  /// With `matrix` the model is frozen: it gives the weights of linear maps and tables, and `tensor` the others.
  init(
    _ config: TransformerConfig, stored matrix: ((WeightPart) throws -> StoredMatrix)? = nil,
    _ tensor: (WeightPart, WeightKind) throws -> Tensor
  ) throws {
    self.config = config
    var list: [(name: String, value: Variable)] = []
    var matrices: [(name: String, matrix: StoredMatrix)] = []
    func parameter(_ part: WeightPart, _ kind: WeightKind) throws -> Variable {
      let variable = Variable(try tensor(part, kind), requiresGrad: matrix == nil)
      list.append((part.name(kind), variable))
      return variable
    }
    func weight(_ part: WeightPart) throws -> Weight {
      guard let matrix, part.isMatrix else { return .variable(try parameter(part, .weight)) }
      let made = try matrix(part)
      matrices.append((part.name(.weight), made))
      return .stored(made)
    }
    weights = try config.parts.map { part in
      Affine(weight: try weight(part), bias: part.hasBias ? try parameter(part, .bias) : nil)
    }
    parameters = list
    stored = matrices
    adapters = nil
  }

  init(
    _ config: TransformerConfig, _ weights: ModelWeights<Affine>,
    parameters: [(name: String, value: Variable)], adapters: Adapters
  ) {
    (self.config, self.weights, self.parameters, self.adapters) = (config, weights, parameters, adapters)
    stored = adapters.base.stored
  }

  private init(_ other: Transformer, _ precision: Precision) {
    var config = other.config
    config.precision = precision
    (self.config, weights, parameters) = (config, other.weights, other.parameters)
    (stored, origin) = (other.stored, other.origin)
    adapters = other.adapters.map { Adapters(base: Transformer($0.base, precision), lora: $0.lora) }
  }

  /// A model of the same weights, which it shares, with products of another precision, also under adapters.
  public func withPrecision(_ precision: Precision) -> Transformer {
    precision == config.precision ? self : Transformer(self, precision)
  }

  /// A model of the same weights that shares none of them; one with adapters shares those of its base, which are
  /// frozen. A frozen parameter is frozen in the clone too. Stored weights, which nothing changes, are shared.
  public func clone() throws -> Transformer {
    if let adapters { return try adapters.base.withCopies(of: self, adapters.lora) }
    var (next, nextStored) = (0, 0)
    let stored = stored
    let matrix: (WeightPart) throws -> StoredMatrix = { _ in
      defer { nextStored += 1 }
      return stored[nextStored].matrix
    }
    let copy = try Transformer(config, stored: isFrozen ? matrix : nil) { _, _ in
      defer { next += 1 }
      return try parameters[next].value.value.copied()
    }
    for (own, other) in zip(parameters, copy.parameters) {
      try other.value.setRequiresGrad(own.value.requiresGrad)
    }
    return copy
  }

  /// Whether weights are stored and so cannot train.
  public var isFrozen: Bool { !stored.isEmpty }

  /// The types of the weights: "f32", "bf16", or those of a file: "Q4_1, Q8_0".
  public var dtype: String {
    let names = Set(stored.flatMap { $0.matrix.parts.map(\.type.name) })
    if names.isEmpty { return "f32" }
    return names.sorted().map { $0.contains("_") ? $0 : $0.lowercased() }.joined(separator: ", ")
  }

  public var parameterCount: Int {
    parameters.reduce(0) { $0 + $1.value.value.elementCount }
      + stored.reduce(0) { $0 + $1.matrix.outputs * $1.matrix.inputs }
  }

  /// The parameters that training changes.
  public var trainable: [Variable] { parameters.map(\.value).filter(\.requiresGrad) }

  /// The parameters that training changes; an error where stored weights leave none.
  public func trained() throws -> [Variable] {
    let found = trainable
    if found.isEmpty && isFrozen { throw frozen }
    return found
  }

  /// Freezes or unfreezes the parameters whose names match `pattern`, in which * is any text. A frozen
  /// parameter gets no gradient, and optimisers leave it out. As `requires_grad_` of PyTorch's modules. The
  /// weights under adapters stay frozen: other models share them.
  ///
  ///     try model.setRequiresGrad(false, matching: "layers.0.*")
  public func setRequiresGrad(_ wanted: Bool, matching pattern: String = "*") throws {
    let matching = parameters.filter { Glob.matches($0.name, pattern) }
    let isOfStored = stored.contains { Glob.matches($0.name, pattern) }
    if wanted && isFrozen && (adapters == nil || matching.isEmpty && isOfStored) { throw frozen }
    if matching.isEmpty && !isOfStored {
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

  /// Why stored weights do not train, and what does.
  var frozen: Failure {
    Failure(
      .state,
      "the weights are kept as \(dtype) and do not train: load the model with dtype = \"f32\", train adapters "
        + "(model:lora), or take model:merged(), which is f32")
  }

  /// SHA-256 of names, types, shapes and bytes of the weights, and of the precision of products where that is not f32: two
  /// models with one hash give the same numbers.
  public func contentHash() throws -> String {
    let weights = try weightsHash()
    if config.precision == .f32 { return weights }
    return try SHA256.hash(of: Array("\(config.precision.rawValue) \(weights)".utf8))
  }

  /// The same of the weights alone.
  public func weightsHash() throws -> String {
    try ContentHash.of(tensors: parameters.map { ($0.name, $0.value.value) }, stored: stored)
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
