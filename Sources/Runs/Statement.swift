/// A prepared statement of SQLite, and the row it stands at.
import Base
import CSQLite

public final class Statement {
  private let handle: OpaquePointer
  private unowned let database: Database

  init(_ handle: OpaquePointer, in database: Database) {
    self.handle = handle
    self.database = database
  }

  deinit { sqlite3_finalize(handle) }

  /// The columns of the row.
  public var count: Int { Int(sqlite3_column_count(handle)) }

  /// Binds the values, and calls `body` with the statement at each row.
  public func each(_ values: [SQLValue], _ body: (Statement) throws -> Void) throws {
    defer {
      sqlite3_reset(handle)
      sqlite3_clear_bindings(handle)
    }
    for (i, value) in values.enumerated() where bind(value, Int32(i + 1)) != SQLITE_OK {
      throw database.failure("bind value \(i + 1) for")
    }
    while true {
      switch sqlite3_step(handle) {
      case SQLITE_ROW: try body(self)
      case SQLITE_DONE: return
      default: throw database.failure("use")
      }
    }
  }

  /// A row of three numbers, without an array: what a figure is.
  func insert(_ key: Int, _ step: Int, _ value: Double) throws {
    sqlite3_bind_int64(handle, 1, Int64(key))
    sqlite3_bind_int64(handle, 2, Int64(step))
    sqlite3_bind_double(handle, 3, value)  // NaN becomes NULL
    defer { sqlite3_reset(handle) }
    if sqlite3_step(handle) != SQLITE_DONE { throw database.failure("write") }
  }

  /// Calls `body` with the first row for two numbers, without an array.
  func seek(_ first: Int, _ second: Int, _ body: (Statement) throws -> Void) throws {
    sqlite3_bind_int64(handle, 1, Int64(first))
    sqlite3_bind_int64(handle, 2, Int64(second))
    defer { sqlite3_reset(handle) }
    switch sqlite3_step(handle) {
    case SQLITE_ROW: try body(self)
    case SQLITE_DONE: return
    default: throw database.failure("use")
    }
  }

  public func integer(_ column: Int) -> Int { Int(sqlite3_column_int64(handle, Int32(column))) }

  /// The number of a column; NULL is NaN.
  public func number(_ column: Int) -> Double {
    let isNull = sqlite3_column_type(handle, Int32(column)) == SQLITE_NULL
    return isNull ? .nan : sqlite3_column_double(handle, Int32(column))
  }

  public subscript(column: Int) -> SQLValue {
    let column = Int32(column)
    switch sqlite3_column_type(handle, column) {
    case SQLITE_INTEGER: return .integer(Int(sqlite3_column_int64(handle, column)))
    case SQLITE_FLOAT: return .real(sqlite3_column_double(handle, column))
    case SQLITE_TEXT:
      let bytes = UnsafeBufferPointer(
        start: sqlite3_column_text(handle, column), count: Int(sqlite3_column_bytes(handle, column)))
      return .text(String(decoding: bytes, as: UTF8.self))
    case SQLITE_BLOB:
      guard sqlite3_column_bytes(handle, column) == 1, let byte = sqlite3_column_blob(handle, column) else {
        return .null
      }
      return .flag(byte.load(as: UInt8.self) != 0)
    default: return .null
    }
  }

  /// SQLite copies the bytes: SQLITE_TRANSIENT, which C writes as a cast that Swift cannot import.
  private static let copies = unsafeBitCast(-1, to: sqlite3_destructor_type.self)

  /// A flag is a blob of one byte, so that it is told from the numbers 0 and 1 and from text.
  private func bind(_ value: SQLValue, _ place: Int32) -> Int32 {
    switch value {
    case .null: return sqlite3_bind_null(handle, place)
    case .integer(let value): return sqlite3_bind_int64(handle, place, Int64(value))
    case .real(let value): return sqlite3_bind_double(handle, place, value)
    case .text(var text):
      return text.withUTF8 {
        $0.withMemoryRebound(to: CChar.self) {
          sqlite3_bind_text(handle, place, $0.baseAddress, Int32($0.count), Self.copies)
        }
      }
    case .flag(let flag):
      return sqlite3_bind_blob(handle, place, [flag ? 1 : 0] as [UInt8], 1, Self.copies)
    }
  }
}
