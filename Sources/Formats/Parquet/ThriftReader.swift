/// Reads Thrift's compact protocol, in which Parquet writes its footer and the headers of its pages.
///
/// Apache Thrift, "Thrift compact protocol encoding". A count of elements is compared with the bytes that
/// are left, each element having one at least, so that nothing is allocated for what a file claims.
import Base

struct ThriftReader {
  enum Kind: UInt8 {
    case yes = 1
    case no = 2
    case byte = 3
    case i16 = 4
    case i32 = 5
    case i64 = 6
    case double = 7
    case binary = 8
    case list = 9
    case set = 10
    case map = 11
    case structure = 12
    case uuid = 13
  }

  let bytes: [UInt8]
  private(set) var position: Int
  /// What is read, for messages: "mine.parquet: the footer".
  let subject: String

  init(_ bytes: [UInt8], at position: Int = 0, subject: String) {
    self.bytes = bytes
    self.position = position
    self.subject = subject
  }

  func failure(_ problem: String) -> Failure { Failure(.format, "\(subject) \(problem)") }

  /// Calls `field` with each field of a structure; a field that it answers false for is skipped.
  mutating func fields(depth: Int = 0, _ field: (inout ThriftReader, Int, Kind) throws -> Bool) throws {
    if depth > Limits.nestingMax { throw failure("is nested deeper than \(Limits.nestingMax)") }
    var id = 0
    while true {
      try Interrupt.check()
      let head = try byte()
      if head == 0 { return }
      let kind = try self.kind(head & 15)
      id = head >> 4 == 0 ? try integer() : id &+ Int(head >> 4)
      if !(try field(&self, id, kind)) { try skip(kind, depth: depth) }
    }
  }

  /// Calls `element` for each element of a list, which it must read.
  mutating func list(_ kind: Kind, _ element: (inout ThriftReader, Kind) throws -> Void) throws {
    if kind != .list && kind != .set { throw failure("has no list where one is expected") }
    let head = try byte()
    let inner = try self.kind(head & 15)
    let count = head >> 4 == 15 ? try self.count() : Int(head >> 4)
    if count > bytes.count - position { throw failure("has a list of \(count) elements, but ends before") }
    for _ in 0..<count {
      try Interrupt.check()
      try element(&self, inner)
    }
  }

  /// A whole number of any width.
  mutating func integer(_ kind: Kind) throws -> Int {
    switch kind {
    case .byte: return Int(Int8(bitPattern: try byte()))
    case .i16, .i32, .i64: return try integer()
    default: throw failure("has no whole number where one is expected")
    }
  }

  mutating func flag(_ kind: Kind) throws -> Bool {
    if kind != .yes && kind != .no { throw failure("has no truth value where one is expected") }
    return kind == .yes
  }

  mutating func text(_ kind: Kind) throws -> String {
    if kind != .binary { throw failure("has no text where one is expected") }
    let count = try self.count()
    if count > bytes.count - position { throw failure("has a text of \(count) bytes, but ends before") }
    position += count
    return String(decoding: bytes[(position - count)..<position], as: UTF8.self)
  }

  mutating func skip(_ kind: Kind, depth: Int, isElement: Bool = false) throws {
    if depth > Limits.nestingMax { throw failure("is nested deeper than \(Limits.nestingMax)") }
    switch kind {
    case .yes, .no: if isElement { _ = try byte() }
    case .byte: _ = try byte()
    case .i16, .i32, .i64: _ = try integer()
    case .double: try skip(bytes: 8)
    case .uuid: try skip(bytes: 16)
    case .binary: try skip(bytes: try count())
    case .structure: try fields(depth: depth + 1) { _, _, _ in false }
    case .list, .set:
      try list(kind) { reader, inner in try reader.skip(inner, depth: depth + 1, isElement: true) }
    case .map:
      let count = try self.count()
      if count == 0 { return }
      let kinds = try byte()
      let (key, value) = (try self.kind(kinds >> 4), try self.kind(kinds & 15))
      if count > bytes.count - position { throw failure("has a map of \(count) entries, but ends before") }
      for _ in 0..<count {
        try Interrupt.check()
        try skip(key, depth: depth + 1, isElement: true)
        try skip(value, depth: depth + 1, isElement: true)
      }
    }
  }

  private mutating func skip(bytes count: Int) throws {
    if count > bytes.count - position { throw failure("ends early") }
    position += count
  }

  private func kind(_ code: UInt8) throws -> Kind {
    guard let kind = Kind(rawValue: code) else { throw failure("has a field of the unknown kind \(code)") }
    return kind
  }

  private mutating func byte() throws -> UInt8 {
    if position >= bytes.count { throw failure("ends early") }
    position += 1
    return bytes[position - 1]
  }

  private mutating func varint() throws -> UInt64 {
    guard let value = Varint.read(bytes, &position, end: bytes.count) else {
      throw failure("ends early, or has a number beyond 64 bits")
    }
    return value
  }

  private mutating func integer() throws -> Int { Varint.signed(try varint()) }

  private mutating func count() throws -> Int {
    guard let count = Int(exactly: try varint()) else { throw failure("has a count beyond 63 bits") }
    return count
  }
}

/// Numbers of seven bits a byte.
enum Varint {
  /// The number at `position`, which moves past it; nil where the bytes end or the number is beyond 64 bits.
  static func read(_ bytes: [UInt8], _ position: inout Int, end: Int) -> UInt64? {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while position < end && shift < 64 {
      let byte = bytes[position]
      position += 1
      if shift == 63 && byte & 0x7F > 1 { return nil }
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
      shift += 7
    }
    return nil
  }

  /// The signed number of a zigzag code.
  static func signed(_ code: UInt64) -> Int { Int(bitPattern: UInt(code >> 1)) ^ -Int(code & 1) }
}
