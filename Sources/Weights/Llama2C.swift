/// A model in llama2.c's first format (`.bin`, version 0): seven 32-bit numbers, then f32 weights without
/// names.
///
/// A negative vocabulary means that the head has its own weights. Each tensor holds one weight of all layers.
/// Sizes are multiplied with checks and compared with the size of the file before anything is allocated.
import Base
import Formats
import Tensors

public struct Llama2C: WeightFormat {
  private let source: ByteSource
  private let tensors: [(entry: WeightEntry, start: Int)]
  public let metadata: [String: String]
  public let layout: WeightLayout? = .llama2c

  public var path: String { source.name }
  public var format: String { "llama2.c 0" }
  public var entries: [WeightEntry] { tensors.map(\.entry) }

  public init(_ source: ByteSource) throws {
    self.source = source
    let sizes = try Sizes(source)
    tensors = try sizes.tensors(in: source)
    metadata = [
      "dim": "\(sizes.dim)", "hidden": "\(sizes.hidden)", "layers": "\(sizes.layers)",
      "heads": "\(sizes.heads)", "kv_heads": "\(sizes.kvHeads)", "vocab": "\(sizes.vocab)",
      "max_length": "\(sizes.length)", "tied": "\(sizes.isTied)", "bias": "false", "norm": "rms",
      "activation": "swiglu", "positions": "rotary",
    ]
  }

  /// Seven numbers of a plausible model; whether the file has the length they describe is checked on reading.
  public static func recognises(_ source: ByteSource) throws -> Bool {
    if source.count < 28 { return false }
    let numbers = try (0..<7).map { Int(try source.integer(at: $0 * 4, as: Int32.self)) }
    return numbers.enumerated().allSatisfy { i, x in (1...1 << 24).contains(i == 5 ? abs(x) : x) }
  }

  public func read(_ index: Int, from first: Int, into target: UnsafeMutableBufferPointer<Float>) throws {
    try source.read(at: tensors[index].start + 4 * first, into: UnsafeMutableRawBufferPointer(target))
  }
}

/// The seven numbers of the header.
private struct Sizes {
  let dim, hidden, layers, heads, kvHeads, vocab, length: Int
  let isTied: Bool

  init(_ source: ByteSource) throws {
    if source.count < 28 {
      throw Failure(.format, "\(source.name): \(source.count) bytes, too short for seven numbers")
    }
    let names = ["dim", "hidden", "layers", "heads", "kv_heads", "vocab", "max_length"]
    var numbers: [Int] = []
    for (i, name) in names.enumerated() {
      let number = Int(try source.integer(at: i * 4, as: Int32.self))
      if number == 0 || (number < 0 && i != 5) {
        throw Failure(.format, "\(source.name): \(name) is \(number)")
      }
      numbers.append(number)
    }
    (dim, hidden, layers, heads) = (numbers[0], numbers[1], numbers[2], numbers[3])
    (kvHeads, vocab, length) = (numbers[4], abs(numbers[5]), numbers[6])
    isTied = numbers[5] > 0
    if dim % heads != 0 || dim / heads % 2 != 0 {
      throw Failure(.format, "\(source.name): dim \(dim) is not an even number for each of \(heads) heads")
    }
    if heads % kvHeads != 0 {
      throw Failure(.format, "\(source.name): \(heads) heads cannot share \(kvHeads) kv_heads evenly")
    }
  }

  /// Names and places of the tensors. A file may hold tables of rotation angles before the head; they are
  /// skipped.
  func tensors(in source: ByteSource) throws -> [(entry: WeightEntry, start: Int)] {
    let keys = dim / heads * kvHeads
    let plan: [(name: String, shape: [Int])] = [
      ("tok_embeddings", [vocab, dim]), ("attention_norm", [layers, dim]),
      ("attention.wq", [layers, dim, dim]), ("attention.wk", [layers, keys, dim]),
      ("attention.wv", [layers, keys, dim]), ("attention.wo", [layers, dim, dim]),
      ("ffn_norm", [layers, dim]),
      ("feed_forward.w1", [layers, hidden, dim]), ("feed_forward.w2", [layers, dim, hidden]),
      ("feed_forward.w3", [layers, hidden, dim]), ("norm", [dim]),
    ]
    func byteCount(_ shape: [Int]) throws -> Int {
      try shape.reduce(4) { try Checked.times($0, $1, "bytes") }
    }
    func entry(_ name: String, _ shape: [Int], at start: Int) throws -> (entry: WeightEntry, start: Int) {
      (WeightEntry(name: name + ".weight", dtype: "F32", shape: try Shape(checked: shape)), start)
    }
    let headBytes = isTied ? 0 : try byteCount([vocab, dim])
    let described = try plan.reduce(28 + headBytes) { try Checked.plus($0, try byteCount($1.shape), "bytes") }
    let tables = try byteCount([length, dim / heads])
    let withTables = try Checked.plus(described, tables, "bytes")
    if source.count != described && source.count != withTables {
      throw Failure(
        .format,
        "\(source.name): \(source.count) bytes, but its header describes \(described), or \(withTables) with "
          + "rotation tables")
    }
    var start = 28
    var tensors: [(entry: WeightEntry, start: Int)] = []
    for (name, shape) in plan {
      tensors.append(try entry(name, shape, at: start))
      start += try byteCount(shape)
    }
    if !isTied { tensors.append(try entry("output", [vocab, dim], at: source.count - headBytes)) }
    return tensors
  }
}
