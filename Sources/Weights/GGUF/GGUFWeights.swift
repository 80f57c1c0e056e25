/// The tensors of a GGUF file as f32, expanded block by block as they are read.
import Base
import Formats
import Tensors

/// A GGUF file as the weights of a model.
///
///     let weights = try GGUFWeights(ByteSource(path: "model.gguf"))
///     weights.metadata["layers"]      // "30"
public struct GGUFWeights: WeightFile {
  public let file: GGUFFile
  public let metadata: [String: String]
  public let layout: WeightLayout?

  public init(_ source: ByteSource) throws {
    file = try GGUFFile(source)
    let architecture = try GGUFArchitecture(file)
    metadata = try file.statements().merging(GGUFConfiguration.fields(file, architecture)) { $1 }
    layout = architecture.layout
  }

  public var path: String { file.source.name }
  public var format: String { "GGUF \(file.version)" }

  /// Sizes in this program's order, rows before columns; the file lists them the other way round.
  public var entries: [WeightEntry] {
    file.tensors.map {
      WeightEntry(name: $0.name, dtype: $0.type.name, shape: Shape(known: $0.sizes.reversed()))
    }
  }

  public static func recognises(_ source: ByteSource) throws -> Bool { try GGUFFile.recognises(source) }

  public func read(_ index: Int, from first: Int, into target: UnsafeMutableBufferPointer<Float>) throws {
    try file.read(file.tensors[index], from: first, into: target)
  }

  public func stored(_ index: Int) throws -> StoredElements? {
    let tensor = file.tensors[index]
    return StoredElements(type: try tensor.type.stored()) { first, target in
      try file.source.read(at: tensor.start + first, into: target)
    }
  }
}

extension GGUFTensorType {
  func stored() throws -> StoredType {
    try StoredType(Int(rawValue), name: name, elements: block.elements, bytes: block.bytes)
  }
}

extension GGUFFile {
  /// Bytes read at a time.
  private static let chunkBytes = 1 << 18

  /// Elements of a tensor from `first` on, which must begin and end with a block, as f32.
  func read(_ tensor: TensorInfo, from first: Int, into target: UnsafeMutableBufferPointer<Float>) throws {
    let (type, (elements, bytes)) = (try tensor.type.stored(), tensor.type.block)
    guard let start = target.baseAddress else { return }
    if first % elements != 0 || target.count % elements != 0 {
      throw Failure(
        .format,
        "\(source.name): tensor '\(Quoted.name(tensor.name))': \(target.count) elements from \(first) on are not "
          + "whole blocks of \(elements)")
    }
    let most = Self.chunkBytes / bytes
    var (block, done, left) = (first / elements, 0, target.count / elements)
    var chunk = [UInt8](repeating: 0, count: min(most, left) * bytes)
    try chunk.withUnsafeMutableBytes { chunk in
      while left > 0 {
        let count = min(most, left)
        let part = UnsafeMutableRawBufferPointer(rebasing: chunk[..<(count * bytes)])
        try source.read(at: tensor.start + block * bytes, into: part)
        if let blocks = part.baseAddress {
          type.decode(blocks, count: count * elements, into: start + done * elements)
        }
        (block, done, left) = (block + count, done + count, left - count)
      }
    }
  }
}
