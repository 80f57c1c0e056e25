/// Writes JSON: the same value gives the same bytes every time, and numbers read back as they were.
///
/// Floating point is the shortest decimal that reads back to the same bits, and keeps a point or exponent so
/// that 1.0 stays floating point. JSON has no NaN and no infinity, so these are refused rather than turned
/// into null.
import Base

extension JSONValue {
  /// The text of this value on one line.
  ///
  ///     try JSONValue.array([1, 1.0, "a\n"]).encoded()      // [1,1.0,"a\n"]
  /// - Parameter sortedKeys: members by the bytes of their keys, else in the order they were added.
  public func encoded(sortedKeys: Bool = false) throws -> String {
    String(decoding: try encodedBytes(sortedKeys: sortedKeys), as: UTF8.self)
  }

  /// The same as UTF-8 bytes.
  public func encodedBytes(sortedKeys: Bool = false) throws -> [UInt8] {
    var out: [UInt8] = []
    try write(to: &out, sortedKeys, depth: 0)
    return out
  }

  /// Replaces a file with this value and a final line end, atomically.
  public func save(to path: String, sortedKeys: Bool = false) throws {
    var bytes = try encodedBytes(sortedKeys: sortedKeys)
    bytes.append(10)
    try AtomicFile.write(bytes, to: path)
  }

  private func write(to out: inout [UInt8], _ sortedKeys: Bool, depth: Int) throws {
    if depth > Limits.nestingMax {
      throw Failure(.value, "cannot write JSON nested deeper than \(Limits.nestingMax)")
    }
    switch self {
    case .null: out.append(contentsOf: "null".utf8)
    case .bool(let value): out.append(contentsOf: (value ? "true" : "false").utf8)
    case .integer(let value): out.append(contentsOf: String(value).utf8)
    case .number(let value):
      if !value.isFinite {
        throw Failure(.value, "cannot write \(value) as JSON, which has only finite numbers")
      }
      out.append(contentsOf: value.description.utf8)
    case .string(let text): Self.write(text, to: &out)
    case .array(let elements):
      out.append(UInt8(ascii: "["))
      for (i, element) in elements.enumerated() {
        if i & 0x3FF == 0x3FF { try Interrupt.check() }
        if i > 0 { out.append(UInt8(ascii: ",")) }
        try element.write(to: &out, sortedKeys, depth: depth + 1)
      }
      out.append(UInt8(ascii: "]"))
    case .object(let object):
      let members =
        sortedKeys ? object.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) } : object
      out.append(UInt8(ascii: "{"))
      for (i, member) in members.enumerated() {
        if i > 0 { out.append(UInt8(ascii: ",")) }
        Self.write(member.key, to: &out)
        out.append(UInt8(ascii: ":"))
        try member.value.write(to: &out, sortedKeys, depth: depth + 1)
      }
      out.append(UInt8(ascii: "}"))
    }
  }

  private static func write(_ text: String, to out: inout [UInt8]) {
    let digits = Array("0123456789abcdef".utf8)
    out.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): out.append(contentsOf: [UInt8(ascii: "\\"), byte])
      case 10: out.append(contentsOf: "\\n".utf8)
      case 13: out.append(contentsOf: "\\r".utf8)
      case 9: out.append(contentsOf: "\\t".utf8)
      case 0..<32:
        out.append(contentsOf: "\\u00".utf8)
        out.append(digits[Int(byte >> 4)])
        out.append(digits[Int(byte & 15)])
      default: out.append(byte)
      }
    }
    out.append(UInt8(ascii: "\""))
  }
}
