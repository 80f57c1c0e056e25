/// The header of a safetensors file, believed only after every check of the format's reference reader.
///
/// The header is at most 100 MB of JSON; each tensor's bytes are its shape times its width (checked multiplication);
/// taken by position the tensors follow each other without hole or overlap and fill the file exactly; no name occurs
/// twice. A first walk keeps 40 bytes a tensor, so that a lying header of any size is refused within twice its size.
import Base
import Tensors

struct SafetensorsHeader {
  /// The element types of the format.
  enum ElementType: String {
    case bool = "BOOL"
    case u8 = "U8"
    case i8 = "I8"
    case e5m2 = "F8_E5M2"
    case e4m3 = "F8_E4M3"
    case i16 = "I16"
    case u16 = "U16"
    case f16 = "F16"
    case bf16 = "BF16"
    case i32 = "I32"
    case u32 = "U32"
    case f32 = "F32"
    case c64 = "C64"
    case f64 = "F64"
    case i64 = "I64"
    case u64 = "U64"

    var byteCount: Int {
      switch self {
      case .bool, .u8, .i8, .e5m2, .e4m3: return 1
      case .i16, .u16, .f16, .bf16: return 2
      case .i32, .u32, .f32: return 4
      case .f64, .i64, .u64, .c64: return 8
      }
    }

    /// What a tensor of this type becomes here; nil when it is not read.
    var stored: DType? {
      switch self {
      case .f32, .f16, .bf16: return .f32
      case .f64: return .f64
      case .i64, .i32: return .i64
      case .bool: return .bool
      default: return nil
      }
    }
  }

  struct Entry {
    var name: String
    var dtype: ElementType
    var shape: Shape
    /// From the start of the file.
    var start: Int
    var byteCount: Int

    func failure(_ source: ByteSource, _ problem: String) -> Failure {
      Failure(.format, "\(source.name): tensor '\(name)' \(problem)")
    }
  }

  /// What the first walk keeps of a tensor: where its key and value stand in the header, and its bytes in the file.
  private struct Span {
    var key: Range<Int32>
    var value: Int32
    var start: Int
    var end: Int
  }

  private(set) var entries: [Entry] = []
  private(set) var metadata: [String: String] = [:]

  init(from source: ByteSource) throws {
    if source.count < 8 {
      throw Failure(.format, "\(source.name): \(source.count) bytes, too short for a safetensors header")
    }
    let length = try source.integer(at: 0, as: UInt64.self)
    let isTooLong = length > Limits.headerBytesMax || length > source.count - 8
    // A broken safetensors file has at least the brace of its header; of another kind of file we say what it is.
    if isTooLong, try source.bytes(at: 0, count: min(9, source.count)).last != UInt8(ascii: "{") {
      throw Failure(.format, "\(source.name): not a safetensors file: it \(try Self.appearance(of: source))")
    }
    if length > Limits.headerBytesMax {
      throw Failure(
        .format, "\(source.name): header of \(length) bytes, the limit is \(Limits.headerBytesMax)")
    }
    if length > source.count - 8 {
      throw Failure(
        .format, "\(source.name): header of \(length) bytes, but only \(source.count - 8) follow its length")
    }
    let header = try source.bytes(at: 8, count: Int(length))
    try header.withUnsafeBufferPointer { try read($0, source) }
  }

  /// What a file that is no safetensors file seems to be, from its first bytes.
  private static func appearance(of source: ByteSource) throws -> String {
    let start = try source.bytes(at: 0, count: min(24, source.count))
    let kinds: [(name: String, magic: [UInt8])] = [
      ("is gzip data", [0x1F, 0x8B]),
      ("is a zip archive, as PyTorch's .pt and .bin files are", [0x50, 0x4B, 3, 4]),
      ("is a GGUF file", Array("GGUF".utf8)), ("is a Python pickle", [0x80, 2]),
      ("is an HDF5 file", [0x89, 0x48, 0x44, 0x46]),
      ("is a NumPy array", [0x93, 0x4E, 0x55, 0x4D]),
    ]
    if let kind = kinds.first(where: { start.starts(with: $0.magic) }) { return kind.name }
    let printable = start.prefix { $0 >= 32 && $0 < 127 }
    if printable.count >= 8 { return "begins with the text '\(String(decoding: printable, as: UTF8.self))'" }
    let digits = start.prefix(8).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
    return "begins with the bytes \(digits.joined(separator: " "))"
  }

  private mutating func read(_ header: UnsafeBufferPointer<UInt8>, _ source: ByteSource) throws {
    let name = "\(source.name): header"
    if header.first != UInt8(ascii: "{") { throw Failure(.format, "\(name) does not begin with '{'") }
    var spans: [Span] = []
    var metadataAt: Int?
    var walk = JSONParser(header, name: name)
    try walk.object(depth: 0) { parser, key in
      _ = try parser.peek("an object")
      let value = parser.position
      if parser.text(key) == "__metadata__" {
        if metadataAt != nil { throw Failure(.format, "\(name): '__metadata__' occurs twice") }
        metadataAt = value
        try Self.metadata(&parser) { _, _ in }
      } else {
        let entry = try Self.entry(&parser, parser.text(key), source, data: 8 + header.count)
        spans.append(
          Span(
            key: Int32(key.lowerBound)..<Int32(key.upperBound), value: Int32(value), start: entry.start,
            end: entry.start + entry.byteCount))
      }
    }
    try walk.expectEnd()
    try Self.checkNames(spans, header, source)
    try Self.checkLayout(&spans, header, source)
    try build(spans, metadataAt, header, source)
  }

