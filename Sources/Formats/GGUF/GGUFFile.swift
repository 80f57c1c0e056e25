/// A GGUF file, versions 2 and 3: metadata and the places of tensors, trusted only after every check of ggml's reader.
///
/// Counts are limited before anything is allocated for them, lengths are compared with the bytes that remain, sizes are
/// multiplied with checks, and the tensors follow each other without hole or overlap. The layout is that of
/// ggml's docs/gguf.md; all numbers are little-endian.
import Base

public struct GGUFFile: Sendable {
  public struct TensorInfo: Sendable {
    public let name: String
    public let type: GGUFTensorType
    /// As the file lists them: the first is contiguous, the length of a row.
    public let sizes: [Int]
    /// From the start of the file.
    public let start: Int
    public let byteCount: Int
  }

  public let source: ByteSource
  public let version: Int
  /// Keys in the order of the file.
  public let keys: [String]
  public let tensors: [TensorInfo]
  let values: [String: GGUFValue]

  public static let magic = Array("GGUF".utf8)
  private static let alignmentKey = "general.alignment"

  /// Reads and checks the header.
  ///
  ///     let file = try GGUFFile(ByteSource(path: "model.gguf"))
  ///     try file.text("general.architecture")      // "llama"
  public init(_ source: ByteSource) throws {
    self.source = source
    if try !Self.recognises(source) {
      throw Failure(.format, "\(source.name): not a GGUF file: its first bytes are not 'GGUF'")
    }
    var cursor = GGUFCursor(source, at: 4, subject: "the header")
    let version = try cursor.integer(UInt32.self, "the version")
    if version.byteSwapped < 1 << 16 && version >= 1 << 16 {
      throw cursor.failure(
        "is of version \(version.byteSwapped) in big-endian order; convert the file to little-endian")
    }
    if version != 2 && version != 3 {
      let advice =
        version == 1 ? "convert the model again with a current converter" : "the file may be damaged"
      throw cursor.failure("is of version \(version), expected 2 or 3; \(advice)")
    }
    self.version = Int(version)
    let tensorCount = try cursor.integer(UInt64.self, "the number of tensors")
    let keyCount = try cursor.integer(UInt64.self, "the number of keys")
    for (count, limit, what) in [
      (tensorCount, Limits.ggufTensorsMax, "tensors"), (keyCount, Limits.metadataKeysMax, "keys"),
    ] where count > limit {
      throw cursor.failure("claims \(count) \(what), the limit is \(limit): it is damaged")
    }
    (keys, values) = try Self.metadata(&cursor, count: Int(keyCount))
    let alignment = try Self.alignment(values[Self.alignmentKey], cursor)
    tensors = try Self.tensors(&cursor, count: Int(tensorCount), alignment)
  }

  public static func recognises(_ source: ByteSource) throws -> Bool {
    try source.bytes(at: 0, count: min(4, source.count)) == magic
  }

