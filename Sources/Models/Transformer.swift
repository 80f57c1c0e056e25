/// One decoder for GPT-2 and Llama styles, as a chain of fused operations on packed sequences.
///
///     let model = try Transformer(.gpt2(vocab: 512, dim: 64, layers: 3, heads: 4, maxLength: 64), seed: 1)
///     let logps = try model.tokenLogps(TokenRows([[1, 5, 9, 2]], from: [1]))      // of tokens 5, 9 and 2
import Autograd
import Base
import Formats
import Tensors

public final class Transformer {
  public let config: TransformerConfig
  /// In the order of `config.parameterShapes`.
  public let parameters: [(name: String, value: Variable)]
  private let byName: [String: Variable]

  /// Random weights as GPT-2's: normal with deviation 0.02, residual outputs divided by sqrt(2 layers), norms at 1.
  public convenience init(_ config: TransformerConfig, seed: UInt64) throws {
    try config.validate()
    try config.checkFits()
    var tensors: [(String, Tensor)] = []
    for (name, shape) in config.parameterShapes {
      try Interrupt.check()
      let shape = try Shape(checked: shape)
      if name.hasSuffix("norm.weight") {
        tensors.append((name, try Tensor([Float](repeating: 1, count: shape.elementCount), shape: shape)))
      } else if name.hasSuffix(".bias") {
        tensors.append((name, try Tensor(zeros: shape, .f32)))
      } else {
        let isResidual = name.hasSuffix("output.weight") || name.hasSuffix("down.weight")
        let deviation = isResidual ? 0.02 / Double(2 * config.layers).squareRoot() : 0.02
        let drawn = try Tensor(uninitialized: shape, .f32)
        let p = drawn.pointer(Float.self)
        var random = Philox(seed: seed, stream: "init/\(name)")
        for i in 0..<drawn.elementCount { p[i] = Float(deviation * random.normal()) }
        tensors.append((name, drawn))
      }
    }
    try self.init(config, tensors: tensors)
  }

  /// Given weights; names and shapes must be exactly those of the config.
  public init(_ config: TransformerConfig, tensors: [(name: String, value: Tensor)]) throws {
    try config.validate()
    self.config = config
    var given: [String: Tensor] = [:]
    for (name, value) in tensors { given[name] = value }
    if config.layers > given.count {  // before as many names as the configuration asks for are made
      throw Failure(.format, "the weights are \(given.count) tensors, too few for \(config.layers) layers")
    }
    var list: [(String, Variable)] = []
    for (name, shape) in config.parameterShapes {
      guard let tensor = given.removeValue(forKey: name) else {
        throw Failure(.format, "the weights have no tensor '\(name)'")
      }
      if Array(tensor.shape) != shape || !tensor.dtype.isFloating {
        throw Failure(
          .format,
          "tensor '\(name)' is \(tensor.dtype.rawValue) \(tensor.shape), expected f32 \(Shape(known: shape))")
      }
      list.append((name, Variable(try tensor.cast(to: .f32).contiguous(), requiresGrad: true)))
    }
    if let extra = given.keys.sorted().first {
      throw Failure(.format, "the weights have an unknown tensor '\(extra)'")
    }
    parameters = list
    byName = Dictionary(uniqueKeysWithValues: list)
  }

  /// A model of the same weights that shares none of them.
  public func clone() throws -> Transformer {
    try Transformer(config, tensors: parameters.map { ($0.name, try $0.value.value.copied()) })
  }

  public var parameterCount: Int { parameters.reduce(0) { $0 + $1.value.value.elementCount } }

  /// SHA-256 of names, shapes and bytes: two models with one hash give the same numbers.
  public func contentHash() throws -> String {
    try ContentHash.of(tensors: parameters.map { ($0.name, $0.value.value) })
  }

  func parameter(_ name: String) throws -> Variable {
    guard let found = byName[name] else { throw Failure(.state, "the model has no parameter '\(name)'") }
    return found
  }

  func optional(_ name: String) -> Variable? { byName[name] }

  /// The weights of the head.
  func headWeight() throws -> Variable { try parameter(config.tied ? "embedding.weight" : "head.weight") }
}
