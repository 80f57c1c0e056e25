/// Reads a GGUF header from front to back through a small window, so that nothing is allocated for what the header claims.
import Base

struct GGUFCursor {
  let source: ByteSource
  private(set) var position: Int
  /// What is being read, for messages: "key 'general.name'".
  var subject: String
  private var window: [UInt8] = []
  private var windowStart = 0
  private static let windowBytes = 1 << 16

  init(_ source: ByteSource, at position: Int, subject: String) {
    self.source = source
    self.position = position
    self.subject = subject
  }

  func failure(_ problem: String) -> Failure {
    Failure(.format, "\(source.name): \(subject) \(problem)")
  }

  /// Refuses a claim of more bytes than the file still has.
  func expect(_ count: UInt64, _ what: String) throws {
    let left = source.count - position
    if count > UInt64(left) {
      throw failure(
        "needs \(count) bytes for \(what), but the file ends after \(left): it is damaged or cut short")
    }
  }

  mutating func integer<T: FixedWidthInteger>(_ type: T.Type, _ what: String) throws -> T {
    let size = MemoryLayout<T>.size
    try expect(UInt64(size), what)
    try fillWindow(size)
    guard let value = LittleEndian.load(window, at: position - windowStart, as: T.self) else {
      throw failure("ends before \(what)")
    }
    position += size
    return value
  }

  /// Makes the window hold `count` bytes from the position on, which the file has.
  private mutating func fillWindow(_ count: Int) throws {
    if position >= windowStart && position + count <= windowStart + window.count { return }
    windowStart = position
    window = try source.bytes(at: position, count: min(max(Self.windowBytes, count), source.count - position))
    try Interrupt.check()
  }

  /// Calls `body` with the bytes of a string, and steps over it.
  mutating func withString(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
    let range = try string("a string")
    position = range.lowerBound
    try fillWindow(range.count)
    position = range.upperBound
    let start = range.lowerBound - windowStart
    try window.withUnsafeBytes { try body(UnsafeRawBufferPointer(rebasing: $0[start..<start + range.count])) }
  }

  /// The place of a string's bytes, which it steps over.
  mutating func string(_ what: String) throws -> Range<Int> {
    let length = try integer(UInt64.self, "the length of \(what)")
    try expect(length, what)
    let start = position
    position += Int(length)
    return start..<position
  }

  /// Steps over elements of a fixed width.
  mutating func skip(_ count: UInt64, width: Int, _ what: String) throws {
    let (bytes, overflow) = count.multipliedReportingOverflow(by: UInt64(width))
    if overflow { throw failure("has \(count) \(what), more than any file holds: it is damaged") }
    try expect(bytes, what)
    position += Int(bytes)
  }

  /// A name or key of at most `limit` bytes.
  mutating func name(_ what: String, limit: Int) throws -> String {
    let range = try string(what)
    if range.count > limit { throw failure("has \(what) of \(range.count) bytes, at most \(limit) are read") }
    return String(decoding: try source.bytes(at: range.lowerBound, count: range.count), as: UTF8.self)
  }
}
