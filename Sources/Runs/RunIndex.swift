/// The index of a folder of runs, `runs.sqlite`: a copy of what each run's own store says, so that thousands
/// of runs are listed by one query. It is brought up to date where a store has changed, and made anew where
/// it is lost or damaged.
///
///     let index = try RunIndex("runs")
///     try index.refresh()
///     try index.list(where: [("loss.beta", 0.1)], columns: ["id", "status", "win"])
import Base

public final class RunIndex {
  public let folder: String
  private(set) var database: Database

  static let file = "runs.sqlite"
  static let version = 1

  /// The kind of a value says where a name is looked for first: 0 is the configuration, 1 the figures of the
  /// whole run, 2 the last values of the figures by step.
  private static let tables = """
    CREATE TABLE run(id TEXT PRIMARY KEY, stamp TEXT NOT NULL,
      \(RunReader.columns.map { "\($0) ANY" }.joined(separator: ", "))) STRICT;
    CREATE TABLE value(id TEXT NOT NULL, name TEXT NOT NULL, kind INTEGER NOT NULL, value ANY,
      PRIMARY KEY(id, name, kind)) STRICT, WITHOUT ROWID;
    CREATE INDEX value_find ON value(name, value, id);
    PRAGMA user_version = \(version);
    """

  /// The index of the runs in a folder, made where there is none. Throws if its file cannot be opened.
  public init(_ folder: String) throws {
    self.folder = folder
    try RunSchema.check(path: folder)
    if !FileCalls.isFolder(folder) { throw Failure(.io, "\(folder): there is no such folder of runs") }
    do { database = try Self.opened(folder) } catch { database = try Self.another(in: folder, after: error) }
  }

  /// An index in the place of one that failed: a new file where that one is damaged. Where the folder cannot be
  /// written, as on a full disk, the index is in memory, and the runs can still be read.
  private static func another(in folder: String, after problem: any Error) throws -> Database {
    let kind = (problem as? Failure)?.kind
    if kind == .format || kind == .value, access(folder, W_OK) == 0 {
      removeFile(in: folder)
      if let anew = try? opened(folder) { return anew }
    }
    let database = try Database(":memory:", .write)
    try database.script(tables)
    return database
  }

  private static func opened(_ folder: String) throws -> Database {
    let database = try Database("\(folder)/\(file)", .write)
    try RunSchema.configure(database)
    // What is lost with the power is made again.
    try database.script("PRAGMA synchronous = OFF")
    if try database.first("PRAGMA user_version") != .integer(version) {
      try database.transaction {
        if try database.first("PRAGMA user_version") != .integer(version) {
          try database.script("DROP TABLE IF EXISTS run; DROP TABLE IF EXISTS value")
          try database.script(tables)
        }
      }
    }
    return database
  }

  /// Removes the index of a folder, and the folder if nothing else is in it.
  public static func remove(in folder: String) {
    removeFile(in: folder)
    unlink("\(folder)/\(RunLock.beginning)")
    rmdir(folder)
  }

  private static func removeFile(in folder: String) {
    for ending in ["", "-wal", "-shm", "-journal"] {
      let path = "\(folder)/\(file)\(ending)"
      if unlink(path) != 0 { rmdir(path) }
    }
  }

  /// What the listing must say of the index itself.
  private func problem() -> [String] {
    let path = "\(folder)/\(Self.file)"
    if !FileCalls.isFolder(path) { return [] }
    return ["\(path) is a folder, and the index of the runs is to be there: it is made in memory each time"]
  }

  /// Reads the stores that have changed since they were read, and forgets the runs that are gone or cannot be
  /// read. Returns the messages of those.
  @discardableResult
  public func refresh() throws -> [String] {
    for _ in 0..<2 {
      do { return try problem() + update() } catch let failure as Failure {
        database.close()
        database = try Self.another(in: folder, after: failure)
      }
    }
    return try problem() + update()
  }

  /// What `read` gives, from an index that is made anew where it turns out to be damaged.
  private func mended<R>(_ read: () throws -> R) throws -> R {
    do { return try read() } catch let failure as Failure where failure.kind == .format {
      database.close()
      database = try Self.another(in: folder, after: failure)
      try refresh()
      return try read()
    }
  }

