/// The metadata of a GGUF file: a number or flag is held, a text or array stays in the file until it is asked for.
///
/// A vocabulary in the metadata has megabytes; a file that is refused for another reason never costs them.
import Base

/// The types of metadata, by their numbers in the file.
public enum GGUFType: UInt32, Sendable {
  case u8 = 0, i8, u16, i16, u32, i32, f32, bool, string, array, u64, i64, f64

  /// Bytes of one value; nil where it varies.
  var byteCount: Int? {
    switch self {
    case .u8, .i8, .bool: return 1
    case .u16, .i16: return 2
    case .u32, .i32, .f32: return 4
    case .u64, .i64, .f64: return 8
    case .string, .array: return nil
    }
  }

  /// As gguf's writer names it.
  var name: String {
    switch self {
    case .u8: return "uint8"
    case .i8: return "int8"
    case .u16: return "uint16"
    case .i16: return "int16"
    case .u32: return "uint32"
    case .i32: return "int32"
    case .f32: return "float32"
    case .bool: return "bool"
    case .string: return "string"
    case .array: return "array"
    case .u64: return "uint64"
    case .i64: return "int64"
    case .f64: return "float64"
    }
  }
}

public enum GGUFValue: Sendable {
  case integer(Int, GGUFType)
  case number(Double)
  case flag(Bool)
  /// The place of the bytes in the file.
  case text(Range<Int>)
  /// The type, number and first byte of the elements.
  case array(GGUFType, count: Int, start: Int)

  /// What it is, for messages.
  var kind: String {
    switch self {
    case .integer(_, let type): return type.name
    case .number: return "a float"
    case .flag: return "a bool"
    case .text: return "a string"
    case .array(let type, let count, _): return "an array of \(count) \(type.name)"
    }
  }
}

extension GGUFCursor {
  /// One value, checked and stepped over.
  mutating func value() throws -> GGUFValue {
    let type = try type("its type")
    if type == .array { return try array() }
    return try scalar(type)
  }

  private mutating func type(_ what: String) throws -> GGUFType {
    let number = try integer(UInt32.self, what)
    guard let type = GGUFType(rawValue: number) else {
      throw failure(
        "has the unknown type \(number), types are 0 to 12: the file is damaged or of a later version")
    }
    return type
  }

  mutating func scalar(_ type: GGUFType) throws -> GGUFValue {
    let what = "its value"
    switch type {
    case .u8: return .integer(Int(try integer(UInt8.self, what)), type)
    case .i8: return .integer(Int(try integer(Int8.self, what)), type)
    case .u16: return .integer(Int(try integer(UInt16.self, what)), type)
    case .i16: return .integer(Int(try integer(Int16.self, what)), type)
    case .u32: return .integer(Int(try integer(UInt32.self, what)), type)
    case .i32: return .integer(Int(try integer(Int32.self, what)), type)
    case .i64: return .integer(Int(try integer(Int64.self, what)), type)
    case .u64:
      let value = try integer(UInt64.self, what)
      guard let small = Int(exactly: value) else { throw failure("is \(value), beyond 2^63 - 1") }
      return .integer(small, type)
    case .f32:
      // The shortest decimal of the float: 1e-05 is meant, not 9.99999974737875e-06.
      let float = Float(bitPattern: try integer(UInt32.self, what))
      return .number(Double("\(float)") ?? Double(float))
    case .f64: return .number(Double(bitPattern: try integer(UInt64.self, what)))
    case .bool:
      let byte = try integer(UInt8.self, what)
      if byte > 1 { throw failure("is a bool of the byte \(byte), expected 0 or 1: the file is damaged") }
      return .flag(byte == 1)
    case .string, .array: return .text(try string(what))
    }
  }

  private mutating func array() throws -> GGUFValue {
    let type = try type("the type of its elements")
    if type == .array { throw failure("is an array of arrays, which no reader of GGUF takes") }
    let count = try integer(UInt64.self, "the number of its elements")
    let start = position
    if let width = type.byteCount {
      try skip(count, width: width, "elements")
    } else {
      // The shortest string is its length, 8 bytes: a count beyond the file is refused before it is walked.
      if count > UInt64((source.count - position) / 8) {
        throw failure(
          "has \(count) strings, but the file ends after \(source.count - position) bytes: it is damaged")
      }
      for _ in 0..<count { _ = try string("a string of the array") }
    }
    return .array(type, count: Int(count), start: start)
  }
}
