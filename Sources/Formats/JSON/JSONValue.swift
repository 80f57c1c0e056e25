/// A JSON value: what configuration, headers, tokenizers and records are read into and written from.
///
/// Our own, because files come from strangers: nesting is capped, every error has a line and a column, text
/// is checked UTF-8, whole numbers stay whole (Lua tells 1 from 1.0), and what is written is the same bytes
/// every time.
import Base

/// One key of an object and its value.
public struct JSONMember: Sendable, Equatable {
  public let key: String
  public let value: JSONValue

  public init(_ key: String, _ value: JSONValue) {
    self.key = key
    self.value = value
  }
}

public enum JSONValue: Sendable, Equatable {
  case null
  case bool(Bool)
  /// A number without fraction or exponent that fits 64 bits.
  case integer(Int)
  case number(Double)
  case string(String)
  case array([JSONValue])
  /// In the order of the file. Of equal keys the last counts.
  case object([JSONMember])

  /// Parses one value that fills all of `text`.
  ///
  ///     try JSONValue(parsing: "[1, 2.5, {\"a\": null}]")[0]?.int      // 1
  public init(parsing text: String, name: String = "JSON") throws {
    self = try JSONParser.parse(Array(text.utf8), name: name)
  }

  /// Parses one value that fills all of `bytes`. Ctrl-C ends the parsing unless `stopsAtInterrupt` is false.
  public init(parsing bytes: [UInt8], name: String = "JSON", stopsAtInterrupt: Bool = true) throws {
    self = try JSONParser.parse(bytes, name: name, stopsAtInterrupt: stopsAtInterrupt)
  }

  /// Reads a file that holds one value.
  ///
  ///     try JSONValue.load("config.json")["seed"]?.int
  public static func load(_ path: String) throws -> JSONValue {
    try JSONParser.parse(try ByteSource(path: path).all(limit: Limits.jsonBytesMax), name: path)
  }

  /// The member of an object, or nil.
  public subscript(key: String) -> JSONValue? {
    // By bytes: Swift's own equality takes a composed and a decomposed accent for one key.
    if case .object(let members) = self { return members.last { $0.key.utf8.elementsEqual(key.utf8) }?.value }
    return nil
  }

  /// The element of an array, counted from 0, or nil.
  public subscript(position: Int) -> JSONValue? {
    if case .array(let elements) = self, elements.indices.contains(position) { return elements[position] }
    return nil
  }

  /// The text, if this is a string.
  public var text: String? {
    if case .string(let text) = self { return text }
    return nil
  }

  /// The whole number, also of a number like 3.0.
  public var int: Int? {
    switch self {
    case .integer(let value): return value
    case .number(let value): return Int(exactly: value)
    default: return nil
    }
  }

  /// Any number as 64-bit floating point.
  public var double: Double? {
    switch self {
    case .integer(let value): return Double(value)
    case .number(let value): return value
    default: return nil
    }
  }

  /// The truth value, if this is one.
  public var boolean: Bool? {
    if case .bool(let value) = self { return value }
    return nil
  }

  /// The elements, if this is an array.
  public var elements: [JSONValue]? {
    if case .array(let elements) = self { return elements }
    return nil
  }

  /// The members, if this is an object.
  public var members: [JSONMember]? {
    if case .object(let members) = self { return members }
    return nil
  }

  /// The same with the members of every object in the order of the bytes of their keys.
  public func withSortedKeys() -> JSONValue {
    switch self {
    case .array(let elements): return .array(elements.map { $0.withSortedKeys() })
    case .object(let members):
      return .object(
        members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
          .map { JSONMember($0.key, $0.value.withSortedKeys()) })
    default: return self
    }
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .number(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  public init(dictionaryLiteral members: (String, JSONValue)...) {
    self = .object(members.map { JSONMember($0, $1) })
  }
}
