/// Reads the weights of llama2.c's first format (`.bin`, version 0).
///
/// Seven 32-bit numbers, then 32-bit floating point without names; a negative vocabulary means that the classifier is
/// not tied to the embedding. All sizes are multiplied with checks and compared with the size of the file before the
/// first tensor is allocated. Matrices are output by input, and query and key rows are for interleaved rotation.
import Base
import Tensors

/// What a decoder needs to know about its weights, whatever file they came from.
public struct DecoderConfig: Sendable, Equatable {
  public var dimension: Int
  public var hidden: Int
  public var layers: Int
  public var heads: Int
  public var keyValueHeads: Int
  public var vocabulary: Int
  /// The longest context the weights were trained for.
  public var length: Int
  /// The classifier is the embedding.
  public var tied: Bool
  /// Rotary pairs are neighbours (0, 1), (2, 3) and not halves (0, d/2).
  public var ropeInterleaved: Bool
  public var ropeBase: Double
  public var normEpsilon: Double

  public init(
    dimension: Int, hidden: Int, layers: Int, heads: Int, keyValueHeads: Int, vocabulary: Int, length: Int,
    tied: Bool, ropeInterleaved: Bool = true, ropeBase: Double = 10_000, normEpsilon: Double = 1e-5
  ) {
    self.dimension = dimension
    self.hidden = hidden
    self.layers = layers
    self.heads = heads
    self.keyValueHeads = keyValueHeads
    self.vocabulary = vocabulary
    self.length = length
    self.tied = tied
    self.ropeInterleaved = ropeInterleaved
    self.ropeBase = ropeBase
    self.normEpsilon = normEpsilon
  }

  /// Features of one head.
  public var headDimension: Int { dimension / heads }
}

/// A model in llama2.c's format.
///
///     let model = try Llama2C.read("stories260K.bin")
///     model.config.layers                       // 5
///     model["layers.0.wk"]?.shape               // 32x64
public struct Llama2C {
  public let config: DecoderConfig
  /// `embedding`; of each layer `layers.0.attention_norm`, `wq`, `wk`, `wv`, `wo`, `ffn_norm`, `w1` (gate), `w2`
  /// (down), `w3` (up); `norm`; and `classifier` when it is not tied.
  public let tensors: [(name: String, tensor: Tensor)]

  /// The tensor of a name, or nil.
  public subscript(name: String) -> Tensor? { tensors.first { $0.name == name }?.tensor }

  /// Reads a file.
  public static func read(_ path: String) throws -> Llama2C { try Llama2C(from: ByteSource(path: path)) }

  /// Reads from bytes in memory.
  public static func read(bytes: [UInt8], name: String = "llama2.c") throws -> Llama2C {
    try Llama2C(from: ByteSource(bytes, name: name))
  }

  init(from source: ByteSource) throws {
    config = try Self.config(of: source)
    let plan = Plan(config)
    let bytes = try plan.checkedByteCounts()
    let tables = try Checked.times(config.length, config.headDimension * 4, "bytes")
    let withTables = try Checked.plus(bytes, tables, "bytes")
    if source.count != bytes && source.count != withTables {
      throw Failure(
        .format,
        "\(source.name): \(source.count) bytes, but its header describes \(bytes), or \(withTables) with rotation tables"
      )
    }
    tensors = try plan.read(source, afterTables: source.count == bytes ? 0 : tables)
  }

  private static func config(of source: ByteSource) throws -> DecoderConfig {
    if source.count < 28 {
      throw Failure(.format, "\(source.name): \(source.count) bytes, too short for seven numbers")
    }
    let names = [
      "dimension", "hidden dimension", "layers", "heads", "key and value heads", "vocabulary", "length",
    ]
    var numbers: [Int] = []
    for (i, name) in names.enumerated() {
      let number = Int(try source.integer(at: i * 4, as: Int32.self))
      if number == 0 || (number < 0 && i != 5) {
        throw Failure(.format, "\(source.name): \(name) is \(number)")
      }
      numbers.append(number)
    }
    let heads = numbers[3]
    if numbers[0] % heads != 0 || numbers[0] / heads % 2 != 0 {
      throw Failure(
        .format, "\(source.name): dimension \(numbers[0]) is not an even number for each of \(heads) heads")
    }
    if heads % numbers[4] != 0 {
      throw Failure(
        .format, "\(source.name): \(heads) heads cannot share \(numbers[4]) key and value heads evenly")
    }
    return DecoderConfig(
      dimension: numbers[0], hidden: numbers[1], layers: numbers[2], heads: heads, keyValueHeads: numbers[4],
      vocabulary: abs(numbers[5]), length: numbers[6], tied: numbers[5] > 0)
  }
}

/// The order of the weights in the file.
private struct Plan {
  let config: DecoderConfig
  /// Weights that each layer has: all layers of the first, then all layers of the second.
  let perLayer: [(name: String, shape: [Int])]

  init(_ config: DecoderConfig) {
    self.config = config
    let d = config.dimension
    let kv = config.headDimension * config.keyValueHeads
    perLayer = [
      ("attention_norm", [d]), ("wq", [d, d]), ("wk", [kv, d]), ("wv", [kv, d]), ("wo", [d, d]),
      ("ffn_norm", [d]),
      ("w1", [config.hidden, d]), ("w2", [d, config.hidden]), ("w3", [config.hidden, d]),
    ]
  }

  private var embeddingShape: [Int] { [config.vocabulary, config.dimension] }

  /// Bytes of the file without rotation tables.
  func checkedByteCounts() throws -> Int {
    var total = 28
    func add(_ shape: [Int], times: Int) throws {
      var bytes = try Checked.times(4, times, "bytes")
      for size in shape { bytes = try Checked.times(bytes, size, "bytes") }
      total = try Checked.plus(total, bytes, "bytes")
    }
    try add(embeddingShape, times: config.tied ? 1 : 2)
    for weight in perLayer { try add(weight.shape, times: config.layers) }
    try add([config.dimension], times: 1)
    return total
  }

  func read(_ source: ByteSource, afterTables tables: Int) throws -> [(name: String, tensor: Tensor)] {
    var offset = 28
    func next(_ shape: [Int]) throws -> Tensor {
      let tensor = try Tensor(uninitialized: try Shape(checked: shape), .f32)
      let bytes = tensor.elementCount * 4
      try withExtendedLifetime(tensor) {
        try source.read(
          at: offset, into: UnsafeMutableRawBufferPointer(start: tensor.storage.address, count: bytes))
      }
      offset += bytes
      return tensor
    }
    let embedding = try next(embeddingShape)
    var layers = [[(name: String, tensor: Tensor)]](repeating: [], count: config.layers)
    for weight in perLayer {
      for layer in 0..<config.layers {
        layers[layer].append(("layers.\(layer).\(weight.name)", try next(weight.shape)))
      }
    }
    let norm = try next([config.dimension])
    var all = [(name: "embedding", tensor: embedding)] + layers.joined() + [(name: "norm", tensor: norm)]
    if !config.tied {
      offset += tables
      all.append(("classifier", try next(embeddingShape)))
    }
    return all
  }
}