  /// Names and types in the order of the file.
  private mutating func build(
    _ spans: [Span], _ metadataAt: Int?, _ header: UnsafeBufferPointer<UInt8>, _ source: ByteSource
  ) throws {
    let name = "\(source.name): header"
    var seen = Set<ExactText>()
    for span in spans {
      var parser = JSONParser(header, name: name, at: Int(span.value))
      let key = parser.text(Int(span.key.lowerBound)..<Int(span.key.upperBound))
      let entry = try Self.entry(&parser, key, source, data: 8 + header.count)
      if !seen.insert(ExactText(key)).inserted { throw entry.failure(source, "occurs twice") }
      entries.append(entry)
    }
    if let metadataAt {
      var parser = JSONParser(header, name: name, at: metadataAt)
      var texts: [String: String] = [:]
      try Self.metadata(&parser) { texts[$0] = $1 }
      metadata = texts
    }
  }

  private static func metadata(_ parser: inout JSONParser, _ keep: (String, String) -> Void) throws {
    try parser.object(depth: 1) { parser, key in
      if try parser.peek("a string") != UInt8(ascii: "\"") {
        throw parser.failure("metadata '\(parser.text(key))' is not a string")
      }
      keep(parser.text(key), try parser.string())
    }
  }

  /// One tensor's description, with everything checked that concerns it alone.
  private static func entry(_ parser: inout JSONParser, _ name: String, _ source: ByteSource, data: Int)
    throws -> Entry
  {
    var type: String?
    var sizes: [Int]?
    var offsets: [Int]?
    let here = Entry(name: name, dtype: .f32, shape: [], start: 0, byteCount: 0)
    if try parser.peek("an object") != UInt8(ascii: "{") {
      throw here.failure(source, "is not described by an object")
    }
    try parser.object(depth: 1) { parser, key in
      switch parser.text(key) {
      case "dtype": type = try parser.string()
      case "shape":
        sizes = try numbers(&parser, "a size", most: Limits.dimensionsMax) {
          here.failure(source, "has more than \(Limits.dimensionsMax) dimensions")
        }
      case "data_offsets":
        offsets = try numbers(&parser, "an offset", most: 2) {
          here.failure(source, "has more than two offsets")
        }
      default: try parser.skipValue(depth: 2)
      }
    }
    guard let type else { throw here.failure(source, "has no dtype") }
    guard let dtype = ElementType(rawValue: type) else {
      throw here.failure(source, "has unknown dtype '\(type.prefix(20))'")
    }
    guard let sizes else { throw here.failure(source, "has no shape") }
    guard let offsets, offsets.count == 2 else {
      throw here.failure(source, "has no data_offsets of two numbers")
    }
    if offsets[0] > offsets[1] {
      throw here.failure(source, "ends at byte \(offsets[1]), before its start \(offsets[0])")
    }
    if offsets[1] > source.count - data {
      throw here.failure(source, "ends at byte \(offsets[1]) of the data, which has \(source.count - data)")
    }
    let shape: Shape
    let wanted: Int
    do {
      var product = dtype.byteCount
      for size in sizes { product = try Checked.times(product, size, "bytes") }
      wanted = product
      shape = try Shape(checked: sizes)
    } catch {
      throw Failure(
        .format, "\(source.name): tensor '\(name)' has an impossible shape: \(error)", cause: error)
    }
    if wanted != offsets[1] - offsets[0] {
      throw here.failure(
        source, "of \(shape) \(type) needs \(wanted) bytes, its offsets span \(offsets[1] - offsets[0])")
    }
    return Entry(name: name, dtype: dtype, shape: shape, start: data + offsets[0], byteCount: wanted)
  }

  private static func numbers(
    _ parser: inout JSONParser, _ what: String, most: Int, _ tooMany: () -> Failure
  ) throws -> [Int] {
    var numbers: [Int] = []
    try parser.array(depth: 2) { parser in
      if numbers.count == most { throw tooMany() }
      numbers.append(try parser.count(what))
    }
    return numbers
  }

  /// Refuses two equal names by their raw bytes; names equal only after escapes are found when they are built.
  private static func checkNames(
    _ spans: [Span], _ header: UnsafeBufferPointer<UInt8>, _ source: ByteSource
  ) throws {
    func raw(_ i: Int32) -> Slice<UnsafeBufferPointer<UInt8>> {
      header[Int(spans[Int(i)].key.lowerBound)..<Int(spans[Int(i)].key.upperBound)]
    }
    var order = (0..<Int32(spans.count)).map { $0 }
    order.sort { raw($0).lexicographicallyPrecedes(raw($1)) }
    for i in order.indices.dropFirst() where raw(order[i - 1]).elementsEqual(raw(order[i])) {
      throw Failure(
        .format, "\(source.name): tensor '\(String(decoding: raw(order[i]), as: UTF8.self))' occurs twice")
    }
  }

  /// Orders the tensors by position and refuses holes, overlaps and bytes that belong to none.
  private static func checkLayout(
    _ spans: inout [Span], _ header: UnsafeBufferPointer<UInt8>, _ source: ByteSource
  ) throws {
    spans.sort { ($0.start, $0.end, $0.key.lowerBound) < ($1.start, $1.end, $1.key.lowerBound) }
    var end = 8 + header.count
    for span in spans {
      if span.start != end {
        let key = String(decoding: header[Int(span.key.lowerBound)..<Int(span.key.upperBound)], as: UTF8.self)
        let gap =
          span.start > end
          ? "leaves a hole of \(span.start - end)" : "overlaps the one before by \(end - span.start)"
        throw Failure(.format, "\(source.name): tensor '\(key)' \(gap) bytes")
      }
      end = span.end
    }
    if end != source.count {
      throw Failure(
        .format, "\(source.name): \(source.count - end) bytes after the last tensor belong to none")
    }
  }
}
