/// The inputs of this and earlier sessions, in a database that the kernels of a user share.
import Base
import Formats
import Runs

final class KernelHistory {
  private let database: Database
  /// The number of this session.
  let session: Int

  /// Entries of earlier sessions that are kept.
  private static let entriesMax = 20_000

  /// Opens the file and begins a session. With the path ":memory:" nothing is kept.
  init(path: String) throws {
    database = try Database(path, .write)
    if path != ":memory:" { try database.script("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL") }
    try database.script(
      """
      CREATE TABLE IF NOT EXISTS session(id INTEGER PRIMARY KEY AUTOINCREMENT, start TEXT);
      CREATE TABLE IF NOT EXISTS input(
        id INTEGER PRIMARY KEY, session INTEGER NOT NULL, line INTEGER NOT NULL, text TEXT NOT NULL, output TEXT);
      """)
    let database = database
    session = try database.transaction {
      try database.run("INSERT INTO session(start) VALUES(datetime('now'))")
      try database.run(
        "DELETE FROM input WHERE id <= (SELECT max(id) FROM input) - ?", [.integer(Self.entriesMax)])
      return try database.first("SELECT max(id) FROM session").integer ?? 1
    }
  }

  /// The history in the user's folder; where it cannot be kept, one of this session only.
  static func open(_ log: KernelLog) -> KernelHistory? {
    do {
      guard let folder = Folders.state else { throw Failure(.io, "there is no home folder") }
      try AtomicFile.makeFolder(folder)
      return try KernelHistory(path: folder + "/kernel-history.sqlite")
    } catch {
      log.write("the history is not kept: \(error)")
      return try? KernelHistory(path: ":memory:")
    }
  }

  func add(_ line: Int, _ text: String, _ output: String?) throws {
    try database.run(
      "INSERT INTO input(session, line, text, output) VALUES(?, ?, ?, ?)",
      [.integer(session), .integer(line), .text(text), output.map(SQLValue.text) ?? .null])
  }

  /// What a history request asks for: lists of session, line and input (or input and output), oldest first.
  func entries(_ request: JSONValue) throws -> [JSONValue] {
    let count = request["n"]?.int
    // Entries of this session count as the latest: other kernels may be younger.
    let latest = "ORDER BY session = \(session) DESC, id DESC LIMIT ?"
    let limit = SQLValue.integer(count.map { max($0, 0) } ?? -1)
    var rows: [[SQLValue]]
    switch request["hist_access_type"]?.text {
    case "tail":
      rows = try database.rows("SELECT session, line, text, output FROM input \(latest)", [limit]).reversed()
    case "range":
      let asked = request["session"]?.int ?? 0
      rows = try database.rows(
        """
        SELECT session, line, text, output FROM input WHERE session = ? AND line >= ? AND line < ?
        ORDER BY line, id
        """,
        [
          .integer(asked > 0 ? asked : session + asked), .integer(request["start"]?.int ?? 0),
          .integer(request["stop"]?.int ?? .max),
        ])
    case "search":
      let pattern = SQLValue.text(request["pattern"]?.text ?? "*")
      let once =
        request["unique"]?.boolean == true
        ? "AND id IN (SELECT max(id) FROM input WHERE text GLOB ? GROUP BY text)" : ""
      rows = try database.rows(
        "SELECT session, line, text, output FROM input WHERE text GLOB ? \(once) \(latest)",
        once.isEmpty ? [pattern, limit] : [pattern, pattern, limit]
      ).reversed()
    default:
      throw Failure(.value, "'hist_access_type' must be \"tail\", \"range\" or \"search\"")
    }
    let hasOutput = request["output"]?.boolean == true
    return rows.map { row in
      let text = JSONValue.string(row[2].text ?? "")
      let output = row[3].text.map { JSONValue.string($0) } ?? .null
      return [
        .integer(row[0].integer ?? 0), .integer(row[1].integer ?? 0), hasOutput ? [text, output] : text,
      ]
    }
  }
}
