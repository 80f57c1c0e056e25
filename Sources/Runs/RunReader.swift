/// What a run has recorded, read beside its writer, who never waits for it.
///
///     let curve = try RunReader("runs/gap").curve("win")      // steps and values
import Base

public final class RunReader {
  public let folder: String
  let database: Database

  /// The run in a folder. Throws where there is none, and where its store is damaged or of a newer version.
  public init(_ folder: String) throws {
    self.folder = folder
    let path = "\(folder)/\(RunSchema.file)"
    try RunSchema.check(path: folder)
    if access(path, F_OK) != 0 { throw Failure(.io, "\(folder): there is no such run") }
    database = try Self.opened(
      path, isWritable: access(folder, W_OK) == 0, advice: RunSchema.advice(folder))
    try RunSchema.check(database, of: folder)
  }

  /// A connection that can read the file: the first of these that does.
  private static func opened(_ path: String, isWritable: Bool, advice: String) throws -> Database {
    func database(_ mode: Database.Mode, isImmutable: Bool = false) throws -> Database {
      try Database(path, mode, isImmutable: isImmutable, advice: advice)
    }
    func readable(_ database: Database) throws -> Database {
      _ = try database.first("SELECT count(*) FROM run")
      return database
    }
    do { return try readable(database(.read)) } catch let failure as Failure where failure.kind != .format {
      // A damaged file is refused here; what else fails may be due to the way it was opened.
    }
    // In a folder that cannot be written, a log that is complete is read without its shared memory.
    if !isWritable { return try database(.read, isImmutable: true) }
    // A process that was killed has left a journal, which only a connection that writes can play back.
    do { return try readable(database(.write)) } catch {
      // On a full disk there is no room for the shared memory of the log: one connection alone needs none.
      if let alone = try? database(.write),
        (try? alone.script("PRAGMA locking_mode = EXCLUSIVE")) != nil,
        (try? readable(alone)) != nil
      {
        return alone
      }
      // Nor for an empty log; without one the file is all there is.
      let hasJournal = ["-wal", "-journal"].contains { ending in
        var info = stat()
        return stat(path + ending, &info) == 0 && info.st_size > 0
      }
      if hasJournal { throw error }
      return try readable(database(.read, isImmutable: true))
    }
  }

  /// How much of a curve is read.
  public enum Extent: Equatable, Sendable {
    /// All of it up to so many points; of a longer one `short` points.
    case whole(upTo: Int, short: Int)
    case all
    /// At most about so many points, at equal distances of steps.
    case points(Int)

    /// What takes a few milliseconds of any curve.
    public static let quick = Extent.whole(upTo: 5_000, short: 500)
  }

  /// The values of a figure by step.
  public func curve(_ name: String, _ extent: Extent = .all) throws -> (steps: [Int], values: [Double]) {
    try database.reading { try read(name, extent) }
  }

  private func read(_ name: String, _ extent: Extent) throws -> (steps: [Int], values: [Double]) {
    guard let key = try database.first("SELECT id FROM key WHERE name = ?", [.text(name)]).integer else {
      return ([], [])
    }
    switch extent {
    case .all: break
    case .points(let points): return try thinned(key, points)
    case .whole(let most, let short):
      let further = try database.first(
        "SELECT 1 FROM metric WHERE key = ? ORDER BY step LIMIT 1 OFFSET ?", [.integer(key), .integer(most)])
      if further != .null { return try thinned(key, short) }
    }
    var steps: [Int] = [], values: [Double] = []
    try database.statement("SELECT step, value FROM metric WHERE key = ? ORDER BY step").each([.integer(key)])
    {
      steps.append($0.integer(0))
      values.append($0.number(1))
    }
    return (steps, values)
  }

  private func thinned(_ key: Int, _ points: Int) throws -> (steps: [Int], values: [Double]) {
    func end(_ order: String) throws -> Int? {
      try database.first(
        "SELECT step FROM metric WHERE key = ? ORDER BY step \(order) LIMIT 1", [.integer(key)]
      ).integer
    }
    guard let first = try end("ASC"), let last = try end("DESC") else { return ([], []) }
    var steps: [Int] = [], values: [Double] = []
    let seek = try database.statement(
      "SELECT step, value FROM metric WHERE key = ? AND step >= ? ORDER BY step LIMIT 1")
    // A damaged store may hold any two integers: their distance may need all 64 bits.
    let span = Double(UInt(bitPattern: last &- first))
    for i in 0..<points {
      let part = min(span * Double(i) / Double(points - 1), 0x1p64.nextDown)
      let wanted = min(first &+ Int(bitPattern: UInt(part)), last)
      if let before = steps.last, before >= wanted { continue }
      try seek.seek(key, wanted) {
        steps.append($0.integer(0))
        values.append($0.number(1))
      }
    }
    return (steps, values)
  }

  /// One value over the steps of a figure, NaN left out; nil where there is none.
  public func value(_ name: String, _ take: Take) throws -> Double? {
    let sql = "SELECT \(take.rawValue)(value) FROM metric WHERE key = (SELECT id FROM key WHERE name = ?)"
    return try database.first(sql, [.text(name)]).number
  }

  /// What `value` takes; the raw value is the function of SQL.
  public enum Take: String, CaseIterable, Sendable {
    case max, min
    case mean = "avg"
  }

