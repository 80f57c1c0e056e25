/// Reads Parquet, as pyarrow and Hugging Face's `datasets` write it, row by row.
///
/// Apache Parquet's format: snappy, gzip, zstd or unpacked pages of version 1 and 2; plain, dictionary, run
/// and delta encodings; optional fields, lists and structs. Of each column one page and the dictionary are
/// in memory. Records are those that `Dataset.to_json` writes: times are milliseconds, and a number that is
/// not finite is null.
import Base

public enum Parquet {
  /// Whether the file at a path begins as Parquet does.
  public static func isParquet(_ path: String) throws -> Bool {
    try ParquetFooter.isParquet(try ByteSource(path: path))
  }

  /// Calls `body` with each row, an object, and its number from 1, until it answers false.
  ///
  ///     try Parquet.forEach(ByteSource(path: "mine.parquet")) { row, record in record["chosen"] != nil }
  public static func forEach(_ source: ByteSource, _ body: (_ row: Int, JSONValue) throws -> Bool) throws {
    let footer = try ParquetFooter(source)
    let expansion = source.count.multipliedReportingOverflow(by: Limits.parquetExpansionMax)
    let most = expansion.overflow ? Int.max : max(expansion.partialValue, Limits.parquetExpandedBytes)
    var (row, bytes) = (0, 0)
    for index in 0..<footer.groupCount {
      let group = try footer.group(index)
      let rows = try ParquetRows(footer.schema, group, of: source, number: index + 1)
      for _ in 0..<group.rowCount {
        try Interrupt.check()
        row += 1
        let (record, size) = try rows.next(row)
        bytes += size
        if bytes > most {
          throw Failure(
            .format,
            "\(source.name): the rows to \(row) have \(bytes) bytes, more than \(most) for a file of "
              + "\(source.count)"
          )
        }
        if try !body(row, record) { return }
      }
      try rows.finish()
    }
    if row != footer.rowCount {
      throw Failure(
        .format, "\(source.name): the row groups have \(row) rows, the footer says \(footer.rowCount)")
    }
  }
}

/// Makes records of the entries of a row group's columns.
private final class ParquetRows {
  private let root: ParquetNode
  private let readers: [ParquetColumnReader]
  private let name: String
  private var row = 0
  private var size = 0

  init(_ schema: ParquetSchema, _ group: ParquetFooter.Group, of source: ByteSource, number: Int) throws {
    (root, name) = (schema.root, source.name)
    let held = ParquetHeld()
    readers = try zip(schema.columns, group.chunks).map {
      try ParquetColumnReader($0, $1, of: source, held: held, group: number)
    }
  }

  /// The next row, and an estimate of its bytes.
  func next(_ row: Int) throws -> (JSONValue, Int) {
    (self.row, size) = (row, 0)
    for reader in readers where reader.repetition != 0 { throw reader.disagrees() }
    return (try read(root), size)
  }

  /// Checks that no column has more entries than the rows took.
  func finish() throws {
    for reader in readers where !reader.isAtEnd {
      throw Failure(.format, "\(name): column '\(Quoted.name(reader.column.path))' has more values than rows")
    }
  }

  private func add(_ bytes: Int) throws {
    size += bytes
    if size > Limits.lineBytesMax {
      throw Failure(.format, "\(name): row \(row) is larger than the limit of \(Limits.lineBytesMax) bytes")
    }
  }

  private func read(_ node: ParquetNode) throws -> JSONValue {
    try add(MemoryLayout<JSONMember>.stride)
    switch node.form {
    case .leaf(let index):
      let value = try readers[index].take()
      if case .string(let text) = value { try add(text.utf8.count) }
      return value
    case .object(let fields):
      return .object(try fields.map { JSONMember($0.name, try read($0.node)) })
    case .optional(let inner, let definition):
      if try isThere(node, definition) { return try read(inner) }
      for leaf in node.leaves { try readers[leaf].takeNull() }
      return .null
    case .list(let inner, let definition, let repetition):
      if try !isThere(node, definition) {
        for leaf in node.leaves { try readers[leaf].takeNull() }
        return .array([])
      }
      var elements: [JSONValue] = []
      repeat { elements.append(try read(inner)) } while try goesOn(node, repetition)
      return .array(elements)
    }
  }

  /// Whether the part is there, which its columns must agree on.
  private func isThere(_ node: ParquetNode, _ definition: Int) throws -> Bool {
    let isThere = readers[node.leaves.lowerBound].definition >= definition
    for leaf in node.leaves where (readers[leaf].definition >= definition) != isThere {
      throw readers[leaf].disagrees()
    }
    return isThere
  }

  /// Whether the list has another element, which its columns must agree on.
  private func goesOn(_ node: ParquetNode, _ repetition: Int) throws -> Bool {
    let goesOn = readers[node.leaves.lowerBound].repetition >= repetition
    for leaf in node.leaves {
      let own = readers[leaf].repetition
      if own > repetition || (own == repetition) != goesOn { throw readers[leaf].disagrees() }
    }
    return goesOn
  }
}
