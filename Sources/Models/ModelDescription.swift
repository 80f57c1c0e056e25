/// What a file or folder of weights says of its model, read without the weights.
import Base
import Formats
import Weights

public struct ModelDescription {
  /// "GGUF 3", "safetensors", "llama2.c 0".
  public let format: String
  /// The family of the names of its tensors.
  public let family: String
  public let config: TransformerConfig
  /// How many tensors have each type, as the format names it.
  public let dtypes: [String: Int]
  /// Tensors that hold no weights.
  public let ignored: [String]
  /// What else the file states: its own keys and values as text.
  public let stated: [String: String]

  /// Reads the header of a file, or the settings and headers of a folder.
  ///
  ///     try ModelDescription(path: "model.gguf").dtypes      // ["F32": 61, "Q4_1": 210, "Q8_0": 1]
  public init(path: String) throws {
    if FileCalls.isFolder(path) {
      let model = try FolderModel(path: path)
      self.init(model.folder, model.layout, model.config)
      return
    }
    let file = try WeightFiles.open(path)
    guard let layout = file.layout else { throw Transformer.unknown(file) }
    self.init(file, layout, try TransformerConfig(metadata: file.metadata, file: path))
  }

  private init(_ file: any WeightFile, _ layout: WeightLayout, _ config: TransformerConfig) {
    (format, family, self.config) = (file.format, layout.name, config)
    var dtypes: [String: Int] = [:]
    for entry in file.entries { dtypes[entry.dtype, default: 0] += 1 }
    self.dtypes = dtypes
    ignored = file.entries.map(\.name).filter(layout.ignores)
    let fields = Set(TransformerConfig.fields.map(\.name))
    stated = file.metadata.filter { !fields.contains($0.key) }
  }
}
