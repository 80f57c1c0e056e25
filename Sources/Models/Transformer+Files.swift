/// Models in files: written as safetensors with the configuration in the metadata, read from every known
/// format.
import Autograd
import Base
import Formats
import Tensors
import Weights

extension Transformer {
  /// Writes weights and configuration so that a crash leaves the old file or the new one.
  ///
  ///     try model.save(path: "policy.safetensors")
  public func save(path: String) throws {
    var metadata = (adapters?.base.config ?? config).metadata
    // Stored weights are written as f32: the file is one of a model that can train.
    let tensors =
      parameters.map { (name: $0.name, tensor: $0.value.value) }
      + (try stored.map { (name: $0.name, tensor: try $0.matrix.decoded()) })
    metadata["format"] = WeightLayout.perilune.name
    metadata["hash"] = try ContentHash.of(tensors: tensors)
    if let adapters {
      metadata["lora"] = try adapters.lora.json(transposed: false, base: config).encoded()
    }
    try Safetensors(tensors, metadata: metadata).write(to: path)
  }

  /// Reads a model of any known format, told by the content of the file. Without `asked` the weights are f32, and those
  /// under adapters as they were.
  ///
  ///     let stories = try Transformer.load(path: "stories260K.bin")
  public static func load(path: String, _ asked: WeightPrecision? = nil) throws -> Transformer {
    let precision = asked ?? .f32
    if FileCalls.isFolder(path) { return try load(folder: path, precision) }
    let file = try WeightFiles.open(path)
    if let model = try adapted(file, asked) { return model }
    guard let layout = file.layout else { throw unknown(file) }
    let config = try TransformerConfig(metadata: file.metadata, file: path)
    let model =
      try file.metadata["lora"].map { lora in
        var reader = WeightReader(file, layout, headSize: config.headDim)
        return try Transformer(config, file, layout.ignoring(LowRank.addedSuffixes), precision).withAdapters(
          try LoRA(json: JSONValue(parsing: lora, name: path), path: path), &reader,
          { module in LowRank.parts.map { WeightSource(module.path + $0) } },
          saved: { WeightSource($0.path + SavedModule.part) })
      } ?? Transformer(config, file, layout, precision)
    // A flipped bit would silently be another model. Files from before the hash was written have none; that of other
    // weights than the file's own cannot be compared.
    if precision == .f32, let hash = file.metadata["hash"], try model.weightsHash() != hash {
      throw Failure(
        .format, "\(path): the file is damaged: its weights do not have the hash that was written with them")
    }
    model.origin = WeightOrigin(model, path: path, precision)
    return model
  }

  /// The weights of a file in a known layout.
  ///
  /// `repeated` are sources that hold nothing new.
  public convenience init(
    _ config: TransformerConfig, _ file: any WeightFile, _ layout: WeightLayout,
    _ precision: WeightPrecision = .f32, repeated: [WeightSource] = []
  ) throws {
    do { try config.validate() } catch {
      throw Failure(.format, "\(file.path): cannot make the model", cause: error)
    }
    let stored = file.entries.reduce(0) { $0 + $1.shape.elementCount }
    let layers = config.layers + config.encoderLayers
    if layers > stored {  // before as many parts as the configuration asks for are made
      throw Failure(.format, "\(file.path): \(stored) numbers, too few for \(layers) layers")
    }
    var reader = WeightReader(file, layout, headSize: config.headDim)
    reader.skip(repeated, .weight)
    var parts = try config.sources(in: layout).all.makeIterator()
    var current: (layer: Int, parts: [WeightSource]) = (0, [])
    let matrix: (WeightPart) throws -> StoredMatrix = { part in
      if let next = parts.next() { current = next }
      let name = part.name(.weight)
      let matrix = try reader.readStored(
        name, current.parts, layer: current.layer, shape: part.shape(.weight), precision)
      if let bad = try matrix.firstNonFinite() {
        throw Self.notFinite(bad.value, bad.place, name, file.path)
      }
      return matrix
    }
    try self.init(config, stored: precision == .f32 ? nil : matrix) { part, kind in
      if kind == .weight, let next = parts.next() { current = next }
      let name = part.name(kind)
      let tensor = try reader.read(
        name, current.parts, kind, layer: current.layer, shape: part.shape(kind))
      try Self.checkFinite(tensor, name, file.path)
      return tensor
    }
    try reader.finish()
  }

  /// A model with a weight that is NaN or infinite computes nothing.
  private static func checkFinite(_ tensor: Tensor, _ name: String, _ path: String) throws {
    let elements = UnsafeBufferPointer(start: tensor.pointer(Float.self), count: tensor.elementCount)
    if let bad = elements.firstIndex(where: { !$0.isFinite }) {
      throw notFinite(elements[bad], bad, name, path)
    }
  }

  private static func notFinite(_ value: Float, _ place: Int, _ name: String, _ path: String) -> Failure {
    Failure(
      .numeric,
      "\(path): weight '\(name)' is \(value) at element \(place + 1): the training that wrote "
        + "it diverged, or the file is damaged")
  }

  /// A file of named tensors that does not say what model they are of.
  static func unknown(_ file: any WeightFile) -> Failure {
    let names = Set(file.entries.map(\.name))
    let family = WeightLayout.families.first { $0.matches(names) }
    let what = family.map { "the tensors are those of \($0.name), but the file" } ?? "the file"
    let format = file.metadata["format"].map { "format \"\(Quoted.name($0))\"" } ?? "none"
    if let family, family.name != WeightLayout.perilune.name {
      return Failure(
        .format,
        "\(file.path): \(what) does not state the shape of the model: load the folder that holds it and its "
          + HuggingFaceFolder.configName)
    }
    return Failure(
      .format,
      "\(file.path): \(what) does not state the shape of a model: expected metadata as model:save "
        + "writes them, with format \"\(WeightLayout.perilune.name)\", got \(format)")
  }
}