  /// The names of the figures, sorted.
  public func names() throws -> [String] {
    try database.rows(
      "SELECT name FROM key WHERE EXISTS(SELECT 1 FROM metric WHERE key = key.id) ORDER BY name"
    ).compactMap { $0[0].text }
  }

  /// The last value of every figure.
  public func last() throws -> [(name: String, value: Double)] {
    var last: [(String, Double)] = []
    try database.statement(
      """
      SELECT name, (SELECT value FROM metric WHERE key = key.id ORDER BY step DESC LIMIT 1) FROM key
        WHERE EXISTS(SELECT 1 FROM metric WHERE key = key.id) ORDER BY name
      """
    ).each([]) { last.append(($0[0].text ?? "", $0.number(1))) }
    return last
  }

  /// What the run was set to be and how it is: the columns of its row. A run without a writer that says it is
  /// running is lost; one of another host, whose lock this host may not see, is once it has been silent for
  /// three minutes.
  public func about() throws -> [(column: String, value: SQLValue)] {
    guard let row = try database.rows("SELECT \(Self.columns.joined(separator: ", ")) FROM run").first else {
      throw database.damage("there is no row of the run in it")
    }
    var about = Array(zip(Self.columns, row)) as [(column: String, value: SQLValue)]
    if about[1].value == "running" {
      let beat = about.first { $0.column == "beat" }?.value.number ?? 0
      let isOurs = about.first { $0.column == "host" }?.value.text == RunWriter.host
      let isHeld = RunLock.isHeld(folder: folder), isSilent = now() - beat > 180
      // Where locks do not work, only silence tells.
      if isHeld == nil ? isSilent : isHeld == false && (isOurs || isSilent) { about[1].value = "lost" }
    }
    return about
  }

  static let columns = [
    "name", "status", "attempt", "config", "hash", "code", "host", "pid", "kernel", "parent", "branch_step",
    "created",
    "beat", "ended", "step", "error",
  ]

  public func params() throws -> [(String, SQLValue)] {
    try database.rows("SELECT path, value FROM param ORDER BY path").map { ($0[0].text ?? "", $0[1]) }
  }

  /// The figures of the whole run.
  public func summary() throws -> [(String, SQLValue)] {
    try database.rows(
      """
      SELECT name, value FROM summary AS s WHERE step = (SELECT max(step) FROM summary WHERE name = s.name)
        ORDER BY name
      """
    ).map { ($0[0].text ?? "", $0[1]) }
  }

  /// Rows of a table as records: events, files, or the history of the run's processes.
  public func records(of table: Records) throws -> [[(String, SQLValue)]] {
    try database.rows(
      "SELECT \(table.columns.joined(separator: ", ")) FROM \(table.rawValue) ORDER BY \(table.order)"
    )
    .map { Array(zip(table.columns, $0)) }
  }

  public enum Records: String, CaseIterable, Sendable {
    case event, file, history, tick

    var columns: [String] {
      switch self {
      case .event: ["step", "time", "kind", "text"]
      case .file: ["path", "step", "kind", "bytes", "sha256"]
      case .history: ["attempt", "time", "step", "what", "text"]
      case .tick: ["step", "time"]
      }
    }
    var order: String {
      switch self {
      case .event: "step, number"
      case .file: "path"
      case .history: "rowid"
      case .tick: "step"
      }
    }
  }

  /// All that the run is, as sorted lines, without times and without what its processes went through: two
  /// runs of the same settings have the same text, however often one of them was cut.
  public func dump() throws -> String { try database.reading { try text() } }

  private func text() throws -> String {
    var lines: [String] = []
    func add(_ kind: String, _ parts: [SQLValue]) {
      lines.append(kind + "\t" + parts.map(Self.text).joined(separator: "\t"))
    }
    for row in try database.rows("SELECT name, hash, step FROM run") { add("run", row) }
    for row in try database.rows("SELECT path, value FROM param ORDER BY path") { add("param", row) }
    for (name, value) in try summary() { add("summary", [.text(name), value]) }
    try database.statement(
      "SELECT name, step, value FROM metric JOIN key ON key.id = metric.key ORDER BY name, step"
    ).each([]) { row in add("figure", [row[0], row[1], row[2]]) }
    for row in try database.rows("SELECT step, kind, text FROM event ORDER BY step, number") {
      add("event", row)
    }
    for row in try database.rows(
      "SELECT path, step, bytes, sha256 FROM file WHERE kind != 'checkpoint' ORDER BY path")
    { add("file", row) }
    let last =
      "SELECT step, bytes, sha256 FROM file WHERE kind = 'checkpoint' ORDER BY step DESC, path DESC LIMIT 1"
    for row in try database.rows(last) { add("checkpoint", row) }
    return lines.joined(separator: "\n") + "\n"
  }

  private static func text(_ value: SQLValue) -> String {
    switch value {
    case .null: "nan"
    case .integer(let value): String(value)
    case .real(let value): "\(value)"
    case .flag(let flag): "\(flag)"
    case .text(let text):
      text.unicodeScalars.map { $0 == "\n" ? "\\n" : $0 == "\t" ? "\\t" : "\($0)" }.joined()
    }
  }
}
