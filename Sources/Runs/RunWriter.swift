/// The one writer of a run: figures, events, files and checkpoints, about one commit a second.
///
/// A disk that refuses what is logged raises no error into a training: rows wait in memory, and a commit that
/// fails is told once in `problem` and tried again a second later. A checkpoint is another matter: it is there
/// or an error says why. A writer that is closed refuses everything, since nothing would ever write it.
///
///     let writer = try RunWriter.create(in: "runs", About(name: "gap", config: "{}", hash: "..."))
///     try writer.log(step: 1, [("loss", 0.7)])
///     try writer.finish(.finished)
import Base

public final class RunWriter {
  public enum Status: String, Sendable { case running, finished, failed, interrupted, lost }

  /// What a run is told apart by.
  public struct About: Sendable {
    public var name: String
    /// JSON.
    public var config: String
    /// The configuration by path, such as "loss.beta".
    public var params: [(path: String, value: SQLValue)]
    /// Of all that determines the run's numbers.
    public var hash: String
    public var code: String?
    public var kernel: String?
    public var parent: String?
    public var branchStep: Int?

    public init(
      name: String, config: String, params: [(path: String, value: SQLValue)] = [], hash: String,
      code: String? = nil,
      kernel: String? = nil, parent: String? = nil, branchStep: Int? = nil
    ) {
      (self.name, self.config, self.params, self.hash) = (name, config, params, hash)
      (self.code, self.kernel, self.parent, self.branchStep) = (code, kernel, parent, branchStep)
    }
  }

  public let id: String
  public let folder: String
  public let checkpoints: CheckpointFolder
  public private(set) var attempt = 1
  /// The last step that was logged or restored.
  public private(set) var step = 0
  /// Why the last commit failed; nil once one has succeeded.
  public private(set) var problem: String?
  /// Figures that were given up because commits failed for long.
  public private(set) var dropped = 0

  let database: Database
  private let lock: RunLock
  private var rows = PendingRows()
  private var keys: [String: Int] = [:]
  private var lastCommit = 0.0
  private var newest: CheckpointFolder.Checkpoint?
  private let owner = getpid()
  private var isOpen = true

  /// Seconds between commits.
  static let period = 1.0

  init(id: String, folder: String, lock: RunLock, disk: any Disk = RealDisk()) throws {
    self.id = id
    self.folder = folder
    self.lock = lock
    checkpoints = CheckpointFolder(folder + "/checkpoints", disk: disk)
    database = try Database("\(folder)/\(RunSchema.file)", .write, advice: RunSchema.advice(folder))
    try RunSchema.check(database, of: folder)
    try RunSchema.configure(database)
    for row in try database.rows("SELECT name, id FROM key") { keys[row[0].text ?? ""] = row[1].integer }
    let about = try database.rows("SELECT attempt, step FROM run")
    guard let row = about.first else { throw database.damage("there is no row of the run in it") }
    (attempt, step) = (row[0].integer ?? 1, row[1].integer ?? 0)
    guard (1..<Int(Int32.max)).contains(attempt), (0...Limits.stepsMax).contains(step) else {
      throw database.damage("its run is at attempt \(attempt) and step \(step)")
    }
  }

  deinit { close() }

  /// Throws where nothing can be recorded any more.
  private func checkOpen() throws {
    if !isOpen { throw Failure(.state, "run '\(id)' is closed: nothing more is recorded") }
    if owner != getpid() {
      throw Failure(.state, "run '\(id)' is recorded by process \(owner), which this one is a fork of")
    }
  }

  /// Refuses a step below 0, which no checkpoint could have, or above `Limits.stepsMax`.
  private static func check(step: Int) throws {
    if !(0...Limits.stepsMax).contains(step) {
      throw Failure(.value, "a step is from 0 to 2^53, got \(step)")
    }
  }

  // MARK: Logging

  /// Records the figures of a step. A figure of the same step and name is replaced.
  public func log(step: Int, _ figures: [(name: String, value: Double)], at time: Double = now()) throws {
    try checkOpen()
    try Self.check(step: step)
    for (name, value) in figures {
      let key = keys[name] ?? keys.count + 1
      if keys.updateValue(key, forKey: name) == nil { rows.keys.append((key, name)) }
      rows.figures.append((key, step, value))
    }
    rows.ticks.append((step, time))
    self.step = max(self.step, step)
    if rows.figures.count > PendingRows.most { dropped += rows.dropHalf() }
    commitIfDue(time)
  }

