/// The columns of a Parquet file and the records that they make.
///
/// Dremel's levels (Melnik et al. 2010): the definition level of an entry counts the optional and repeated
/// fields of its path that are there, the repetition level says which repeated field goes on.
import Base

/// One element of the schema, as the footer has it.
struct ParquetElement {
  var name = ""
  var type: Int?
  var typeLength = 0
  var repetition = 0
  var childCount = 0
  var converted: Int?
  /// The number of the logical type's field.
  var logical: Int?
  /// Signed, of a logical integer.
  var isSigned = true
  /// Units a second, of a logical timestamp.
  var timeUnit = 0
}

/// A part of a record.
struct ParquetNode {
  indirect enum Form {
    case leaf(Int)
    case object([(name: String, node: ParquetNode)])
    /// nil below the definition level.
    case optional(ParquetNode, definition: Int)
    case list(ParquetNode, definition: Int, repetition: Int)
  }
  let form: Form
  /// The columns below it.
  let leaves: Range<Int>
}

/// A column: the path to its values, and how they are stored and read.
struct ParquetColumn {
  enum Values {
    case bool
    case integer(is64Bit: Bool, isSigned: Bool)
    /// A time of 1/unit seconds as milliseconds, as `Dataset.to_json` writes it.
    case time(is64Bit: Bool, unit: Int)
    case float
    case double
    case text
  }
  let path: String
  let values: Values
  let definitionMax: Int
  let repetitionMax: Int

  /// Bytes of a value, and 0 of a text and of bits.
  var width: Int {
    switch values {
    case .integer(let is64Bit, _), .time(let is64Bit, _): return is64Bit ? 8 : 4
    case .float: return 4
    case .double: return 8
    case .bool, .text: return 0
    }
  }
}

/// The tree of a file's schema and its columns in order.
struct ParquetSchema {
  private(set) var columns: [ParquetColumn] = []
  private(set) var root = ParquetNode(form: .object([]), leaves: 0..<0)
  private let elements: [ParquetElement]
  private var next = 1
  private let name: String

  init(_ elements: [ParquetElement], name: String) throws {
    self.elements = elements
    self.name = name
    guard let first = elements.first, first.childCount > 0 else { throw failure("has no columns") }
    root = ParquetNode(
      form: .object(try children(of: first, path: "", definition: 0, repetition: 0, depth: 0)),
      leaves: 0..<columns.count)
    if next != elements.count { throw failure("has elements that belong to no column") }
  }

  private func failure(_ problem: String) -> Failure { Failure(.format, "\(name): the schema \(problem)") }

  private mutating func children(
    of parent: ParquetElement, path: String, definition: Int, repetition: Int, depth: Int
  ) throws -> [(name: String, node: ParquetNode)] {
    if parent.childCount > elements.count - next {
      throw failure(
        "says that '\(Quoted.name(parent.name))' has \(parent.childCount) fields, more than follow")
    }
    var fields: [(name: String, node: ParquetNode)] = []
    for _ in 0..<parent.childCount {
      guard next < elements.count else { throw failure("ends early") }
      let element = elements[next]
      next += 1
      let name = path.isEmpty ? element.name : path + "." + element.name
      if name.utf8.count > Limits.parquetPathBytesMax {
        throw failure(
          "has a column whose name takes \(name.utf8.count) bytes, more than \(Limits.parquetPathBytesMax)")
      }
      let node = try self.node(element, path: name, definition, repetition, depth + 1)
      fields.append((element.name, node))
    }
    return fields
  }

  /// A field with its optional or repeated form.
  private mutating func node(
    _ element: ParquetElement, path: String, _ definition: Int, _ repetition: Int, _ depth: Int
  ) throws -> ParquetNode {
    if depth > Limits.nestingMax { throw failure("is nested deeper than \(Limits.nestingMax)") }
    let start = columns.count
    switch element.repetition {
    case 0: return try plain(element, path, definition, repetition, depth)
    case 1:
      let node = try plain(element, path, definition + 1, repetition, depth)
      return ParquetNode(form: .optional(node, definition: definition + 1), leaves: start..<columns.count)
    case 2:
      let node = try plain(element, path, definition + 1, repetition + 1, depth)
      return ParquetNode(
        form: .list(node, definition: definition + 1, repetition: repetition + 1),
        leaves: start..<columns.count)
    default:
      throw failure("has the repetition \(element.repetition) at '\(Quoted.name(path))', not 0, 1 or 2")
    }
  }

  private mutating func plain(
    _ element: ParquetElement, _ path: String, _ definition: Int, _ repetition: Int, _ depth: Int
  ) throws -> ParquetNode {
    let start = columns.count
    if element.childCount == 0 {
      if element.type == nil {
        throw failure("has the group '\(Quoted.name(path))' without fields; leave the column out")
      }
      columns.append(
        ParquetColumn(
          path: path, values: try values(element, path), definitionMax: definition, repetitionMax: repetition)
      )
      return ParquetNode(form: .leaf(start), leaves: start..<start + 1)
    }
    if element.converted == 1 || element.converted == 2 || element.logical == 2 {
      throw unread(path, "a map", "write it as a list of structs, or leave the column out")
    }
    let isList = element.converted == 3 || element.logical == 3
    let repeated = isList && element.childCount == 1 && next < elements.count ? elements[next] : nil
    let fields = try children(
      of: element, path: path, definition: definition, repetition: repetition, depth: depth)
    let node = ParquetNode(form: .object(fields), leaves: start..<columns.count)
    guard let repeated, repeated.repetition == 2, let list = fields.first?.node else { return node }
    // The repeated field is a group of one field, the element; in older files it is the element itself.
    let isElement = repeated.name == "array" || repeated.name == element.name + "_tuple"
    guard !isElement, case .list(let group, let d, let r) = list.form, case .object(let inner) = group.form,
      inner.count == 1
    else { return list }
    return ParquetNode(form: .list(inner[0].node, definition: d, repetition: r), leaves: list.leaves)
  }

  private func unread(_ path: String, _ what: String, _ remedy: String) -> Failure {
    Failure(.format, "\(name): column '\(Quoted.name(path))' is \(what), which is not read; \(remedy)")
  }

  private func values(_ element: ParquetElement, _ path: String) throws -> ParquetColumn.Values {
    let drop = "leave the column out: dataset.remove_columns(\"\(Quoted.name(path.prefix { $0 != "." }))\")"
    if element.converted == 5 || element.logical == 5 { throw unread(path, "of decimals", drop) }
    if [7, 8].contains(element.converted) || element.logical == 7 {
      throw unread(path, "of times of day", drop)
    }
    let isSigned = element.isSigned && !(11...14).contains(element.converted ?? 0)
    switch element.type {
    case 0: return .bool
    case 1:
      if element.converted == 6 || element.logical == 6 { return .time(is64Bit: false, unit: 0) }
      return .integer(is64Bit: false, isSigned: isSigned)
    case 2:
      let unit = element.converted == 9 ? 1_000 : element.converted == 10 ? 1_000_000 : element.timeUnit
      return unit > 0 ? .time(is64Bit: true, unit: unit) : .integer(is64Bit: true, isSigned: isSigned)
    case 3: throw unread(path, "of 96-bit times", drop)
    case 4: return .float
    case 5: return .double
    case 6: return .text
    case 7: throw unread(path, "of values of \(element.typeLength) bytes", drop)
    default: throw failure("has the unknown type \(element.type ?? -1) at '\(Quoted.name(path))'")
    }
  }
}
