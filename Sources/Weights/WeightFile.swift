/// A file of named weights, whatever its format, and the one place that tells formats apart.
import Base
import Formats
import Tensors

/// What a file says of one of its tensors.
public struct WeightEntry: Sendable {
  public let name: String
  /// As the format writes it: "F32", "BF16".
  public let dtype: String
  public let shape: Shape

  public init(name: String, dtype: String, shape: Shape) {
    self.name = name
    self.dtype = dtype
    self.shape = shape
  }
}

/// The elements of a tensor as its file stores them.
public struct StoredElements {
  public let type: StoredType
  /// Reads bytes of the tensor, from byte `first` of it on.
  public let read: (_ first: Int, _ target: UnsafeMutableRawBufferPointer) throws -> Void
}

/// Named weights in one file, or in several that belong together.
public protocol WeightFile {
  /// The path, for messages.
  var path: String { get }
  /// The name of the format, with its version where it has several.
  var format: String { get }
  /// The fields of a model's configuration, as text by their names, and whatever else the file states.
  var metadata: [String: String] { get }
  /// How the tensors are named and arranged; nil where the file does not state the configuration they belong
  /// to.
  var layout: WeightLayout? { get }
  var entries: [WeightEntry] { get }
  /// Reads elements of a tensor, in row-major order from element `first` on, as f32.
  func read(_ index: Int, from first: Int, into target: UnsafeMutableBufferPointer<Float>) throws
  /// The elements of a tensor as they are stored; nil where products cannot read them so.
  func stored(_ index: Int) throws -> StoredElements?
}

extension WeightFile {
  public func stored(_ index: Int) throws -> StoredElements? { nil }
}

/// A format of single files, told by its content; list it in `WeightFiles.formats`.
public protocol WeightFormat: WeightFile {
  /// Whether the bytes are of this format. A damaged file of the format counts.
  static func recognises(_ source: ByteSource) throws -> Bool
  init(_ source: ByteSource) throws
}

public enum WeightFiles {
  static let formats: [any WeightFormat.Type] = [SafetensorsFile.self, Llama2C.self]

  /// Opens a file by its content. What another program wrote is refused by name, with what to do.
  ///
  ///     let file = try WeightFiles.open("stories260K.bin")
  ///     file.metadata["layers"]      // "5"
  public static func open(_ path: String) throws -> any WeightFile { try open(ByteSource(path: path)) }

  public static func open(_ source: ByteSource) throws -> any WeightFile {
    // Before the kinds of files that are no weights of other formats, among which safetensors names GGUF.
    if try GGUFWeights.recognises(source) { return try GGUFWeights(source) }
    if let kind = try FileKind.of(source) {
      throw Failure(.format, "\(source.name): not a model that can be read: \(kind.refusal)")
    }
    for format in formats where try format.recognises(source) { return try format.init(source) }
    throw Failure(
      .format,
      "\(source.name): not a model: it \(try FileKind.appearance(of: source)); GGUF, safetensors and llama2.c "
        + "are read"
    )
  }
}
