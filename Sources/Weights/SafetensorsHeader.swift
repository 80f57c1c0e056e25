/// The header of a safetensors file, trusted only after every check of the format's reference reader.
///
/// The header is at most 100 MB of JSON for at most 131,072 tensors; each tensor's bytes are its shape times
/// its width (checked multiplication); sorted by position the tensors follow each other without hole or
/// overlap and fill the file exactly; no name occurs twice. A file that lies is refused within about twice
/// the size of its header.
import Base
import Formats
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
      Failure(.format, "\(source.name): tensor '\(Quoted.name(name))' \(problem)")
    }
  }

  private(set) var entries: [Entry] = []
  private(set) var metadata: [String: String] = [:]

  init(from source: ByteSource) throws {
    if source.count < 8 {
      throw Failure(.format, "\(source.name): \(source.count) bytes, too short for a safetensors header")
    }
    let length = try source.integer(at: 0, as: UInt64.self)
    let isTooLong = length > Limits.headerBytesMax || length > source.count - 8
    // A damaged safetensors file still has the brace of its header; other files are named by their first
    // bytes.
    if isTooLong, try source.bytes(at: 0, count: min(9, source.count)).last != UInt8(ascii: "{") {
      throw Failure(
        .format, "\(source.name): not a safetensors file: it \(try FileKind.appearance(of: source))")
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
    try checkNames(source)
    try checkLayout(source, dataAt: 8 + Int(length))
  }

  private mutating func read(_ header: UnsafeBufferPointer<UInt8>, _ source: ByteSource) throws {
    let name = "\(source.name): header"
    if header.first != UInt8(ascii: "{") { throw Failure(.format, "\(name) does not begin with '{'") }
    var hasMetadata = false
    var parser = JSONParser(header, name: name)
    try parser.object(depth: 0) { parser, key in
      let key = parser.text(key)
      if key == "__metadata__" {
        if hasMetadata { throw Failure(.format, "\(name): '__metadata__' occurs twice") }
        hasMetadata = true
        metadata = try Self.metadata(&parser)
      } else {
        if entries.count == Limits.tensorsMax {
          throw Failure(.format, "\(name): more than \(Limits.tensorsMax) tensors")
        }
        entries.append(try Self.entry(&parser, key, source, data: 8 + header.count))
      }
    }
    try parser.expectEnd()
  }

  private static func metadata(_ parser: inout JSONParser) throws -> [String: String] {
    var texts: [String: String] = [:]
    try parser.object(depth: 1) { parser, key in
      let key = parser.text(key)
      if try parser.peek("a string") != UInt8(ascii: "\"") {
        throw parser.failure("metadata '\(Quoted.name(key))' is not a string")
      }
      if texts.count == Limits.tensorsMax { throw parser.failure("more than \(Limits.tensorsMax) metadata") }
      texts[key] = try parser.string()
    }
    return texts
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
      let key = parser.text(key)
      if key == "dtype" && type != nil || key == "shape" && sizes != nil
        || key == "data_offsets" && offsets != nil
      {
        throw here.failure(source, "states its \(key) twice")
      }
      switch key {
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
      throw here.failure(source, "has unknown dtype '\(Quoted.name(type.prefix(20)))'")
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
        .format, "\(source.name): tensor '\(Quoted.name(name))' has an impossible shape: \(error)",
        cause: error)
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

  private func checkNames(_ source: ByteSource) throws {
    var names = Set<[UInt8]>(minimumCapacity: entries.count)
    for entry in entries where !names.insert(Array(entry.name.utf8)).inserted {
      throw entry.failure(source, "occurs twice")
    }
  }

  /// Orders the tensors by position and refuses holes, overlaps and bytes that belong to none.
  private mutating func checkLayout(_ source: ByteSource, dataAt: Int) throws {
    let order = entries.indices.sorted {
      (entries[$0].start, entries[$0].byteCount, $0) < (entries[$1].start, entries[$1].byteCount, $1)
    }
    entries = order.map { entries[$0] }
    var end = dataAt
    for entry in entries {
      if entry.start > end { throw entry.failure(source, "leaves a hole of \(entry.start - end) bytes") }
      if entry.start < end {
        throw entry.failure(source, "overlaps the one before by \(end - entry.start) bytes")
      }
      end = entry.start + entry.byteCount
    }
    if end != source.count {
      throw Failure(
        .format, "\(source.name): \(source.count - end) bytes after the last tensor belong to none")
    }
  }
}