  /// Records something that happened at a step: its kind, such as "evaluated", and a text.
  public func event(step: Int, kind: String, _ text: String, at time: Double = now()) throws {
    try checkOpen()
    try Self.check(step: step)
    rows.events.append((step, time, kind, text))
    commitIfDue(time)
  }

  /// Records a figure of the whole run, such as its peak, as it is after the last step.
  public func set(_ name: String, _ value: SQLValue) throws {
    try checkOpen()
    rows.summary.append((name, step, value))
  }

  /// Records a file of the run's folder, with its size and SHA-256.
  public func add(file name: String, kind: String, step: Int) throws {
    try checkOpen()
    let digest = try checkpoints.disk.digest(of: folder + "/" + name)
    rows.files.append((name, step, kind, digest.bytes, digest.sha256))
  }

  // MARK: Commits

  private func commitIfDue(_ time: Double) {
    if abs(time - lastCommit) >= Self.period {
      lastCommit = time
      tryToCommit()
    }
  }

  /// Commits what waits. What the disk refuses is kept in `problem`, and the rows wait for the next commit.
  public func commitIfPossible() throws {
    try checkOpen()
    tryToCommit()
  }

  private func tryToCommit() {
    do { try commit() } catch { problem = "\(error)" }
  }

  /// Commits what waits, and `more` with it.
  func commit(_ more: () throws -> Void = {}) throws {
    try checkOpen()
    try database.transaction {
      let beat = try database.run(
        "UPDATE run SET beat = ?, step = max(step, ?) WHERE attempt = ?",
        [.real(now()), .integer(step), .integer(attempt)])
      if beat == 0 { throw Failure(.state, "run '\(id)' was resumed by another process") }
      try rows.write(to: database)
      try more()
    }
    rows = PendingRows()
    problem = nil
  }

  // MARK: Checkpoints and the end

  /// The newest checkpoint that is whole, and what is wrong: why newer ones are not, and records that the
  /// store has lost since.
  public func newestCheckpoint() throws -> (checkpoint: CheckpointFolder.Checkpoint?, damaged: [String]) {
    try checkOpen()
    var found = try checkpoints.newest()
    newest = found.checkpoint
    if let checkpoint = found.checkpoint, let saved = checkpoint.recorded,
      let lost = try Self.lost(saved, recorded(upTo: checkpoint.step))
    {
      found.damaged.append("\(folder): \(lost)")
    }
    return found
  }

  /// How far the store has got, by what it has of the steps up to one.
  private func recorded(upTo step: Int) throws -> CheckpointFolder.Recorded {
    func value(_ sql: String) throws -> Int { try database.first(sql, [.integer(step)]).integer ?? 0 }
    return CheckpointFolder.Recorded(
      step: try value("SELECT max(step) FROM tick WHERE step <= ?"),
      events: try value("SELECT count(*) FROM event WHERE step <= ?"))
  }

  /// What a store has lost that got as far as `saved`; nil where it has lost nothing.
  private static func lost(_ saved: CheckpointFolder.Recorded, _ now: CheckpointFolder.Recorded) -> String? {
    if now.step >= saved.step && now.events >= saved.events { return nil }
    return "the store has figures up to step \(now.step) and \(now.events) events, its checkpoint was made "
      + "with figures up to step \(saved.step) and \(saved.events) events; the others are lost "
      + "(was \(RunSchema.file) or its journal cut or removed?)"
  }

  private func add(_ checkpoint: CheckpointFolder.Checkpoint) throws {
    try database.run(
      "INSERT OR REPLACE INTO file VALUES(?, ?, 'checkpoint', ?, ?)",
      [
        .text("checkpoints/" + checkpoint.name), .integer(checkpoint.step), .integer(checkpoint.bytes),
        .text(checkpoint.sha256),
      ])
  }

  /// A folder to write the files of a checkpoint into, for `checkpoint`.
  public func beginCheckpoint(step: Int) throws -> String {
    try checkOpen()
    try Self.check(step: step)
    return try checkpoints.begin(step: step)
  }

