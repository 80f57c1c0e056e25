/// The footer of a Parquet file: its schema, and where the parts of its row groups are.
///
/// Apache Parquet, `parquet.thrift` 2.11. Row groups are read from the footer's bytes one at a time.
import Base

struct ParquetFooter {
  /// A column of a row group.
  struct Chunk {
    var codec = -1
    var valueCount = -1
    var start = -1
    var size = -1
  }
  struct Group {
    var chunks: [Chunk] = []
    var rowCount = -1
  }

  let schema: ParquetSchema
  private(set) var rowCount = -1
  private let bytes: [UInt8]
  private var groups: [Int] = []
  private let source: ByteSource

  var groupCount: Int { groups.count }

  /// Whether a file begins as Parquet does.
  static func isParquet(_ source: ByteSource) throws -> Bool {
    let start = try source.bytes(at: 0, count: min(4, source.count))
    return start == Array("PAR1".utf8) || start == Array("PARE".utf8)
  }

  init(_ source: ByteSource) throws {
    self.source = source
    let name = source.name
    guard try Self.isParquet(source) else {
      throw Failure(.format, "\(name): not a Parquet file: it does not begin with PAR1")
    }
    guard source.count >= 12 else {
      throw Failure(.format, "\(name): a Parquet file of \(source.count) bytes ends early")
    }
    let end = try source.bytes(at: source.count - 8, count: 8)
    if try source.bytes(at: 0, count: 4) == Array("PARE".utf8) || end.suffix(4) == Array("PARE".utf8) {
      throw Self.encrypted(name)
    }
    if end.suffix(4) != Array("PAR1".utf8) {
      throw Failure(
        .format, "\(name): a Parquet file that does not end with PAR1: it is cut short or damaged")
    }
    let size = Int(LittleEndian.load(end, at: 0, as: UInt32.self) ?? 0)
    if size > source.count - 12 {
      throw Failure(.format, "\(name): a footer of \(size) bytes in a Parquet file of \(source.count)")
    }
    if size > Limits.parquetFooterBytesMax {
      throw Failure(
        .format, "\(name): a footer of \(size) bytes, more than the limit of \(Limits.parquetFooterBytesMax)")
    }
    bytes = try source.bytes(at: source.count - 8 - size, count: size)
    var reader = ThriftReader(bytes, subject: "\(name): the footer")
    var elements: [ParquetElement] = []
    var (rows, groups) = (-1, [Int]())
    try reader.fields { reader, id, kind in
      switch id {
      case 2:
        try reader.list(kind) { reader, _ in
          if elements.count >= Limits.parquetColumnsMax {
            throw reader.failure("has more than \(Limits.parquetColumnsMax) columns")
          }
          elements.append(try Self.element(&reader))
        }
      case 3: rows = try reader.integer(kind)
      case 4:
        try reader.list(kind) { reader, inner in
          if inner != .structure { throw reader.failure("has a row group that is no structure") }
          if groups.count >= Limits.parquetGroupsMax {
            throw reader.failure("has more than \(Limits.parquetGroupsMax) row groups")
          }
          groups.append(reader.position)
          try reader.skip(inner, depth: 1)
        }
      default: return false
      }
      return true
    }
    if rows < 0 { throw reader.failure("says no number of rows") }
    (rowCount, self.groups) = (rows, groups)
    schema = try ParquetSchema(elements, name: name)
  }

  private static func encrypted(_ name: String) -> Failure {
    Failure(
      .format, "\(name): the Parquet file is encrypted, which is not read; write it again without encryption")
  }

  private static func element(_ reader: inout ThriftReader) throws -> ParquetElement {
    var element = ParquetElement()
    try reader.fields(depth: 2) { reader, id, kind in
      switch id {
      case 1: element.type = try reader.integer(kind)
      case 2: element.typeLength = try reader.integer(kind)
      case 3: element.repetition = try reader.integer(kind)
      case 4: element.name = try reader.text(kind)
      case 5: element.childCount = max(0, try reader.integer(kind))
      case 6: element.converted = try reader.integer(kind)
      case 10:
        try reader.fields(depth: 3) { reader, id, kind in
          element.logical = id
          if id == 8 {
            element.timeUnit = try Self.timeUnit(&reader)
          } else if id == 10 {
            element.isSigned = try Self.isSigned(&reader)
          } else {
            return false
          }
          return true
        }
      default: return false
      }
      return true
    }
    return element
  }

  private static func timeUnit(_ reader: inout ThriftReader) throws -> Int {
    var unit = 0
    try reader.fields(depth: 4) { reader, id, _ in
      if id != 2 { return false }
      try reader.fields(depth: 5) { _, id, _ in
        unit = [1: 1_000, 2: 1_000_000, 3: 1_000_000_000][id] ?? 0
        return false
      }
      return true
    }
    return unit
  }

  private static func isSigned(_ reader: inout ThriftReader) throws -> Bool {
    var isSigned = true
    try reader.fields(depth: 4) { reader, id, kind in
      if id == 2 { isSigned = try reader.flag(kind) }
      return id == 2
    }
    return isSigned
  }

  /// A row group, with a chunk for each column of the schema.
  func group(_ index: Int) throws -> Group {
    var reader = ThriftReader(bytes, at: groups[index], subject: "\(source.name): row group \(index + 1)")
    var group = Group()
    let count = schema.columns.count
    try reader.fields(depth: 1) { reader, id, kind in
      switch id {
      case 1:
        try reader.list(kind) { reader, _ in
          if group.chunks.count == count {
            throw reader.failure("has more than the \(count) columns of the schema")
          }
          group.chunks.append(try chunk(&reader))
        }
      case 3: group.rowCount = try reader.integer(kind)
      default: return false
      }
      return true
    }
    if group.chunks.count != count {
      throw reader.failure("has \(group.chunks.count) of the \(count) columns of the schema")
    }
    if group.rowCount < 0 { throw reader.failure("says no number of rows") }
    return group
  }

  private func chunk(_ reader: inout ThriftReader) throws -> Chunk {
    var chunk = Chunk()
    try reader.fields(depth: 2) { reader, id, kind in
      switch id {
      case 1:
        let path = try reader.text(kind)
        if !path.isEmpty { throw reader.failure("has a column in another file, '\(Quoted.name(path))'") }
      case 3: try details(&reader, &chunk)
      case 8: throw Self.encrypted(source.name)
      default: return false
      }
      return true
    }
    if chunk.valueCount == 0 { (chunk.start, chunk.size) = (4, 0) }
    let end = source.count - 8 - bytes.count
    if chunk.start < 4 || chunk.size < 0 || chunk.start > end || chunk.size > end - chunk.start {
      throw reader.failure(
        "has a column of \(chunk.size) bytes at byte \(chunk.start), but the data end at byte \(end)")
    }
    if chunk.valueCount < 0 { throw reader.failure("has a column without a number of values") }
    return chunk
  }

  private func details(_ reader: inout ThriftReader, _ chunk: inout Chunk) throws {
    var (data, dictionary) = (-1, 0)
    try reader.fields(depth: 3) { reader, id, kind in
      switch id {
      case 4: chunk.codec = try reader.integer(kind)
      case 5: chunk.valueCount = try reader.integer(kind)
      case 7: chunk.size = try reader.integer(kind)
      case 9: data = try reader.integer(kind)
      case 11: dictionary = try reader.integer(kind)
      default: return false
      }
      return true
    }
    // A page that there is not has the offset 0 with some writers.
    chunk.start = dictionary > 0 && (data <= 0 || dictionary < data) ? dictionary : data
  }
}
