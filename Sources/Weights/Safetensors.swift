/// Named tensors in a safetensors file, read and written whole.
import Base
import Formats
import Tensors

/// The contents of one safetensors file.
///
///     let file = Safetensors([("w", try Tensor([1, 2] as [Float], shape: [2]))], metadata: ["step": "3"])
///     try file.write(to: "w.safetensors")
///     try Safetensors.read("w.safetensors")["w"]?.shape      // 2
public struct Safetensors {
  /// Names and tensors, in the order of the file.
  public var tensors: [(name: String, tensor: Tensor)]
  /// Written as BF16 after the tensors. What is read has none: BF16 becomes f32.
  public var halves: [(name: String, values: BFloat16Tensor)]
  /// Free text about the file.
  public var metadata: [String: String]

  public init(
    _ tensors: [(name: String, tensor: Tensor)], halves: [(name: String, values: BFloat16Tensor)] = [],
    metadata: [String: String] = [:]
  ) {
    (self.tensors, self.halves) = (tensors, halves)
    self.metadata = metadata
  }

  /// The tensor of a name, or nil. Names are equal when their bytes are.
  public subscript(name: String) -> Tensor? {
    tensors.first { $0.name.utf8.elementsEqual(name.utf8) }?.tensor
  }

  /// Reads a file.
  ///
  ///     for (name, tensor) in try Safetensors.read("model.safetensors").tensors { print(name, tensor.shape) }
  public static func read(_ path: String) throws -> Safetensors { try read(from: ByteSource(path: path)) }

  /// Reads from bytes in memory.
  public static func read(bytes: [UInt8], name: String = "safetensors") throws -> Safetensors {
    try read(from: ByteSource(bytes, name: name))
  }

  /// Reads from an open file.
  public static func read(from source: ByteSource) throws -> Safetensors {
    let file = try SafetensorsFile(source)
    let entries = file.header.entries
    let tensors = try entries.indices.map { (name: entries[$0].name, tensor: try file.tensor($0)) }
    return Safetensors(tensors, metadata: file.metadata)
  }
}