  /// Makes the files in `made`, which `beginCheckpoint` gave, the checkpoint of a step, committed with all
  /// figures so far; only the last `keep` are kept.
  @discardableResult
  public func checkpoint(_ made: String, step: Int, keep: Int) throws -> CheckpointFolder.Checkpoint {
    try checkOpen()
    try Self.check(step: step)
    self.step = max(self.step, step)
    // First the figures: a run that goes on after a checkpoint has those before it, also without the journal,
    // which a kill leaves behind as a file of its own.
    try commit()
    database.emptyJournal()
    let done = try checkpoints.finish(made, step: step, recorded: recorded(upTo: step))
    try commit { try add(done) }
    lastCommit = now()
    do {
      try checkpoints.keep(last: keep)
      try forgetRemovedCheckpoints()
    } catch { problem = "\(error)" }
    return done
  }

  private func forgetRemovedCheckpoints() throws {
    let left = try Set(checkpoints.names().map { "checkpoints/" + $0.name })
    for row in try database.rows("SELECT path FROM file WHERE kind = 'checkpoint'") {
      if let path = row[0].text, !left.contains(path) {
        try database.run("DELETE FROM file WHERE path = ?", [.text(path)])
      }
    }
  }

  /// Goes back to a step: what was recorded after it, in an earlier attempt, is cut in one transaction.
  ///
  /// What a process that was killed within a save has not done is done: the newest checkpoint is recorded,
  /// and all but the last `keep` are removed.
  public func cut(after step: Int, keep: Int = .max) throws {
    try checkOpen()
    try Self.check(step: step)
    try checkpoints.removeLeftovers()
    try checkpoints.removeAll(after: step)
    try checkpoints.keep(last: keep)
    self.step = step
    try commit {
      if let newest, newest.step == step { try add(newest) }
      for table in ["metric", "tick", "event", "file", "summary"] {
        try database.run("DELETE FROM \(table) WHERE step > ?", [.integer(step)])
      }
      try forgetRemovedCheckpoints()
      try database.run("UPDATE run SET step = ?", [.integer(step)])
      try record("cut", "what came after step \(step) is made again")
    }
  }

  /// Records what happens to the process of the run.
  public func note(_ what: String, _ text: String) throws { try commit { try record(what, text) } }

  private func record(_ what: String, _ text: String) throws {
    try database.run(
      "INSERT INTO history VALUES(?, ?, ?, ?, ?)",
      [.integer(attempt), .real(now()), .integer(step), .text(what), .text(text)])
  }

  /// Begins another attempt at the run.
  func resumeAttempt(host: String) throws {
    try database.transaction {
      attempt += 1
      try database.run(
        """
        UPDATE run SET attempt = ?, status = 'running', host = ?, pid = ?, beat = ?, ended = NULL,
          error = NULL
        """,
        [.integer(attempt), .text(host), .integer(Int(getpid())), .real(now())])
      try record("resumed", "by process \(getpid()) on \(host)")
    }
  }

  /// Copies the records of another run up to a step.
  func copy(from path: String, upTo step: Int) throws {
    try database.run("ATTACH ? AS parent", [.text(path)])
    defer { try? database.script("DETACH parent") }
    try commit {
      try database.script("INSERT INTO key SELECT * FROM parent.key")
      for table in ["metric", "tick", "event", "summary"] {
        try database.run(
          "INSERT INTO \(table) SELECT * FROM parent.\(table) WHERE step <= ?", [.integer(step)])
      }
    }
    for row in try database.rows("SELECT name, id FROM key") { keys[row[0].text ?? ""] = row[1].integer }
  }

  /// Records how the run ended, and closes it.
  public func finish(_ status: Status, error: String? = nil) throws {
    try checkOpen()
    defer { close() }
    try commit {
      try database.run(
        "UPDATE run SET status = ?, ended = ?, error = ?",
        [.text(status.rawValue), .real(now()), SQLValue(error)])
      try record(status.rawValue, error ?? "")
    }
  }

  /// Frees the run without saying how it ended; nothing where it is closed already.
  public func close() {
    guard isOpen, owner == getpid() else { return }
    tryToCommit()
    isOpen = false
    database.close()
    lock.release()
  }
}

/// Seconds since 1970.
public func now() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_REALTIME, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
