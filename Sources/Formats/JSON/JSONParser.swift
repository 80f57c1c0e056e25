/// Reads JSON (RFC 8259) from bytes in two passes: the first checks and allocates nothing, the second builds.
///
/// A tree of values takes many times the bytes of `[0,0,0,...`; because of the first pass an invalid file
/// costs no more than its own bytes. A whole number beyond 64 bits becomes floating point. A number beyond
/// floating point (1e999), bad UTF-8, bare control characters and half a surrogate pair are refused. Parsing
/// looks at Ctrl-C.
import Base

package struct JSONParser {
  private let bytes: UnsafeBufferPointer<UInt8>
  private let name: String
  private let firstLine: Int
  /// Ctrl-C ends the parsing. On a thread that does not run Lua it must not.
  private let stopsAtInterrupt: Bool
  /// The next byte to read.
  package private(set) var position = 0

  package init(
    _ bytes: UnsafeBufferPointer<UInt8>, name: String, at position: Int = 0, firstLine: Int = 1,
    stopsAtInterrupt: Bool = true
  ) {
    self.stopsAtInterrupt = stopsAtInterrupt
    self.bytes = bytes
    self.name = name
    self.firstLine = firstLine
    self.position = position
  }

  package static func parse(_ bytes: [UInt8], name: String, stopsAtInterrupt: Bool = true) throws -> JSONValue
  {
    try bytes.withUnsafeBufferPointer { try parse($0, name: name, stopsAtInterrupt: stopsAtInterrupt) }
  }

  package static func parse(
    _ bytes: UnsafeBufferPointer<UInt8>, name: String, firstLine: Int = 1, stopsAtInterrupt: Bool = true
  ) throws -> JSONValue {
    var parser = try checked(bytes, name: name, firstLine: firstLine, stopsAtInterrupt: stopsAtInterrupt)
    return try parser.value(depth: 0)
  }

  /// A parser at the first value of bytes that have been checked to hold one value and no more.
  package static func checked(
    _ bytes: UnsafeBufferPointer<UInt8>, name: String, firstLine: Int = 1, stopsAtInterrupt: Bool = true
  ) throws -> JSONParser {
    var parser = JSONParser(bytes, name: name, firstLine: firstLine, stopsAtInterrupt: stopsAtInterrupt)
    parser.skipByteOrderMark()
    let start = parser
    try parser.skipValue(depth: 0)
    try parser.expectEnd()
    return start
  }

  private mutating func skipByteOrderMark() {
    if bytes.count >= 3 && bytes[0] == 0xEF && bytes[1] == 0xBB && bytes[2] == 0xBF { position = 3 }
  }

  // MARK: values

  package enum Kind { case null, object, array, scalar }

  /// What the next value is, by its first byte.
  package mutating func kind() throws -> Kind {
    switch try peek("a value") {
    case UInt8(ascii: "n"): return .null
    case UInt8(ascii: "{"): return .object
    case UInt8(ascii: "["): return .array
    default: return .scalar
    }
  }

  /// Builds one value and moves past it.
  package mutating func value(depth: Int) throws -> JSONValue {
    switch try peek("a value") {
    case UInt8(ascii: "{"):
      var members: [JSONMember] = []
      try object(depth: depth) { parser, key in
        members.append(JSONMember(parser.text(key), try parser.value(depth: depth + 1)))
      }
      return .object(members)
    case UInt8(ascii: "["):
      var elements: [JSONValue] = []
      try array(depth: depth) { parser in elements.append(try parser.value(depth: depth + 1)) }
      return .array(elements)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): try literal("true"); return .bool(true)
    case UInt8(ascii: "f"): try literal("false"); return .bool(false)
    case UInt8(ascii: "n"): try literal("null"); return .null
    default: return try number()
    }
  }

  /// Checks and skips one value.
  package mutating func skipValue(depth: Int) throws {
    switch try peek("a value") {
    case UInt8(ascii: "{"): try object(depth: depth) { parser, _ in try parser.skipValue(depth: depth + 1) }
    case UInt8(ascii: "["): try array(depth: depth) { parser in try parser.skipValue(depth: depth + 1) }
    case UInt8(ascii: "\""): _ = try skipString()
    case UInt8(ascii: "t"): try literal("true")
    case UInt8(ascii: "f"): try literal("false")
    case UInt8(ascii: "n"): try literal("null")
    default: _ = try number()
    }
  }

  /// Reads an object; `member` gets the byte range of the key and must consume the value.
  package mutating func object(depth: Int, _ member: (inout JSONParser, Range<Int>) throws -> Void) throws {
    try open(UInt8(ascii: "{"), depth: depth)
    if try peek("a key or '}'") == UInt8(ascii: "}") { position += 1; return }
    while true {
      if try peek("a key") != UInt8(ascii: "\"") { throw failure("expected a key in quotes") }
      let range = try skipString()
      if try peek("':'") != UInt8(ascii: ":") { throw failure("expected ':' after a key") }
      position += 1
      if stopsAtInterrupt { try Interrupt.check() }
      try member(&self, range)
      if try next(orClose: UInt8(ascii: "}")) { return }
    }
  }

  /// Reads an array; `element` must consume one value.
  package mutating func array(depth: Int, _ element: (inout JSONParser) throws -> Void) throws {
    try open(UInt8(ascii: "["), depth: depth)
    if try peek("a value or ']'") == UInt8(ascii: "]") { position += 1; return }
    while true {
      if stopsAtInterrupt { try Interrupt.check() }
      try element(&self)
      if try next(orClose: UInt8(ascii: "]")) { return }
    }
  }

  /// A parser at the value of each key of an object, of equal keys the last; moves past the object.
  package mutating func members(depth: Int) throws -> [String: JSONParser] {
    var found: [String: JSONParser] = [:]
    try object(depth: depth) { parser, key in
      if found.count < 64 { found[parser.text(key)] = parser }
      try parser.skipValue(depth: depth + 1)
    }
    return found
  }

  private mutating func open(_ bracket: UInt8, depth: Int) throws {
    if try peek("a value") != bracket {
      throw failure("expected \(bracket == UInt8(ascii: "{") ? "an object" : "an array")")
    }
    if depth >= Limits.nestingMax { throw failure("nested deeper than \(Limits.nestingMax)") }
    position += 1
  }

  private mutating func next(orClose bracket: UInt8) throws -> Bool {
    let close = bracket == UInt8(ascii: "}") ? "'}'" : "']'"
    let byte = try peek("',' or \(close)")
    if byte != bracket && byte != UInt8(ascii: ",") { throw failure("expected ',' or \(close)") }
    position += 1
    return byte == bracket
  }

  private mutating func literal(_ literal: StaticString) throws {
    let count = literal.utf8CodeUnitCount
    for i in 0..<count where position + i >= bytes.count || bytes[position + i] != literal.utf8Start[i] {
      throw failure("expected \(literal)")
    }
    position += count
  }

  // MARK: text

  /// One string, decoded.
  package mutating func string() throws -> String {
    if try peek("a string") != UInt8(ascii: "\"") { throw failure("expected a string") }
    return text(try skipString())
  }

  /// The decoded text of a checked string.
  package func text(_ range: Range<Int>) -> String { JSONText.decode(bytes, range) }

  /// Checks and skips a string; the range is that between its quotes.
  private mutating func skipString() throws -> Range<Int> {
    position += 1
    let start = position
    while position < bytes.count {
      let byte = bytes[position]
      if byte == UInt8(ascii: "\"") {
        position += 1
        return start..<position - 1
      }
      if byte == UInt8(ascii: "\\") {
        try skipEscape()
      } else if byte < 0x20 {
        throw failure("control character \(byte) in a string; write it as an escape")
      } else if byte < 0x80 {
        position += 1
      } else {
        guard let length = UTF8Text.sequenceLength(bytes, at: position) else {
          throw failure("text is not UTF-8")
        }
        position += length
      }
    }
    throw failure("string without closing quote")
  }

  private mutating func skipEscape() throws {
    guard position + 1 < bytes.count else { throw failure("string without closing quote") }
    switch bytes[position + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      position += 2
    case UInt8(ascii: "u"):
      guard let unit = JSONText.unit(bytes, at: position) else {
        throw failure("\\u needs four hexadecimal digits")
      }
      if unit & 0xFC00 == 0xDC00 { throw failure("lone surrogate \(hexadecimal(unit))") }
      if unit & 0xFC00 == 0xD800 {
        guard let low = JSONText.unit(bytes, at: position + 6), low & 0xFC00 == 0xDC00 else {
          throw failure("lone surrogate \(hexadecimal(unit))")
        }
        position += 6
      }
      position += 6
    default: throw failure("unknown escape in a string")
    }
  }

  private func hexadecimal(_ unit: UInt16) -> String { "\\u" + String(unit, radix: 16) }

  // MARK: numbers

  private mutating func number() throws -> JSONValue {
    let start = position
    let negative = position < bytes.count && bytes[position] == UInt8(ascii: "-")
    if negative { position += 1 }
    let whole = digits()
    if whole == 0 { position = start; throw failure("expected a value") }
    if whole > 1 && bytes[position - whole] == UInt8(ascii: "0") {
      throw failure("number with a leading zero")
    }
    var isWhole = true
    if position < bytes.count && bytes[position] == UInt8(ascii: ".") {
      position += 1
      isWhole = false
      if digits() == 0 { throw failure("number without digits after the point") }
    }
    if position < bytes.count && bytes[position] | 0x20 == UInt8(ascii: "e") {
      position += 1
      isWhole = false
      if position < bytes.count
        && (bytes[position] == UInt8(ascii: "+") || bytes[position] == UInt8(ascii: "-"))
      {
        position += 1
      }
      if digits() == 0 { throw failure("number without digits in the exponent") }
    }
    if isWhole, let value = wholeNumber(start, negative) { return .integer(value) }
    let text = String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<position]), as: UTF8.self)
    guard let value = Double(text), value.isFinite else {
      position = start
      throw failure("number \(text.prefix(24)) is beyond 64-bit floating point")
    }
    return .number(value)
  }

  /// nil when it does not fit, and for -0, which only floating point can hold.
  private func wholeNumber(_ start: Int, _ negative: Bool) -> Int? {
    var value = 0
    for i in (negative ? start + 1 : start)..<position {
      let (tens, over) = value.multipliedReportingOverflow(by: 10)
      let digit = Int(bytes[i]) - 48
      let (sum, overSum) =
        negative ? tens.subtractingReportingOverflow(digit) : tens.addingReportingOverflow(digit)
      if over || overSum { return nil }
      value = sum
    }
    return negative && value == 0 ? nil : value
  }

  private mutating func digits() -> Int {
    let start = position
    while position < bytes.count && bytes[position] &- 48 < 10 { position += 1 }
    return position - start
  }

  /// A number that is whole and not negative.
  package mutating func count(_ what: String) throws -> Int {
    _ = try peek(what)
    let start = position
    guard case .integer(let value) = try number(), value >= 0 else {
      position = start
      throw failure("expected \(what), a whole number that fits 64 bits and is not negative")
    }
    return value
  }

  // MARK: bytes

  /// The next byte that is not blank, without taking it.
  package mutating func peek(_ wanted: @autoclosure () -> String) throws -> UInt8 {
    while position < bytes.count {
      let byte = bytes[position]
      if byte != 0x20 && byte != 0x0A && byte != 0x0D && byte != 0x09 { return byte }
      position += 1
    }
    throw failure("ends where \(wanted()) is expected")
  }

  package mutating func expectEnd() throws {
    while position < bytes.count {
      let byte = bytes[position]
      if byte != 0x20 && byte != 0x0A && byte != 0x0D && byte != 0x09 {
        throw failure("more text after the value")
      }
      position += 1
    }
  }

  package func failure(_ problem: String) -> Failure {
    var line = firstLine
    var column = 1
    for byte in bytes[..<min(position, bytes.count)] {
      if byte == 0x0A { line += 1; column = 1 } else { column += 1 }
    }
    return Failure(.format, "\(name): \(problem) (line \(line), column \(column))")
  }
}
