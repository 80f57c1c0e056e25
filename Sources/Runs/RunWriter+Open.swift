/// How a run begins: new, resumed, or branched off another.
import Base

extension RunWriter {
  /// Letters, digits and . _ - + = , @ in the name of a run, which is a folder's: no path, no leading dot.
  public static func check(name: String) throws {
    let allowed = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+=,@".utf8)
    if name.isEmpty || name.utf8.count > 200 || name.hasPrefix(".") || !name.utf8.allSatisfy(allowed.contains)
    {
      throw Failure(
        .value,
        "the name of a run has 1 to 200 letters, digits and . _ - + = , @, and no leading dot, got "
          + "'\(Quoted.name(name))'")
    }
  }

  static var host: String {
    var name = [CChar](repeating: 0, count: 256)
    gethostname(&name, name.count - 1)
    return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// A new run in the folder `runs`. Its id is the name, or name-2, name-3, ... where that is taken.
  ///
  /// The folder appears with its store in it: a process killed before leaves one that the next run removes.
  public static func create(in runs: String, _ about: About, disk: any Disk = RealDisk()) throws -> RunWriter
  {
    try check(name: about.name)
    try RunSchema.check(path: runs)
    try AtomicFile.makeFolder(runs)
    removeLeftovers(in: runs)
    let (made, lock) = try makeLocked(in: runs)
    try fill(made, about)
    // Without it a journal that was removed could come back with the power, and undo the store.
    try RealDisk().sync(folder: made)
    let id = try renamed(made, in: runs, about.name)
    try RealDisk().sync(folder: runs)
    let writer = try RunWriter(id: id, folder: "\(runs)/\(id)", lock: lock, disk: disk)
    return writer
  }

  private static let unfinished = ".new-"

  /// A new folder with its lock. Before it is locked another process may take it for that of a killed one and
  /// remove it: then the next is made.
  private static func makeLocked(in runs: String) throws -> (String, RunLock) {
    while true {
      let made = "\(runs)/\(unfinishedName())"
      try AtomicFile.makeFolder(made)
      do {
        if let lock = try RunLock(folder: made), access("\(made)/\(RunLock.name)", F_OK) == 0 {
          return (made, lock)
        }
      } catch {
        if RealDisk().isFolder(made) { throw error }
      }
    }
  }

  private static func fill(_ folder: String, _ about: About) throws {
    let database = try Database("\(folder)/\(RunSchema.file)", .write)
    defer { database.close() }
    let time = now()
    try database.script("PRAGMA page_size = 8192")
    try RunSchema.configure(database)
    try database.transaction {
      try database.script(RunSchema.tables)
      try database.run(
        """
        INSERT INTO run(name, status, attempt, config, hash, code, host, pid, kernel, parent, branch_step,
          created, beat, step) VALUES(?, 'running', 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        [
          .text(about.name), .text(about.config), .text(about.hash), SQLValue(about.code), .text(host),
          .integer(Int(getpid())), SQLValue(about.kernel), SQLValue(about.parent), SQLValue(about.branchStep),
          .real(time), .real(time), .integer(about.branchStep ?? 0),
        ])
      for (path, value) in about.params {
        try database.run("INSERT OR REPLACE INTO param VALUES(?, ?)", [.text(path), value])
      }
      try database.run(
        "INSERT INTO history VALUES(1, ?, ?, 'started', ?)",
        [.real(time), .integer(about.branchStep ?? 0), .text("by process \(getpid()) on \(host)")])
    }
  }

  /// Gives the folder the first free name. Renaming a folder to one that is not empty fails.
  private static func renamed(_ made: String, in runs: String, _ name: String) throws -> String {
    var number = 1
    while true {
      let id = number == 1 ? name : "\(name)-\(number)"
      if rename(made, "\(runs)/\(id)") == 0 { return id }
      guard [EEXIST, ENOTEMPTY, ENOTDIR].contains(errno) else {
        throw FileCalls.failure("make", "\(runs)/\(id)")
      }
      number += 1
    }
  }

  private static func unfinishedName() -> String {
    unfinished + String(UInt64.random(in: 0 ... .max), radix: 36)
  }

  /// Removes what processes have left that were killed while they made or removed a run: folders without a
  /// writer.
  private static func removeLeftovers(in runs: String) {
    for name in (try? RealDisk().names(in: runs)) ?? [] where name.hasPrefix(unfinished) {
      let folder = "\(runs)/\(name)"
      // One without a lock is just being made, or removed but for itself.
      if access("\(folder)/\(RunLock.name)", F_OK) != 0 {
        rmdir(folder)
      } else if let lock = try? RunLock(folder: folder) {
        try? removeAll(folder, lock)
      }
    }
  }

  /// Removes a folder whose lock this process holds: the lock goes last, so that no other process takes it.
  private static func removeAll(_ folder: String, _ lock: RunLock) throws {
    defer { lock.release() }
    let disk = RealDisk()
    for name in try disk.names(in: folder) where name != RunLock.name {
      try disk.removeAll("\(folder)/\(name)")
    }
    try disk.remove("\(folder)/\(RunLock.name)")
    // A link to a run is a file. `removeLeftovers` of another process may have been here.
    if rmdir(folder) != 0 { unlink(folder) }
  }

  /// The run in a folder, for another attempt. Refused where its writer lives.
  public static func resume(_ folder: String, disk: any Disk = RealDisk()) throws -> RunWriter {
    let id = String(folder.split(separator: "/").last ?? "")
    try RunSchema.check(path: folder)
    guard let lock = try takenLock(of: folder) else {
      throw Failure(
        .state,
        "run '\(id)' has a writer already\(writer(of: folder)): a second one is refused. Ctrl-C or SIGTERM lets "
          + "the first save its step and end")
    }
    let writer = try RunWriter(id: id, folder: folder, lock: lock, disk: disk)
    try writer.resumeAttempt(host: host)
    removeLeftovers(in: String(folder.dropLast(id.count)))
    return writer
  }

  /// The lock of a run that is there, or nil where a writer has it.
  private static func takenLock(of folder: String) throws -> RunLock? {
    guard isThere(folder) else { throw noSuchRun(folder) }
    do { return try RunLock.taken(folder: folder) } catch {
      throw isThere(folder) ? error : noSuchRun(folder)
    }
  }

  private static func isThere(_ folder: String) -> Bool { access("\(folder)/\(RunSchema.file)", F_OK) == 0 }

  private static func noSuchRun(_ folder: String) -> Failure {
    Failure(.io, "\(folder): there is no such run")
  }

  private static func writer(of folder: String) -> String {
    let row = try? Database("\(folder)/\(RunSchema.file)", .read).rows("SELECT pid, host FROM run").first
    guard let row, let pid = row[0].integer, let host = row[1].text else { return "" }
    return ", process \(pid) on \(host)"
  }

  /// Removes a run that no writer holds. Its name is free at once, before its files are gone.
  public static func remove(_ folder: String) throws {
    try RunSchema.check(path: folder)
    let own = folder.hasSuffix("/") ? String(folder.dropLast()) : folder
    let runs = own.lastIndex(of: "/").map { String(own[..<$0]) } ?? "."
    let aside = "\(runs)/\(unfinishedName())"
    guard isThere(own) else { throw noSuchRun(folder) }
    var taken: RunLock?
    try RunLock.alone(in: runs) {
      guard let lock = try takenLock(of: own) else {
        throw Failure(.state, "\(folder) has a writer\(writer(of: folder))")
      }
      if rename(own, aside) != 0 { throw FileCalls.failure("remove", folder) }
      taken = lock
    }
    guard let taken else { return }
    do { try removeAll(aside, taken) } catch {
      throw Failure(
        .io, "\(folder) is removed, and what is left of it is in \(aside): \(error)", cause: error)
    }
  }

  /// A new run that begins as a copy of another one's records up to a step and of its checkpoint there.
  public static func fork(_ parent: String, at step: Int, in runs: String, _ about: About) throws -> RunWriter
  {
    try RunSchema.check(path: parent)
    let source = CheckpointFolder(parent + "/checkpoints")
    guard let name = try source.names().last(where: { $0.step == step })?.name else {
      let steps = try source.names().map { String($0.step) }
      throw Failure(
        .value,
        "\(parent) has no checkpoint of step \(step); it has "
          + (steps.isEmpty ? "none" : "those of steps " + steps.joined(separator: ", ")))
    }
    _ = try source.verify(name)
    var about = about
    about.parent = String(parent.split(separator: "/").last ?? "")
    about.branchStep = step
    let writer = try create(in: runs, about)
    let made = try writer.beginCheckpoint(step: step)
    let disk = RealDisk()
    for file in try disk.names(in: "\(source.path)/\(name)") where file != "manifest.json" {
      try disk.write(disk.bytes(of: "\(source.path)/\(name)/\(file)"), to: "\(made)/\(file)")
    }
    try writer.copy(from: "\(parent)/\(RunSchema.file)", upTo: step)
    try writer.checkpoint(made, step: step, keep: 1)
    return writer
  }
}
