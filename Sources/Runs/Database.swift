/// A thin layer over SQLite: open, prepare, bind, step, and a transaction.
///
/// Debian's library, without a package: GRDB 7.10.0 makes a clean build 82 s longer (2 cores, Swift 6.3.1),
/// and a run store needs these hundred lines of it.
///
///     let database = try Database("run.sqlite", .write)
///     try database.transaction { try database.run("INSERT INTO key(name) VALUES(?)", ["win"]) }
import Base
import CSQLite

/// A value of a column. A NaN is stored as NULL: SQLite has none.
public enum SQLValue: Equatable, Sendable {
  case null, integer(Int), real(Double), text(String), flag(Bool)

  public var text: String? { if case .text(let text) = self { text } else { nil } }
  public var integer: Int? { if case .integer(let value) = self { value } else { nil } }
  public var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .real(let value): value
    default: nil
    }
  }
}

extension SQLValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral {
  public init(stringLiteral text: String) { self = .text(text) }
  public init(integerLiteral value: Int) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .real(value) }
  init(_ text: String?) { self = text.map(SQLValue.text) ?? .null }
  init(_ value: Int?) { self = value.map(SQLValue.integer) ?? .null }
}

public final class Database {
  public enum Mode { case read, write }

  public let path: String
  /// What to do where the file is no database or a damaged one; the message ends with it.
  private let advice: String
  private var handle: OpaquePointer?
  private var statements: [String: Statement] = [:]
  /// A copy of this object in a forked child must not touch the file: closing it there could remove the
  /// journal that the parent writes.
  private let owner = getpid()

  /// Opens a file; `.write` makes it where it is missing, and `isImmutable` says that nobody changes it. Waits
  /// ten seconds for another connection.
  public init(_ path: String, _ mode: Mode, isImmutable: Bool = false, advice: String = "") throws {
    self.path = path
    self.advice = advice
    if FileCalls.isSpecial(path) { throw Failure(.io, "cannot open \(path): it is not a regular file") }
    let name = isImmutable ? "file:\(Self.escaped(path))?immutable=1" : path
    let flags = mode == .read ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
    let uri = isImmutable ? SQLITE_OPEN_URI : 0
    let status = sqlite3_open_v2(name, &handle, flags | SQLITE_OPEN_NOMUTEX | uri, nil)
    if status != SQLITE_OK {
      let problem = failure("open")
      sqlite3_close_v2(handle)
      handle = nil
      throw problem
    }
    sqlite3_extended_result_codes(handle, 1)
    sqlite3_busy_timeout(handle, 10_000)
  }

  /// A path within a URI.
  private static func escaped(_ path: String) -> String {
    path.map { "%?#".contains($0) ? "%" + String($0.asciiValue ?? 0, radix: 16) : String($0) }.joined()
  }

  deinit { close() }

  public func close() {
    guard owner == getpid(), handle != nil else { return }
    statements = [:]
    sqlite3_close_v2(handle)
    handle = nil
  }

  /// Runs a text of statements without parameters.
  public func script(_ sql: String) throws {
    if sqlite3_exec(handle, sql, nil, nil, nil) != SQLITE_OK { throw failure("use") }
  }

  /// The statement of a text, prepared once.
  public func statement(_ sql: String) throws -> Statement {
    if let known = statements[sql] { return known }
    guard handle != nil, owner == getpid() else { throw Failure(.state, "\(path) is closed") }
    var prepared: OpaquePointer?
    let status = sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &prepared, nil)
    guard status == SQLITE_OK, let prepared else { throw failure("use") }
    let statement = Statement(prepared, in: self)
    statements[sql] = statement
    return statement
  }

  /// Runs a statement that gives no rows; returns the number of rows it changed.
  @discardableResult
  public func run(_ sql: String, _ values: [SQLValue] = []) throws -> Int {
    try statement(sql).each(values) { _ in }
    return Int(sqlite3_changes(handle))
  }

  /// All rows of a query.
  public func rows(_ sql: String, _ values: [SQLValue] = []) throws -> [[SQLValue]] {
    var rows: [[SQLValue]] = []
    try statement(sql).each(values) { row in rows.append((0..<row.count).map { row[$0] }) }
    return rows
  }

  /// The first column of the first row.
  public func first(_ sql: String, _ values: [SQLValue] = []) throws -> SQLValue {
    try rows(sql, values).first?.first ?? .null
  }

  /// Runs `body` as one transaction, which is IMMEDIATE: a read that turns into a write fails at once where
  /// another connection has written in between, and no timeout helps.
  public func transaction<R>(_ body: () throws -> R) throws -> R {
    try script("BEGIN IMMEDIATE")
    do {
      let result = try body()
      try script("COMMIT")
      return result
    } catch {
      try? script("ROLLBACK")  // SQLite has rolled back by itself after some errors, such as a full disk
      throw error
    }
  }

  /// Moves what is committed from the write-ahead log into the file, as far as readers allow. Where that fails
  /// the log still has it.
  public func emptyJournal() { try? script("PRAGMA wal_checkpoint(PASSIVE)") }

  /// Runs `body` on one state of the file, whatever others write meanwhile: many reads take one lock.
  func reading<R>(_ body: () throws -> R) throws -> R {
    try script("BEGIN")
    defer { try? script("COMMIT") }
    return try body()
  }

  /// The failure of the last call: of kind `.state` where another connection holds the file, `.format` where it
  /// is no database or a damaged one.
  func failure(_ step: String) -> Failure {
    guard let handle else { return Failure(.io, "cannot \(step) \(path): it is closed") }
    var reason = String(cString: sqlite3_errmsg(handle))
    let kind: Failure.Kind =
      switch sqlite3_errcode(handle) & 0xFF {
      case SQLITE_BUSY, SQLITE_LOCKED: .state
      case SQLITE_FULL, SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_READONLY, SQLITE_PERM, SQLITE_AUTH,
        SQLITE_NOMEM,
        SQLITE_NOLFS, SQLITE_PROTOCOL, SQLITE_INTERRUPT:
        .io
      case SQLITE_NOTADB, SQLITE_CORRUPT: .format
      default: .value
      }
    // A table that is missing is damage too: the texts of the statements are ours.
    let isAnother = reason.hasPrefix("no such ")
    if kind == .format || isAnother || FileCalls.isFolder(path) {
      let otherwise = isAnother ? StoreDamage.another : "SQLite says '\(reason)'"
      return damage(StoreDamage.found(at: path, otherwise: otherwise))
    }
    for ending in ["-wal", "-shm", "-journal"] where kind == .io && FileCalls.isFolder(path + ending) {
      reason += " (\(path)\(ending) is a folder)"
    }
    if kind != .value, let network = RunSchema.network(of: path) {
      reason += " (it is on a disk of kind \(network), whose locks may not work: use a local folder of runs)"
    }
    return Failure(kind, "cannot \(step) \(path): \(reason)")
  }

  /// The failure of a file that is no database of ours, with what was found and what to do.
  func damage(_ found: String) -> Failure {
    Failure(.format, "\(path) cannot be read: \(found)" + (advice.isEmpty ? "" : ". " + advice))
  }
}