  private func update() throws -> [String] {
    var known: [String: String] = [:]
    for row in try database.rows("SELECT id, stamp FROM run") { known[row[0].text ?? ""] = row[1].text }
    var problems: [String] = []
    var changed: [(id: String, stamp: String, reader: RunReader)] = []
    for id in try RealDisk().names(in: folder) where !id.hasPrefix(".") {
      guard let stamp = Self.stamp(of: "\(folder)/\(id)") else { continue }
      if known[id] == stamp {
        known[id] = nil
        continue
      }
      do {
        changed.append((id, stamp, try RunReader("\(folder)/\(id)")))
        known[id] = nil
      } catch { problems.append("\(error)") }
      if changed.count >= 200 { try store(&changed, &problems) }
    }
    try store(&changed, &problems)
    if !known.isEmpty {
      try database.transaction { for id in known.keys { try forget(id) } }
    }
    return problems
  }

  private func forget(_ id: String) throws {
    for table in ["run", "value"] { try database.run("DELETE FROM \(table) WHERE id = ?", [.text(id)]) }
  }

  private func store(
    _ changed: inout [(id: String, stamp: String, reader: RunReader)], _ problems: inout [String]
  ) throws {
    defer { changed = [] }
    let marks = Array(repeating: "?", count: RunReader.columns.count + 2).joined(separator: ", ")
    try database.transaction {
      for (id, stamp, reader) in changed {
        let about: [(column: String, value: SQLValue)], values: [(Int, String, SQLValue)]
        do {
          about = try reader.about()
          values =
            try reader.params().map { (0, $0, $1) } + reader.summary().map { (1, $0, $1) }
            + reader.last().map { (2, $0.name, SQLValue.real($0.value)) }
        } catch let failure as Failure {
          problems.append(failure.message)
          try forget(id)
          continue
        }
        try forget(id)
        // A run that goes on, or that has ended without a word, is looked at again.
        let isOver = about.contains { $0.column == "status" && $0.value != "running" && $0.value != "lost" }
        try database.run(
          "INSERT INTO run VALUES(\(marks))",
          [.text(id), .text(isOver ? stamp : "")] + about.map(\.value))
        for (kind, name, value) in values {
          try database.run(
            "INSERT OR REPLACE INTO value VALUES(?, ?, ?, ?)",
            [.text(id), .text(name), .integer(kind), value])
        }
      }
    }
  }

  /// Sizes and times of change of a run's store; nil for what is no run.
  private static func stamp(of run: String) -> String? {
    var parts: [String] = []
    for ending in ["", "-wal"] {
      var info = stat()
      if stat("\(run)/\(RunSchema.file)\(ending)", &info) == 0 {
        parts.append("\(info.st_size) \(info.st_mtim.tv_sec).\(info.st_mtim.tv_nsec)")
      } else if ending.isEmpty {
        return nil
      }
    }
    return parts.joined(separator: " ")
  }

  /// The runs for which every name has its value, in the order in which they were made: the values of
  /// `columns`, of which each is "id", a column of the run, a path of the configuration, a figure of the
  /// whole run, or the last value of a figure by step.
  public func list(where filters: [(name: String, value: SQLValue)], columns: [String]) throws -> [[SQLValue]]
  {
    var values: [SQLValue] = []
    let shown = columns.map { name -> String in
      if Self.isColumn(name) { return "run.\(name)" }
      values.append(.text(name))
      return "(SELECT value FROM value WHERE id = run.id AND name = ? ORDER BY kind LIMIT 1)"
    }
    var conditions = "1"
    for (name, value) in filters {
      if Self.isColumn(name) {
        conditions += " AND run.\(name) = ?"
      } else {
        conditions += " AND EXISTS(SELECT 1 FROM value WHERE id = run.id AND name = ? AND value = ?)"
        values.append(.text(name))
      }
      values.append(value)
    }
    let query = "SELECT \(shown.joined(separator: ", ")) FROM run WHERE \(conditions) ORDER BY created, id"
    return try mended { try database.rows(query, values) }
  }

  static func isColumn(_ name: String) -> Bool { name == "id" || RunReader.columns.contains(name) }

  /// The names that `list` takes, for messages.
  public func names() throws -> [String] {
    let found = try mended { try database.rows("SELECT DISTINCT name FROM value ORDER BY name") }
    return ["id"] + RunReader.columns + found.compactMap { $0[0].text }
  }
}
