/// Models with low-rank adapters: made, merged, and without them again.
import Autograd
import Base
import Tensors
import Weights

extension Transformer {
  /// A model of the same weights, which it shares and which are frozen, with new adapters to train. A is drawn
  /// as PyTorch's Linear draws its weights, uniform in +-1/sqrt(inputs), and B is 0: at first the model computes
  /// what this one computes.
  ///
  ///     let policy = try sft.withAdapters(LoRA(targets: .names(["q_proj", "v_proj"])), seed: 1)
  public func withAdapters(_ lora: LoRA, seed: UInt64) throws -> Transformer {
    try withAdapters(lora) { module, rank in
      let a = try Tensor(uninitialized: [rank, module.inputs], .f32)
      var random = Philox(seed: seed, stream: "lora/\(module.path)")
      let (bound, p) = (1 / Double(module.inputs).squareRoot(), a.pointer(Float.self))
      for i in 0..<a.elementCount { p[i] = Float((2 * random.uniform() - 1) * bound) }
      return (a, try Tensor(zeros: [module.outputs.count, rank], .f32))
    }
  }

  /// A model of the same weights with copies of the adapters of another.
  func withCopies(of other: Transformer, _ lora: LoRA) throws -> Transformer {
    let own = Dictionary(
      other.weights.all.flatMap(\.adapters).map { ($0.module, $0) }, uniquingKeysWith: { first, _ in first })
    let copy = try withAdapters(lora) { module, _ in
      guard let adapter = own[module.path] else {
        throw Failure(.state, "the adapter of '\(module.path)' is missing")
      }
      return (try adapter.a.value.copied(), try adapter.b.value.copied())
    }
    for (own, other) in zip(other.parameters, copy.parameters) {
      try other.value.setRequiresGrad(own.value.requiresGrad)
    }
    return copy
  }

  /// A model of the same weights with the adapters that a file holds; `sources` names A and B of a module.
  func withAdapters(
    _ lora: LoRA, _ reader: inout WeightReader, _ sources: (AdapterModule) -> [WeightSource]
  ) throws -> Transformer {
    try withAdapters(lora) { module, rank in
      let shapes = [[rank, module.inputs], [module.outputs.count, rank]]
      let tensors = try zip(sources(module), shapes).map { source, shape in
        try reader.read(
          source.tensorName(.weight, layer: module.layer), [source], .weight, layer: module.layer,
          shape: shape)
      }
      return (tensors[0], tensors[1])
    }
  }

  /// A model of the same weights with adapters whose A and B `tensors` gives, for a module and its rank.
  func withAdapters(_ lora: LoRA, _ tensors: (AdapterModule, Int) throws -> (a: Tensor, b: Tensor)) throws
    -> Transformer
  {
    if adapters != nil {
      throw Failure(.state, "the model has adapters already: merge them first, or begin with its base")
    }
    let modules = try config.adapterModules(config.family)
    let targets = try modules.map { try $0.filter { try lora.matches($0.path) } }
    if targets.allSatisfy(\.isEmpty) {
      let names = Set(modules.joined().map(\.name)).sorted()
      throw Failure(
        .argument, "no module matches the targets; the modules are \(names.joined(separator: ", "))")
    }
    var next = targets.makeIterator()
    var added: [(name: String, value: Variable)] = []
    let adapted = try weights.map { map in
      let adapters = try (next.next() ?? []).map { module in
        let rank = try lora.rank(of: module.path)
        let most = min(module.inputs, module.outputs.count)
        if rank < 1 || rank > most {
          throw Failure(.value, "rank \(rank) for module '\(module.path)', expected 1 to \(most)")
        }
        let (a, b) = try tensors(module, rank)
        let (left, right) = (Variable(a, requiresGrad: true), Variable(b, requiresGrad: true))
        added += zip(LowRank.suffixes, [left, right]).map { (module.path + $0, $1) }
        let scale = try lora.scale(of: module.path)
        if !Float(scale).isNormal {
          throw Failure(
            .value, "the scale of module '\(module.path)' is \(scale), expected a number of f32 but 0")
        }
        return LowRank(
          module: module.path, outputs: module.outputs, a: left, b: right, scale: scale)
      }
      return Affine(weight: map.weight.detached(), bias: map.bias?.detached(), adapters: adapters)
    }
    let frozen = adapted.all.flatMap(\.variables)
    return Transformer(
      config, adapted, parameters: zip(parameters, frozen).map { ($0.name, $1) } + added,
      adapters: Adapters(base: self, lora: lora))
  }

  /// A model without adapters that computes the same: its weights are W + s B A. It shares nothing.
  /// Weights that are stored become f32.
  public func merged() throws -> Transformer {
    var next = try weights.map { try $0.merged() }.all.makeIterator()
    var part: Affine?
    return try Transformer(config) { _, kind in
      if kind == .weight { part = next.next() }
      if kind == .weight, case .stored(let matrix) = part?.weight { return try matrix.decoded() }
      guard let tensor = kind == .weight ? try part?.weight.asVariable().value : part?.bias?.value else {
        throw Failure(.state, "a weight of the model is missing")
      }
      return try tensor.copied()
    }
  }
}

/// What a model with adapters was made from.
public struct Adapters {
  /// The model under the adapters, whose weights it shares.
  public let base: Transformer
  public let lora: LoRA
}