  private static func metadata(_ cursor: inout GGUFCursor, count: Int) throws -> (
    [String], [String: GGUFValue]
  ) {
    var keys: [String] = []
    var values: [String: GGUFValue] = [:]
    for number in 0..<count {
      cursor.subject = "key \(number + 1) of \(count)"
      let key = try cursor.name("a name", limit: Limits.metadataKeyBytesMax)
      cursor.subject = "key '\(Quoted.name(key))'"
      if key.isEmpty || !key.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) {
        throw cursor.failure("is not a name of printable ASCII: the file is damaged")
      }
      let value = try cursor.value()
      if values.updateValue(value, forKey: key) != nil {
        throw cursor.failure("occurs twice: which one holds is not defined; write the file again")
      }
      keys.append(key)
    }
    return (keys, values)
  }

  private static func alignment(_ value: GGUFValue?, _ cursor: GGUFCursor) throws -> Int {
    var cursor = cursor
    cursor.subject = "key '\(alignmentKey)'"
    guard let value else { return 32 }
    guard case .integer(let alignment, .u32) = value else {
      throw cursor.failure("is \(value.kind), expected uint32")
    }
    if alignment < 1 || alignment & (alignment - 1) != 0 {
      throw cursor.failure("is \(alignment), expected a power of two: the file is damaged")
    }
    return alignment
  }

  /// One tensor's description: everything but the place of its data.
  private struct Described {
    let name: String
    let type: GGUFTensorType
    let sizes: [Int]
    let offset: UInt64
    let byteCount: Int
  }

  private static func tensors(_ cursor: inout GGUFCursor, count: Int, _ alignment: Int) throws -> [TensorInfo]
  {
    var described: [Described] = []
    var names = Set<[UInt8]>()
    for number in 0..<count {
      let tensor = try describe(&cursor, number: number, of: count)
      if !names.insert(Array(tensor.name.utf8)).inserted { throw cursor.failure("occurs twice") }
      described.append(tensor)
    }
    if described.isEmpty { return [] }
    cursor.subject = "the header"
    func aligned(_ place: Int) throws -> Int {
      try Checked.plus(place, alignment - 1, "bytes") & ~(alignment - 1)
    }
    let data = try aligned(cursor.position)
    var end = 0
    var tensors: [TensorInfo] = []
    for tensor in described {
      cursor.subject = "tensor '\(Quoted.name(tensor.name))'"
      if tensor.offset != UInt64(end) {
        throw cursor.failure(
          "begins at byte \(tensor.offset) of the data, expected \(end): the tensors before it end there")
      }
      let start = try Checked.plus(data, end, "bytes")
      if start > cursor.source.count || tensor.byteCount > cursor.source.count - start {
        throw cursor.failure(
          "needs \(tensor.byteCount) bytes at byte \(start), but the file has \(cursor.source.count): it is cut short; "
            + "fetch it again")
      }
      tensors.append(
        TensorInfo(
          name: tensor.name, type: tensor.type, sizes: tensor.sizes, start: start, byteCount: tensor.byteCount
        ))
      end = try aligned(end + tensor.byteCount)
    }
    let left = cursor.source.count - data - end
    if left > 0 {
      throw Failure(.format, "\(cursor.source.name): \(left) bytes after the last tensor belong to none")
    }
    return tensors
  }

  private static func describe(_ cursor: inout GGUFCursor, number: Int, of count: Int) throws -> Described {
    cursor.subject = "tensor \(number + 1) of \(count)"
    let name = try cursor.name("a name", limit: Limits.tensorNameBytesMax)
    cursor.subject = "tensor '\(Quoted.name(name))'"
    let rank = try cursor.integer(UInt32.self, "the number of its dimensions")
    if rank < 1 || rank > 4 {
      throw cursor.failure("has \(rank) dimensions, expected 1 to 4: the file is damaged")
    }
    var sizes: [Int] = []
    for _ in 0..<rank {
      let size = try cursor.integer(UInt64.self, "its sizes")
      guard let size = Int(exactly: size), size > 0 else {
        throw cursor.failure("has the size \(size), expected 1 to 2^63 - 1: the file is damaged")
      }
      sizes.append(size)
    }
    let number = try cursor.integer(UInt32.self, "its type")
    guard let type = GGUFTensorType(rawValue: number) else {
      if let known = GGUFTensorType.unread[number] {
        throw cursor.failure("is of the type \(known), which is not read; read are \(GGUFTensorType.known)")
      }
      throw cursor.failure("has the unknown type \(number): the file is damaged or of a later version")
    }
    if sizes[0] % type.block.elements != 0 {
      throw cursor.failure(
        "has rows of \(sizes[0]) elements, not whole blocks of \(type.block.elements) of \(type.name)")
    }
    let byteCount: Int
    do {
      let rows = try sizes.dropFirst().reduce(sizes[0] / type.block.elements) {
        try Checked.times($0, $1, "elements")
      }
      _ = try Checked.times(rows, type.block.elements, "elements")
      byteCount = try Checked.times(rows, type.block.bytes, "bytes")
    } catch {
      throw cursor.failure("has an impossible shape: \(error)")
    }
    let offset = try cursor.integer(UInt64.self, "its offset")
    return Described(name: name, type: type, sizes: sizes, offset: offset, byteCount: byteCount)
  }
}
