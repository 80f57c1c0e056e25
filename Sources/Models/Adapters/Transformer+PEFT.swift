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
    let lora = try LoRA(json: JSONValue.load(configPath), path: configPath)
    let file = try SafetensorsFile(try ByteSource(path: path + "/" + Self.adapterWeightsName))
    var reader = WeightReader(file, adapterLayout, headSize: config.headDim)
    let model = try withAdapters(lora, &reader) { $0.adapterSources }
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
    try AtomicFile.makeFolder(path)
    try Safetensors(tensors, metadata: ["format": "pt"]).write(to: path + "/" + Self.adapterWeightsName)
    let isTransposed = modules.contains {
      if case .transposed = $0.source.arrangement { true } else { false }
    }
    try adapters.lora.json(transposed: isTransposed).save(to: path + "/" + Self.adapterConfigName)
  }

  /// The names of PEFT's tensors: those of the family, below the two models that wrap it.
  private var adapterLayout: WeightLayout {
    var layout = config.family
    layout.prefixes = layout.prefixes.map { "base_model.model." + $0 }
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
