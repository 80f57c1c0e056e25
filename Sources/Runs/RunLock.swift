/// The lock that the writer of a run holds for its life: the kernel frees it however the process ends.
///
/// `flock` belongs to the open file, which a forked child shares: a child closes its copies at once, so that
/// the lock ends with the writer itself. On NFS the kernel turns it into a lock of the server.
import Base

public final class RunLock {
  private let descriptor: Int32
  private let path: String
  static let name = "lock"

  private static let table = OpenLocks()

  /// Takes the lock of a run's folder, or returns nil where another writer, also in this process, has it.
  public init?(folder: String) throws {
    path = folder + "/" + Self.name
    let file = path
    descriptor = retryingOnSignal { open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0o644) }
    if descriptor < 0 { throw FileCalls.failure("open", path) }
    if retryingOnSignal({ [descriptor] in flock(descriptor, LOCK_EX | LOCK_NB) }) != 0 {
      let code = errno
      close(descriptor)
      if code == EWOULDBLOCK { return nil }
      throw Self.failure(code, path, folder)
    }
    // The folder may have been removed since the file was opened, and another may have its name.
    if !Self.isFile(descriptor, at: path) {
      close(descriptor)
      return nil
    }
    Self.table.add(descriptor)
  }

  private static func failure(_ code: Int32, _ path: String, _ folder: String) -> Failure {
    Failure(.io, "cannot lock \(path): \(String(cString: strerror(code)))\(advice(code, folder))")
  }

  private static func isFile(_ descriptor: Int32, at path: String) -> Bool {
    var own = stat(), there = stat()
    return fstat(descriptor, &own) == 0 && stat(path, &there) == 0 && own.st_ino == there.st_ino
      && own.st_dev == there.st_dev
  }

  /// The file by which processes take turns to begin a run in a folder of runs.
  static let beginning = ".begin"

  /// Calls `body` while no other process is in such a call for the folder of runs, which is made. Waits for
  /// the others; Ctrl-C ends the wait, and so does a minute.
  public static func alone(in runs: String, _ body: () throws -> Void) throws {
    if runs.isEmpty { throw Failure(.value, "the folder of runs has no name") }
    try RunSchema.check(path: runs)
    try AtomicFile.makeFolder(runs)
    let path = "\(runs)/\(beginning)"
    guard let descriptor = try turn(path, runs) else { return try body() }
    defer { close(descriptor) }
    try body()
  }

  /// The open file with the lock; nil on a full disk, where a run can still be removed.
  private static func turn(_ path: String, _ runs: String) throws -> Int32? {
    let limit = ContinuousClock.now + .seconds(60)
    while true {
      // The file may be another user's: to lock it, it is enough to read it.
      var descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0o666)
      if descriptor < 0 && errno == EACCES { descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) }
      if descriptor < 0 && [ENOSPC, EDQUOT].contains(errno) { return nil }
      if descriptor < 0 && errno != EINTR { throw FileCalls.failure("open", path) }
      if descriptor >= 0 {
        let code = flock(descriptor, LOCK_EX | LOCK_NB) == 0 ? 0 : errno
        if code == 0 && isFile(descriptor, at: path) { return descriptor }
        close(descriptor)
        if ![0, EWOULDBLOCK, EINTR].contains(code) { throw failure(code, path, runs) }
      }
      try Interrupt.check()
      if .now > limit {
        throw Failure(
          .state, "\(path) is locked by a process that has been beginning a run for a minute: is it stopped?")
      }
      usleep(5_000)
    }
  }

  /// What to do about locks that do not work, which is the lot of some network disks.
  private static func advice(_ code: Int32, _ folder: String) -> String {
    guard [ENOLCK, EOPNOTSUPP, ENOSYS, EBADF].contains(code) || RunSchema.network(of: folder) != nil else {
      return ""
    }
    let kind = RunSchema.network(of: folder).map { " of kind \($0)" } ?? ""
    return "; the disk\(kind) keeps no locks, and without one two processes could write a run: use a local "
      + "folder of runs ($PERILUNE_RUNS), or a mount with locks (of NFS, version 4, or lockd running)"
  }

  deinit { release() }

  private var isHeld = true
  private let owner = getpid()

  public func release() {
    guard isHeld, owner == getpid() else { return }
    isHeld = false
    Self.table.remove(descriptor)
    close(descriptor)
  }

  /// Whether a writer holds the lock of a run's folder; nil where locks do not work. No lock is taken: a probe
  /// must not refuse a writer.
  public static func isHeld(folder: String) -> Bool? {
    // Without waiting, should a pipe have this name.
    let descriptor = open(folder + "/" + name, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    if descriptor < 0 { return false }
    defer { close(descriptor) }
    // A shared lock of an instant; a writer that comes within it tries again (see `taken`).
    if flock(descriptor, LOCK_SH | LOCK_NB) != 0 { return errno == EWOULDBLOCK ? true : nil }
    return false
  }

  /// Takes the lock, waiting a moment for those who only look at it.
  public static func taken(folder: String) throws -> RunLock? {
    for attempt in 0..<10 {
      if let lock = try RunLock(folder: folder) { return lock }
      if attempt < 9 { usleep(2_000) }
    }
    return nil
  }
}

/// The descriptors of the locks that this process holds.
private final class OpenLocks: @unchecked Sendable {
  private var descriptors: Set<Int32> = []

  init() { pthread_atfork(nil, nil, { RunLock.closeInChild() }) }

  func add(_ descriptor: Int32) { descriptors.insert(descriptor) }
  func remove(_ descriptor: Int32) { descriptors.remove(descriptor) }

  func closeAll() {
    for descriptor in descriptors { close(descriptor) }
    descriptors = []
  }
}

extension RunLock {
  fileprivate static func closeInChild() { table.closeAll() }
}
