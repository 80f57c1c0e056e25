/// Between Lua tables and JSON: 1...n is an array, string keys are an object, an empty table is an empty
/// array.
import Base
import Formats
import LuaEngine

enum JSONBridge {
  /// Pushes the value that `parser` stands at, which has been checked, without a Swift copy of it.
  static func push(_ parser: inout JSONParser, to lua: LuaBuilder, depth: Int = 0) throws {
    switch try parser.kind() {
    case .null:
      try parser.skipValue(depth: depth)
      try lua.pushNil()
    case .object:
      try lua.pushTable()
      try parser.object(depth: depth) { parser, key in
        let name = parser.text(key)
        try push(&parser, to: lua, depth: depth + 1)
        try lua.store(field: name)
      }
    case .array:
      var counter = parser
      var count = 0
      try counter.array(depth: depth) { parser in
        try parser.skipValue(depth: depth + 1)
        count += 1
      }
      try lua.pushTable(positions: count)
      var position = 0
      try parser.array(depth: depth) { parser in
        position += 1
        try push(&parser, to: lua, depth: depth + 1)
        lua.store(at: position)
      }
    case .scalar:
      switch try parser.value(depth: depth) {
      case .bool(let flag): try lua.push(flag)
      case .integer(let x): try lua.push(x)
      case .number(let x): try lua.push(x)
      case .string(let s): try lua.push(s)
      default: throw parser.failure("expected a value")
      }
    }
  }

  /// Pushes the value that all of `bytes` is.
  static func push(_ bytes: [UInt8], name: String, to lua: LuaBuilder) throws {
    try bytes.withUnsafeBufferPointer {
      var parser = try JSONParser.checked($0, name: name)
      try push(&parser, to: lua)
    }
  }

  /// Pushes a value; null is nil.
  static func push(_ value: JSONValue, to lua: LuaBuilder) throws {
    switch value {
    case .null: try lua.pushNil()
    case .bool(let flag): try lua.push(flag)
    case .integer(let x): try lua.push(x)
    case .number(let x): try lua.push(x)
    case .string(let s): try lua.push(s)
    case .array(let elements):
      try lua.pushTable(positions: elements.count)
      for (i, element) in elements.enumerated() {
        try push(element, to: lua)
        lua.store(at: i + 1)
      }
    case .object(let members):
      try lua.pushTable(fields: members.count)
      for member in members {
        try push(member.value, to: lua)
        try lua.store(field: member.key)
      }
    }
  }

  /// Pushes the list of the rows of a Parquet file, at most `limit`.
  static func pushRows(_ source: ByteSource, limit: Int, to lua: LuaBuilder) throws {
    try lua.pushTable()
    try Parquet.forEach(source) { row, record in
      try push(record, to: lua)
      try lua.append(at: row)
      return row < limit
    }
  }

  /// Pushes the list of the values of a file with one JSON value a line. Gives the numbers of the lines that are null,
  /// which the list leaves out because a hole would hide the values after it, and those of the others.
  static func pushLines(_ path: String, to lua: LuaBuilder) throws -> (null: [Int], values: [Int]) {
    try lua.pushTable()
    var count = 0
    var (nullLines, lines): ([Int], [Int]) = ([], [])
    try JSONLines.forEachChecked(LineReader(path: path)) { line, parser in
      if try parser.kind() == .null { return nullLines.append(line) }
      count += 1
      lines.append(line)
      try push(&parser, to: lua)
      try lua.append(at: count)
    }
    return (nullLines, lines)
  }

  static func encode(_ value: LuaValue) throws -> JSONValue { try encode(value, depth: 0) }

  /// The elements of a list. A table with other keys is refused: they would be lost.
  static func rows(_ table: LuaTable) throws -> [JSONValue] {
    switch try encode(table, depth: 0) {
    case .array(let rows): return rows
    case .object(let members):
      throw Failure(
        .value,
        "expected a list of records, got a table with the key '\(Quoted.name(members.first?.key ?? ""))'")
    default: throw Failure(.value, "expected a list of records")
    }
  }

  private static func encode(_ value: LuaValue, depth: Int) throws -> JSONValue {
    if depth > Limits.nestingMax {
      throw Failure(.value, "tables nested deeper than \(Limits.nestingMax), or one that holds itself")
    }
    switch value {
    case .nil: return .null
    case .boolean(let flag): return .bool(flag)
    case .integer(let x): return .integer(Int(x))
    case .number(let x): return .number(x)
    case .string(let s): return .string(s)
    case .table(let table): return try encode(table, depth: depth)
    case .bytes: throw Failure(.value, "a string that is not UTF-8 cannot be written as JSON")
    default: throw Failure(.value, "a \(value.typeName) cannot be written as JSON")
    }
  }

  private static func encode(_ table: LuaTable, depth: Int) throws -> JSONValue {
    let entries = try table.entries()
    let count = entries.count
    var elements = [JSONValue?](repeating: nil, count: count)
    var members: [JSONMember] = []
    for (i, (key, value)) in entries.enumerated() {
      if i & 0x3FF == 0x3FF { try Interrupt.check() }
      let encoded = try encode(value, depth: depth + 1)
      if let position = key.asInteger, position >= 1, position <= count {
        elements[position - 1] = encoded
      } else if case .string(let name) = key {
        members.append(JSONMember(name, encoded))
      } else {
        throw Failure(
          .value, "a key of type \(key.typeName) cannot be written as JSON: keys are 1...n or strings")
      }
    }
    if members.isEmpty { return .array(elements.compactMap { $0 }) }
    if members.count < count {
      throw Failure(.value, "a table with both positions and names cannot be written as JSON")
    }
    return .object(members)
  }
}
