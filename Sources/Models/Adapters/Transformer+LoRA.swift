/// Models with low-rank adapters: made, merged, and without them again.
import Autograd
import Base
import Tensors
import Weights

extension Transformer {
  /// A model of the same weights, which it shares and which are frozen, with new adapters to train. A is drawn
  /// as PyTorch's Linear draws its weights, uniform in +-1/sqrt(inputs), and B is 0, and copies of modules begin
  /// as these: at first the model computes what this one computes. As in PEFT the head of a reward model is
  /// such a copy.
  ///
  ///     let policy = try sft.withAdapters(LoRA(targets: .names(["q_proj", "v_proj"])), seed: 1)
  public func withAdapters(_ lora: LoRA, seed: UInt64) throws -> Transformer {
    var lora = lora
    if config.head == .score && !lora.saves("score") { lora.modulesToSave.append("score") }
    try checkAllMatch(lora)
    return try withAdapters(
      lora,
      adapter: { module, rank in
        let a = try Tensor(uninitialized: [rank, module.inputs], .f32)
        var random = Philox(seed: seed, stream: "lora/\(module.path)")
        let (bound, p) = (1 / Double(module.inputs).squareRoot(), a.pointer(Float.self))
        for i in 0..<a.elementCount { p[i] = Float((2 * random.uniform() - 1) * bound) }
        return (a, try Tensor(zeros: [module.outputs.count, rank], .f32))
      }, copy: { _, _, tensor in try tensor.copied() })
  }

  /// A model of the same weights with copies of the adapters of another.
  func withCopies(of other: Transformer, _ lora: LoRA) throws -> Transformer {
    let own = Dictionary(
      other.parameters.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first })
    func copied(_ name: String) throws -> Tensor {
      guard let value = own[name]?.value else { throw Failure(.state, "'\(name)' is missing") }
      return try value.copied()
    }
    let copy = try withAdapters(
      lora,
      adapter: { module, _ in
        (try copied(module.path + LowRank.suffixes[0]), try copied(module.path + LowRank.suffixes[1]))
      }, copy: { module, kind, _ in try copied(module.name(kind)) })
    for (own, other) in zip(other.parameters, copy.parameters) {
      try other.value.setRequiresGrad(own.value.requiresGrad)
    }
    return copy
  }

  /// A model of the same weights with the adapters that a file holds; `sources` names A and B of a module, `saved`
  /// the copy of one.
  func withAdapters(
    _ lora: LoRA, _ reader: inout WeightReader, _ sources: (AdapterModule) -> [WeightSource],
    saved: (SavedModule) -> WeightSource
  ) throws -> Transformer {
    var held = reader
    func read(_ source: WeightSource, _ kind: WeightKind, _ layer: Int, _ shape: [Int]) throws -> Tensor {
      let name = source.tensorName(kind, layer: layer)
      return try held.read(name, [source], kind, layer: layer, shape: shape)
    }
    defer { reader = held }
    return try withAdapters(
      lora,
      adapter: { module, rank in
        let parts = sources(module)
        return (
          try read(parts[0], .weight, module.layer, [rank, module.inputs]),
          try read(parts[1], .weight, module.layer, [module.outputs.count, rank])
        )
      }, copy: { try read(saved($0), $1, $0.layer, Array($2.shape)) })
  }

  /// A model of the same weights with adapters whose A and B `adapter` gives, for a module and its rank, and copies
  /// of modules that `copy` gives, for the module and the tensor of the base.
  func withAdapters(
    _ lora: LoRA, adapter: (AdapterModule, Int) throws -> (a: Tensor, b: Tensor),
    copy: (SavedModule, WeightKind, Tensor) throws -> Tensor
  ) throws -> Transformer {
    if adapters != nil {
      throw Failure(.state, "the model has adapters already: merge them first, or begin with its base")
    }
    let plan = try AdapterPlan(lora, config)
    var added: [(name: String, value: Variable)] = []
    func copied(_ module: SavedModule, _ map: Affine) throws -> Affine {
      func one(_ kind: WeightKind, _ value: Variable) throws -> Variable {
        let own = Variable(try copy(module, kind, value.value), requiresGrad: true)
        added.append((module.name(kind), own))
        return own
      }
      let weight = try one(.weight, map.weight.asVariable())
      return Affine(weight: .variable(weight), bias: try map.bias.map { try one(.bias, $0) })
    }
    var next = plan.parts.makeIterator()
    var frozen: [Affine] = []
    var adapted = try weights.map { map in
      let base = Affine(weight: map.weight.detached(), bias: map.bias?.detached())
      frozen.append(base)
      guard let part = next.next() else { return base }
      if let module = part.copied { return try copied(module, map) }
      let made = try part.adapted.map { module in
        let (a, b) = try adapter(module, try plan.rank(module))
        let (left, right) = (Variable(a, requiresGrad: true), Variable(b, requiresGrad: true))
        added += zip(LowRank.suffixes, [left, right]).map { (module.path + $0, $1) }
        return LowRank(
          module: module.path, outputs: module.outputs, a: left, b: right, scale: try plan.scale(module))
      }
      return Affine(weight: base.weight, bias: base.bias, adapters: made)
    }
    var config = config
    if plan.untiesHead {
      let head = try plan.tiedHead.map { try copied($0, weights.embedding) } ?? frozen[0]
      config.tied = false
      adapted = ModelWeights(
        embedding: adapted.embedding, encoder: adapted.encoder, relativeBias: adapted.relativeBias,
        positions: adapted.positions, layers: adapted.layers, norm: adapted.norm, head: head)
    }
    let shared = zip(parameters, frozen.flatMap(\.variables)).map { ($0.name, $1) }
    return Transformer(
      config, adapted, parameters: shared + added, adapters: Adapters(base: self, lora: lora))
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
