/// The metadata of a GGUF file by key: nil where a key is missing, an error where it has another type.
import Base

extension GGUFFile {
  public subscript(key: String) -> GGUFValue? { values[key] }

  public func failure(_ key: String, _ problem: String) -> Failure {
    Failure(.format, "\(source.name): key '\(Quoted.name(key))' \(problem)")
  }

  private func wrong(_ key: String, _ value: GGUFValue, expected: String) -> Failure {
    failure(key, "is \(value.kind), expected \(expected)")
  }

  /// A whole number of any width, or nil where the key is missing.
  public func integer(_ key: String) throws -> Int? {
    guard let value = values[key] else { return nil }
    guard case .integer(let number, _) = value else { throw wrong(key, value, expected: "an integer") }
    return number
  }

  public func number(_ key: String) throws -> Double? {
    switch values[key] {
    case nil: return nil
    case .number(let number)?: return number
    case .integer(let number, _)?: return Double(number)
    case let value?: throw wrong(key, value, expected: "a float")
    }
  }

  public func flag(_ key: String) throws -> Bool? {
    guard let value = values[key] else { return nil }
    guard case .flag(let flag) = value else { throw wrong(key, value, expected: "a bool") }
    return flag
  }

  public func text(_ key: String) throws -> String? {
    guard let value = values[key] else { return nil }
    guard case .text(let range) = value else { throw wrong(key, value, expected: "a string") }
    if range.count > Limits.metadataTextBytesMax {
      throw failure(
        key, "is a string of \(range.count) bytes, at most \(Limits.metadataTextBytesMax) are read")
    }
    return String(decoding: try source.bytes(at: range.lowerBound, count: range.count), as: UTF8.self)
  }

  /// Calls `body` with the bytes of each string of an array, in order.
  public func forEachString(_ key: String, _ body: (Int, UnsafeRawBufferPointer) throws -> Void) throws
    -> Bool
  {
    guard let value = values[key] else { return false }
    guard case .array(.string, let count, let start) = value else {
      throw wrong(key, value, expected: "an array of strings")
    }
    var cursor = GGUFCursor(source, at: start, subject: "key '\(key)'")
    for index in 0..<count { try cursor.withString { try body(index, $0) } }
    return true
  }

  /// An array of whole numbers.
  public func integers(_ key: String) throws -> [Int]? {
    guard let value = values[key] else { return nil }
    guard case .array(let type, let count, let start) = value, type != .string, type != .f32, type != .f64,
      type != .bool
    else { throw wrong(key, value, expected: "an array of integers") }
    try checkLength(key, count)
    var cursor = GGUFCursor(source, at: start, subject: "key '\(key)'")
    return try (0..<count).map { _ in
      guard case .integer(let number, _) = try cursor.scalar(type) else { return 0 }
      return number
    }
  }

  /// An array of flags; nil where the key is missing or is no array of flags.
  public func flags(_ key: String) throws -> [Bool]? {
    guard case .array(.bool, let count, let start)? = values[key] else { return nil }
    try checkLength(key, count)
    return try source.bytes(at: start, count: count).map { $0 != 0 }
  }

  /// An array of floats.
  public func numbers(_ key: String) throws -> [Float]? {
    guard let value = values[key] else { return nil }
    guard case .array(.f32, let count, let start) = value else {
      throw wrong(key, value, expected: "an array of float32")
    }
    try checkLength(key, count)
    var cursor = GGUFCursor(source, at: start, subject: "key '\(key)'")
    return try (0..<count).map { _ in Float(bitPattern: try cursor.integer(UInt32.self, "a number")) }
  }

  /// What the metadata state, as text by key, without arrays and without texts of more than a line or so.
  public func statements() throws -> [String: String] {
    var texts: [String: String] = [:]
    for key in keys where key.contains(".") {
      switch values[key] {
      case .integer(let value, _)?: texts[key] = "\(value)"
      case .number(let value)?: texts[key] = "\(value)"
      case .flag(let value)?: texts[key] = "\(value)"
      case .text(let range)? where range.count <= Limits.metadataStatementBytesMax: texts[key] = try text(key)
      default: break
      }
    }
    return texts
  }

  /// An array has a number for each token at most.
  private func checkLength(_ key: String, _ count: Int) throws {
    if count > Limits.vocabularyMax {
      throw failure(key, "is an array of \(count), at most \(Limits.vocabularyMax) elements are read")
    }
  }
}
