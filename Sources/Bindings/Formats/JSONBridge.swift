/// Between Lua tables and JSON: 1...n is an array, string keys are an object, an empty table is an empty array.
import Base
import Formats
import LuaEngine

enum JSONBridge {
  static func decode(_ value: JSONValue) -> LuaValue {
    switch value {
    case .null: return .nil
    case .bool(let flag): return .boolean(flag)
    case .integer(let x): return .integer(Int64(x))
    case .number(let x): return .number(x)
    case .string(let s): return .string(s)
    case .array(let elements): return .list(elements.map(decode))
    case .object(let members): return .record(members.map { ($0.key, decode($0.value)) })
    }
  }

  static func encode(_ value: LuaValue) throws -> JSONValue { try encode(value, depth: 0) }

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
    var members: [(String, JSONValue)] = []
    for (key, value) in entries {
      let encoded = try encode(value, depth: depth + 1)
      if let place = key.asInteger, place >= 1, place <= count {
        elements[place - 1] = encoded
      } else if case .string(let name) = key {
        members.append((name, encoded))
      } else {
        throw Failure(
          .value, "a key of type \(key.typeName) cannot be written as JSON: keys are 1...n or strings")
      }
    }
    if members.isEmpty { return .array(elements.compactMap { $0 }) }
    if members.count < count {
      throw Failure(.value, "a table with both positions and names cannot be written as JSON")
    }
    return .object(JSONObject(members))
  }
}
