/// Adapters in a file without the weights under them, which it names by path and the hash of its weights.
import Autograd
import Base
import Formats
import Tensors
import Weights

/// Where the weights of a model were read from.
final class WeightOrigin {
  let path: String
  let precision: WeightPrecision
  private let version: Int
  private var hash: String?

  /// `hash` is that of the weights as they were read, where `model` holds them in another type.
  init(_ model: Transformer, path: String, _ precision: WeightPrecision, hash: String? = nil) {
    self.path = FileCalls.absolute(path)
    self.precision = precision
    self.hash = hash
    version = model.version
  }

  /// The hash of the weights, as they were read, of a model that nothing has written to since; nil of another.
  func hash(of model: Transformer) throws -> String? {
    if model.version != version { return nil }
    let known = try hash ?? model.weightsHash()
    hash = known
    return known
  }
}

extension Transformer {
  private static let basePathKey = "base_path"
  private static let baseHashKey = "base_hash"
  private static let baseTypeKey = "base_dtype"

  /// The number of writes to the weights.
  fileprivate var version: Int { parameters.reduce(0) { $0 + $1.value.value.storage.version } }

  private var adapterParameters: [(name: String, tensor: Tensor)] {
    parameters.filter { LowRank.isName($0.name) }.map { ($0.name, $0.value.value) }
  }

  /// Writes the adapters alone, with path and hash of the base, if that was read from a file and is as it was then; any
  /// other model is written whole.
  ///
  ///     try policy.saveAdaptersOnly(path: "policy.safetensors")
  public func saveAdaptersOnly(path: String) throws {
    guard let adapters, let origin = adapters.base.origin, let hash = try origin.hash(of: adapters.base)
    else {
      return try save(path: path)
    }
    var metadata = config.metadata
    metadata["format"] = WeightLayout.perilune.name
    metadata["lora"] = try adapters.lora.json(transposed: false, base: config).encoded()
    metadata["hash"] = try ContentHash.of(tensors: adapterParameters)
    (metadata[Self.basePathKey], metadata[Self.baseHashKey]) = (origin.path, hash)
    metadata[Self.baseTypeKey] = origin.precision.rawValue
    try Safetensors(adapterParameters, metadata: metadata).write(to: path)
  }

  /// The model of a file of adapters, whose base is read from where the file says and kept as it was, or as f32 of
  /// the same numbers where that is asked for; nil of another file.
  static func adapted(_ file: any WeightFile, _ asked: WeightPrecision?) throws -> Transformer? {
    guard let path = file.metadata[basePathKey], file.metadata[baseHashKey] != nil else { return nil }
    let precision = file.metadata[baseTypeKey].flatMap(WeightPrecision.init(rawValue:)) ?? .f32
    if let asked, asked != .f32 && asked != precision {
      throw Failure(
        .value,
        "\(file.path): its adapters were trained on weights kept as \(precision.rawValue), not \(asked.rawValue): "
          + "leave dtype out, or give \"f32\"")
    }
    let base: Transformer
    do {
      // A file could name itself.
      if !FileCalls.isFolder(path), try WeightFiles.open(path).metadata[baseHashKey] != nil {
        throw Failure(.format, "it holds adapters alone itself")
      }
      let computed = try TransformerConfig(metadata: file.metadata, file: file.path).precision
      base = try load(path: path, precision).withPrecision(computed)
    } catch let error as Failure where error.kind == .format || error.kind == .io {
      throw Failure(
        .format, "\(file.path): its adapters belong to the model \(path), which cannot be read: \(error)",
        cause: error)
    }
    return try base.withAdapters(file, base: path, asF32: asked == .f32)
  }

  /// A model of the same weights with the adapters of a file that `saveAdaptersOnly` wrote.
  public func withAdapters(file path: String) throws -> Transformer {
    let file = try WeightFiles.open(path)
    guard file.metadata[Self.baseHashKey] != nil else {
      throw Failure(
        .format, "\(path): expected adapters alone, as model:save(path, { adapters_only = true }) writes them"
      )
    }
    return try withAdapters(file, base: "the model")
  }

  private func withAdapters(_ file: any WeightFile, base name: String, asF32: Bool = false) throws
    -> Transformer
  {
    let own = try origin?.hash(of: self) ?? weightsHash()
    let expected = file.metadata[Self.baseHashKey] ?? ""
    if own != expected {
      throw Failure(
        .format,
        "\(file.path): its adapters belong to a model of hash \(Quoted.name(expected.prefix(12))), and \(name) has \(own.prefix(12)): its weights "
          + "are others than when the adapters were written")
    }
    guard let layout = file.layout else { throw Self.unknown(file) }
    guard let lora = file.metadata["lora"] else {
      throw Failure(.format, "\(file.path): its metadata have no 'lora', which says what its adapters are of")
    }
    var reader = WeightReader(file, layout, headSize: config.headDim)
    let base = asF32 && isFrozen ? try merged() : self
    if base !== self, let origin {
      base.origin = WeightOrigin(base, path: origin.path, origin.precision, hash: own)
    }
    let model = try base.withAdapters(
      try LoRA(json: JSONValue(parsing: lora, name: file.path), path: file.path), &reader,
      { module in LowRank.parts.map { WeightSource(module.path + $0) } },
      saved: { WeightSource($0.path + SavedModule.part) })
    try reader.finish()
    if try ContentHash.of(tensors: model.adapterParameters) != file.metadata["hash"] {
      throw Failure(
        .format,
        "\(file.path): the file is damaged: its adapters do not have the hash that was written with them")
    }
    return model
  }
}
