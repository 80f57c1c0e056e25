/// Models in folders of Hugging Face's transformers: read into this program's form and written back.
import Autograd
import Base
import Formats
import Tensors
import Weights

/// A folder whose settings are understood and whose weights are not read yet.
struct FolderModel {
  let folder: HuggingFaceFolder
  var config: TransformerConfig
  var layout: WeightLayout
  /// Sources of weights that repeat others.
  var repeated: [WeightSource] = []

  /// Whether the head shares the embedding's weights is told by the tensors: settings of both kinds are wrong in
  /// the wild.
  init(path: String) throws {
    folder = try HuggingFaceFolder(path: path)
    let (family, settings, head) = try ModelFamily.of(folder.config, path: folder.configPath)
    config = try family.config(settings, head: head)
    layout = family.layout(config)
    if head == .score { return }
    let reader = WeightReader(folder, layout, headSize: config.headDim)
    let named = ([layout.embedding] + layout.embeddingAliases).filter { reader.has($0, .weight, layer: 0) }
    if let first = named.first { layout.embedding = first }
    for other in named.dropFirst() {
      if try !reader.areEqual(layout.embedding, other, .weight) {
        throw Failure(
          .format,
          "\(path): the tensors '\(layout.embedding[0].name)' and '\(other[0].name)' differ; a model here has "
            + "one embedding")
      }
      repeated += other
    }
    switch (reader.has(layout.embedding, .weight, layer: 0), reader.has(layout.head, .weight, layer: 0)) {
    case (true, true):
      if config.tied { config.tied = try reader.areEqual(layout.embedding, layout.head, .weight) }
      if config.tied { repeated += layout.head }
    case (false, true): (config.tied, layout.embedding) = (true, layout.head)
    case (_, false): config.tied = true
    }
  }

  func model(_ precision: WeightPrecision = .f32) throws -> Transformer {
    try Transformer(config, folder, layout, precision, repeated: repeated)
  }
}

extension Transformer {
  /// Reads a folder with config.json and safetensors.
  ///
  ///     let model = try Transformer.load(folder: "SmolLM2-135M")
  public static func load(folder path: String, _ precision: WeightPrecision = .f32) throws -> Transformer {
    let model = try FolderModel(path: path).model(precision)
    model.origin = WeightOrigin(model, path: path, precision)
    return model
  }

  /// Writes config.json and model.safetensors in f32, as transformers reads them. A configuration that none of
  /// its architectures has is refused.
  ///
  ///     try model.save(folder: "policy")
  public func save(folder path: String) throws {
    let config = config
    let found = ModelFamily.all.lazy.compactMap { family in
      family.json(config, path: HuggingFaceFolder.configName).map { (family, $0) }
    }.first
    guard let (family, json) = found else {
      let known = ModelFamily.all.map(\.architecture).joined(separator: ", ")
      throw Failure(
        .value,
        "no architecture of transformers has this configuration, of \(known); model:save(path) writes it as one "
          + "file for models.load")
    }
    try AtomicFile.makeFolder(path)
    if try FileCalls.names(in: path).contains(HuggingFaceFolder.indexName) {
      throw Failure(
        .io,
        "\(path) holds the index of another model, \(HuggingFaceFolder.indexName): save to another folder")
    }
    try Safetensors(try folderTensors(family.layout(config)), metadata: ["format": "pt"])
      .write(to: path + "/" + HuggingFaceFolder.weightsName)
    try json.save(to: path + "/" + HuggingFaceFolder.configName)
  }

  /// The weights as the files of a family hold them; adapters are merged.
  private func folderTensors(_ layout: WeightLayout) throws -> [(name: String, tensor: Tensor)] {
    let writer = WeightWriter(layout, headSize: config.headDim)
    let sources = try config.sources(in: layout)
    let merged = try weights.map { try $0.merged() }
    var result: [(name: String, tensor: Tensor)] = []
    for (source, affine) in zip(sources.all, merged.all) {
      let weight = try affine.weight.asVariable()
      let total = weight.value.shape[0]
      let isHead = [layout.head, layout.score].contains { $0.map(\.name) == source.parts.map(\.name) }
      for (kind, tensor) in [(WeightKind.weight, weight), (.bias, affine.bias)] {
        guard let value = tensor?.value else { continue }
        let rows = config.rows(of: source.parts.count, in: total)
        result += try writer.tensors(
          value, source.parts, kind, layer: source.layer, rows: rows, isHead: isHead)
      }
    }
    return result
  }
}
