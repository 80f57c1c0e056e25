/// A folder as Hugging Face's transformers writes it: config.json and the weights as safetensors, in one file
/// or in several with an index.
///
/// An index counts only if every file it names is there: uploads carry stale ones. Names in an index are names
/// of files in the folder, never paths. Pickles are refused, as they can hold code.
import Base
import Formats
import Tensors

public struct HuggingFaceFolder: WeightFile {
  public let path: String
  public let config: JSONValue
  private let weights: ShardedWeights

  public var format: String { weights.format }
  public var metadata: [String: String] { [:] }
  public var layout: WeightLayout? { nil }
  public var entries: [WeightEntry] { weights.entries }
  /// The path of the configuration, for messages.
  public var configPath: String { path + "/" + Self.configName }

  public static let configName = "config.json"
  public static let weightsName = "model.safetensors"
  public static let indexName = "model.safetensors.index.json"

  /// Opens the files of a folder and reads their headers.
  ///
  ///     try HuggingFaceFolder(path: "SmolLM2-135M").entries.count
  public init(path: String) throws {
    let folder = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    let names = try FileCalls.names(in: folder).sorted()
    if !names.contains(Self.configName) { throw Self.noModel(folder, names, "no \(Self.configName)") }
    let configPath = folder + "/" + Self.configName
    self.path = folder
    config = try Self.json(configPath)
    if config.members == nil { throw Failure(.format, "\(configPath): not an object of settings") }
    let (files, map) = try Self.files(folder, names)
    if files.isEmpty { throw Self.noModel(folder, names, "no model*.safetensors") }
    let opened = try files.map { try SafetensorsFile(try ByteSource(path: folder + "/" + $0)) }
    let held = Dictionary(
      uniqueKeysWithValues: zip(files, opened.map { Set($0.header.entries.map(\.name)) }))
    if let (name, file) = map.first(where: { held[$1]?.contains($0) != true }) {
      throw Failure(
        .format,
        "\(folder)/\(Self.indexName): the tensor '\(Quoted.name(name))' is not in \(Quoted.name(file))")
    }
    weights = try ShardedWeights(opened, path: folder)
  }

  public func read(_ index: Int, from first: Int, into target: UnsafeMutableBufferPointer<Float>) throws {
    try weights.read(index, from: first, into: target)
  }

  public func stored(_ index: Int) throws -> StoredElements? { try weights.stored(index) }

  /// The files of weights and, where there is an index that holds, the file of each tensor.
  private static func files(_ folder: String, _ names: [String]) throws -> ([String], [(String, String)]) {
    if names.contains(indexName) {
      let path = folder + "/" + indexName
      guard let map = try json(path)["weight_map"]?.members else {
        throw Failure(.format, "\(path): has no object 'weight_map'")
      }
      var places: [(String, String)] = []
      for member in map {
        guard let file = member.value.text, !file.isEmpty, !file.contains("/"), file != "..", file != "."
        else {
          throw Failure(
            .format,
            "\(path): weight_map gives '\(Quoted.name(member.key))' no name of a file in the folder: "
              + "\(member.value.text.map { "\"\(Quoted.name($0))\"" } ?? "it is not a text")")
        }
        places.append((member.key, file))
      }
      let named = Set(places.map(\.1)).sorted()
      if !named.isEmpty && named.allSatisfy(names.contains) { return (named, places) }
      // An index none of whose files is there is of another upload; one of whose files some are there is not whole.
      if !names.contains(weightsName), named.contains(where: names.contains),
        let missing = named.first(where: { !names.contains($0) })
      {
        throw missingShard(folder, missing, "\(indexName) names it")
      }
    }
    let found = names.filter { $0.hasPrefix("model") && $0.hasSuffix(".safetensors") }
    if found.contains(weightsName) { return ([weightsName], []) }
    for name in found {
      if let missing = siblings(name).first(where: { !names.contains($0) }) {
        throw missingShard(folder, missing, "\(Quoted.name(name)) is there")
      }
    }
    return (found, [])
  }

  /// The names of all parts of a model by that of one: "model-00001-of-00003.safetensors".
  private static func siblings(_ name: String) -> [String] {
    let parts = name.dropLast(".safetensors".count).split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 4, parts[2] == "of", parts[1].count == parts[3].count, let count = Int(parts[3]),
      (1...Limits.tensorsMax).contains(count)
    else { return [] }
    return (1...count).map { number in
      let digits = String(number)
      let zeros = String(repeating: "0", count: max(0, parts[1].count - digits.count))
      return "\(parts[0])-\(zeros)\(digits)-of-\(parts[3]).safetensors"
    }
  }

  private static func missingShard(_ folder: String, _ name: String, _ why: String) -> Failure {
    Failure(
      .io, "\(folder): the file \(Quoted.name(name)) is missing: \(why); copy or download the folder again")
  }

  private static func json(_ path: String) throws -> JSONValue {
    try JSONValue(parsing: try ByteSource(path: path).all(limit: Limits.headerBytesMax), name: path)
  }

  private static func noModel(_ folder: String, _ names: [String], _ what: String) -> Failure {
    let pickles = names.filter { name in [".bin", ".pt", ".pth", ".ckpt"].contains(where: name.hasSuffix) }
    let advice: String
    if names.contains("adapter_config.json") {
      advice = "it holds an adapter of PEFT: load its base, then model:load_adapter(folder)"
    } else if let pickle = pickles.first {
      advice =
        "\(Quoted.name(pickle)) is a Python pickle, which can hold code: write the weights as safetensors with "
        + "transformers: AutoModelForCausalLM.from_pretrained(folder).save_pretrained(new_folder)"
    } else if let file = names.first(where: { $0.hasSuffix(".gguf") || $0.hasSuffix(".safetensors") }) {
      advice = "it holds \(Quoted.name(file)): load that file by its own path"
    } else {
      advice = "expected \(configName) and \(weightsName), as transformers' save_pretrained writes them"
    }
    return Failure(.format, "\(folder): not a folder of a model, \(what); \(advice)")
  }
}
