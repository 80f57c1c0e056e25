/// Adapters as folders of PEFT: adapter_config.json and adapter_model.safetensors.
import Base
import Formats
import Tensors
import Weights

extension Transformer {
  private static let adapterConfigName = "adapter_config.json"
  private static let adapterWeightsName = "adapter_model.safetensors"

  /// A model of the same weights with the adapters of a folder. Every tensor of the folder must be used.
  ///
  ///     let policy = try Transformer.load(path: "gpt2").withAdapters(folder: "gpt2-lora")
  public func withAdapters(folder path: String) throws -> Transformer {
    let configPath = path + "/" + Self.adapterConfigName
    let json = try JSONValue.load(configPath)
    let lora = try LoRA(json: json, path: configPath)
    if json["task_type"] == "SEQ_CLS" && config.head != .score {
      throw Failure(
        .argument,
        "\(configPath): task_type \"SEQ_CLS\" is of a reward model, and the base has no score head: "
          + "base:score_head():load_adapter(folder)")
    }
    let file = try SafetensorsFile(try ByteSource(path: path + "/" + Self.adapterWeightsName))
    var reader = WeightReader(file, adapterLayout, headSize: config.headDim)
    let model = try withAdapters(lora, &reader, { $0.adapterSources }, saved: \.source)
    try reader.finish()
    return model
  }

  /// Writes the adapters as PEFT reads them, for `PeftModel.from_pretrained(base, path)`.
  public func saveAdapters(folder path: String) throws {
    guard let adapters else { throw Failure(.state, "the model has no adapters: model:save writes it whole") }
    let modules = try config.adapterModules(config.family).joined()
    let byPath = Dictionary(modules.map { ($0.path, $0) }, uniquingKeysWith: { first, _ in first })
    let writer = WeightWriter(adapterLayout, headSize: config.headDim)
    var tensors: [(name: String, tensor: Tensor)] = []
    for adapter in weights.all.flatMap(\.adapters) {
      guard let module = byPath[adapter.module] else { continue }
      for (source, value) in zip(module.adapterSources, [adapter.a.value, adapter.b.value]) {
        tensors += try writer.tensors(
          value, [source], .weight, layer: module.layer, rows: [value.shape[0]])
      }
    }
    let own = Dictionary(
      parameters.map { ($0.name, $0.value.value) }, uniquingKeysWith: { first, _ in first })
    let (base, family) = (adapters.base.config, config.family)
    let saved = try base.savedModules(family) + [base.tiedHead(family)]
    for module in saved.compactMap({ $0 }) {
      for kind in [WeightKind.weight, .bias] {
        guard let value = own[module.name(kind)] else { continue }
        let prefix = module.isHead ? Self.wrapper : ""
        tensors += try writer.tensors(
          value, [module.source], kind, layer: module.layer, rows: [value.shape[0]], isHead: module.isHead
        ).map { (prefix + $0.name, $0.tensor) }
      }
    }
    try AtomicFile.makeFolder(path)
    try Safetensors(tensors, metadata: ["format": "pt"]).write(to: path + "/" + Self.adapterWeightsName)
    let isTransposed = modules.contains {
      if case .transposed = $0.source.arrangement { true } else { false }
    }
    try adapters.lora.json(transposed: isTransposed, base: config)
      .save(to: path + "/" + Self.adapterConfigName)
  }

  /// The two models of PEFT that wrap the base.
  private static let wrapper = "base_model.model."

  /// The names of PEFT's tensors: those of the family, below the two models that wrap it.
  private var adapterLayout: WeightLayout {
    var layout = config.family
    layout.prefixes = layout.prefixes.map { Self.wrapper + $0 } + [Self.wrapper]
    layout.ignored = []
    layout.ignoredParts = []
    return layout
  }
}

extension AdapterModule {
  /// A and B in files. A module whose rows are arranged for rotation has a B with the same rows.
  fileprivate var adapterSources: [WeightSource] {
    var ofRows = WeightSource.Arrangement.same
    if case .rotaryHalves = source.arrangement { ofRows = .rotaryHalves }
    return zip(LowRank.parts, [.same, ofRows]).map { WeightSource(source.name + $0, $1) }
  }
}
