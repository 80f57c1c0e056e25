/// What a run has recorded and not committed yet.
import Base

struct PendingRows {
  /// Figures that wait at most, while no commit succeeds: some 50 MB.
  static let most = 1_000_000

  var keys: [(id: Int, name: String)] = []
  var figures: [(key: Int, step: Int, value: Double)] = []
  var ticks: [(step: Int, time: Double)] = []
  var events: [(step: Int, time: Double, kind: String, text: String)] = []
  var summary: [(name: String, step: Int, value: SQLValue)] = []
  var files: [(path: String, step: Int, kind: String, bytes: Int, sha256: String)] = []

  /// Gives up every other figure of those that wait; returns their number.
  mutating func dropHalf() -> Int {
    let before = figures.count
    figures = figures.enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
    return before - figures.count
  }

  func write(to database: Database) throws {
    for (id, name) in keys {
      try database.run("INSERT OR IGNORE INTO key VALUES(?, ?)", [.integer(id), .text(name)])
    }
    let figure = try database.statement("INSERT OR REPLACE INTO metric VALUES(?, ?, ?)")
    for (key, step, value) in figures { try figure.insert(key, step, value) }
    for (step, time) in ticks {
      try database.run("INSERT OR REPLACE INTO tick VALUES(?, ?)", [.integer(step), .real(time)])
    }
    for (step, time, kind, text) in events {
      try database.run(
        "INSERT INTO event SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3, ?4 FROM event WHERE step = ?1",
        [.integer(step), .real(time), .text(kind), .text(text)])
    }
    for (name, step, value) in summary {
      try database.run(
        "INSERT OR REPLACE INTO summary VALUES(?, ?, ?)", [.text(name), .integer(step), value])
    }
    for (path, step, kind, bytes, sha256) in files {
      try database.run(
        "INSERT OR REPLACE INTO file VALUES(?, ?, ?, ?, ?)",
        [.text(path), .integer(step), .text(kind), .integer(bytes), .text(sha256)])
    }
  }
}
