/// Runs in the layout of trackio, whose dashboard then shows them: a SQLite file a project, a JSON text a
/// step.
///
/// trackio, docs/source/storage_schema.md: tables `metrics` and `configs`; others are added when it opens the
/// file.
import Base
import Formats

public enum TrackioStore {
  private static let tables = """
    CREATE TABLE IF NOT EXISTS metrics(id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT NOT NULL,
      run_name TEXT NOT NULL, step INTEGER NOT NULL, metrics TEXT NOT NULL);
    CREATE INDEX IF NOT EXISTS idx_metrics_run_step ON metrics(run_name, step);
    CREATE INDEX IF NOT EXISTS idx_metrics_run_timestamp ON metrics(run_name, timestamp);
    CREATE TABLE IF NOT EXISTS configs(id INTEGER PRIMARY KEY AUTOINCREMENT, run_name TEXT NOT NULL,
      config TEXT NOT NULL, created_at TEXT NOT NULL, UNIQUE(run_name));
    CREATE INDEX IF NOT EXISTS idx_configs_run_name ON configs(run_name);
    """

  /// Adds runs to the file of a project, in place of runs of the same names in it.
  public static func add(_ runs: [String], to path: String) throws {
    let database = try Database(path, .write, advice: "Name another file, or remove this one")
    defer { database.close() }
    try database.transaction {
      try database.script(tables)
      for run in runs { try add(run, to: database) }
    }
  }

  private static func add(_ folder: String, to database: Database) throws {
    let reader = try RunReader(folder)
    let name = SQLValue.text(String(folder.split(separator: "/").last ?? ""))
    let about = try Dictionary(uniqueKeysWithValues: reader.about().map { ($0.column, $0.value) })
    let created = try timestamp(about["created"]?.number ?? 0, in: reader)
    for table in ["metrics", "configs"] {
      try database.run("DELETE FROM \(table) WHERE run_name = ?", [name])
    }
    try database.run(
      "INSERT INTO configs(run_name, config, created_at) VALUES(?, ?, ?)",
      [name, about["config"] ?? "{}", .text(created)])
    var times: [Int: String] = [:]
    try reader.database.statement("SELECT step, time FROM tick").each([]) {
      times[$0.integer(0)] = try timestamp($0.number(1), in: reader)
    }
    var step: Int?
    var figures: [JSONMember] = []
    func write() throws {
      guard let step else { return }
      try database.run(
        "INSERT INTO metrics(timestamp, run_name, step, metrics) VALUES(?, ?, ?, ?)",
        [
          .text(times[step] ?? created), name, .integer(step),
          .text(try JSONValue.object(figures).encoded()),
        ])
      figures = []
    }
    let rows = "SELECT step, name, value FROM metric JOIN key ON key.id = metric.key ORDER BY step, name"
    try reader.database.statement(rows).each([]) { row in
      if step != row.integer(0) {
        try write()
        step = row.integer(0)
      }
      figures.append(JSONMember(row[1].text ?? "", json(row.number(2))))
    }
    try write()
  }

  /// JSON has neither NaN nor infinity: trackio writes their names.
  private static func json(_ value: Double) -> JSONValue {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value > 0 ? "Infinity" : "-Infinity" }
    return .number(value)
  }

  /// ISO 8601 with microseconds, in UTC. Refuses what has no year of four digits, as in a damaged store.
  private static func timestamp(_ time: Double, in reader: RunReader) throws -> String {
    guard (0..<253_402_300_799).contains(time) else {
      throw reader.database.damage("there is a time of \(time) s in it")
    }
    let micros = Int64((time * 1e6).rounded())
    var seconds = time_t(micros / 1_000_000)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func padded(_ value: Int64, _ width: Int) -> String {
      let digits = String(value)
      return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    let date = [Int64(parts.tm_year) + 1900, Int64(parts.tm_mon) + 1, Int64(parts.tm_mday)].map {
      padded($0, 2)
    }
    let clock = [parts.tm_hour, parts.tm_min, parts.tm_sec].map { padded(Int64($0), 2) }
    return date.joined(separator: "-") + "T" + clock.joined(separator: ":") + "."
      + padded(micros % 1_000_000, 6) + "+00:00"
  }
}
