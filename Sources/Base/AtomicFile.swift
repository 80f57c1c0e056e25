/// Writes a file so that a crash leaves the old contents or the new ones, never a part.
///
/// The bytes go to a temporary file in the same folder, which is synced and renamed; then the folder is
/// synced. Foundation's `.atomic` does not sync the folder. A device or a pipe is written in place. A
/// symbolic link stays, and the file that it names is replaced.
///
/// The temporary file has a random name and is locked while it is written: a temporary file without a lock
/// belongs to a process that has ended, on this machine or in another container, and the next write to the
/// folder removes it.
public enum AtomicFile {
  /// Replaces the file at `path`. An existing file keeps its mode and, where the system allows it, its owner;
  /// a new one has mode 0644 less the umask.
  ///
  ///     try AtomicFile.write(Array("a,b\n1,2\n".utf8), to: "points.csv")
  public static func write(_ bytes: [UInt8], to path: String) throws {
    try write(to: path) { put in try bytes.withUnsafeBytes { try put($0) } }
  }

  /// Replaces the file at `path` with the bytes that `produce` passes to its argument.
  public static func write(
    to path: String, _ produce: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void
  ) throws {
    if path.isEmpty || path.utf8.contains(0) { throw Failure(.io, "not a file name: \"\(path)\"") }
    var info = stat()
    let exists = stat(path, &info) == 0
    if exists && info.st_mode & S_IFMT != S_IFREG {
      if info.st_mode & S_IFMT == S_IFDIR { throw Failure(.io, "cannot write \(path): it is a folder") }
      return try writeInPlace(path, produce)
    }
    let path = target(of: path)
    let folder = FileCalls.folder(of: path)
    removeLeftovers(in: folder)
    let (temporary, descriptor) = try makeTemporary(in: folder, for: path)
    do {
      defer { close(descriptor) }
      if exists {
        _ = fchown(descriptor, info.st_uid, info.st_gid)
        if fchmod(descriptor, info.st_mode & 0o7777) != 0 {
          throw FileCalls.failure("set the mode of", temporary)
        }
      }
      try produce { try FileCalls.writeAll(descriptor, $0, path) }
      if retryingOnSignal({ fsync(descriptor) }) != 0 { throw FileCalls.failure("sync", path) }
      if rename(temporary, path) != 0 { throw FileCalls.failure("write", path) }
    } catch {
      unlink(temporary)
      throw error
    }
    try FileCalls.sync(folder: folder)
  }

  /// Makes the folder and its parents, and syncs the folder above each; an existing folder is no error.
  public static func makeFolder(_ path: String) throws {
    var built = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      built += built.isEmpty || built.hasSuffix("/") ? "\(part)" : "/\(part)"
      if mkdir(built, 0o755) == 0 {
        try FileCalls.sync(folder: FileCalls.folder(of: built))
      } else if errno != EEXIST {
        throw FileCalls.failure("make folder", built)
      }
    }
  }

  static let temporaryPrefix = ".perilune-"
  static let temporarySuffix = ".tmp"

  /// A new locked file. O_EXCL neither opens a file of another process nor follows a link.
  private static func makeTemporary(in folder: String, for path: String) throws -> (String, Int32) {
    while true {
      let name = temporaryPrefix + String(UInt64.random(in: 0 ... .max), radix: 16) + temporarySuffix
      let temporary = folder == "." ? name : folder + "/" + name
      let descriptor = retryingOnSignal { open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644) }
      if descriptor < 0 {
        if errno == EEXIST { continue }
        throw FileCalls.failure("write", path)
      }
      retryingOnSignal { flock(descriptor, LOCK_EX) }
      var info = stat()
      if fstat(descriptor, &info) == 0 && info.st_nlink > 0 { return (temporary, descriptor) }
      close(descriptor)  // removed by `removeLeftovers` of another process before it was locked
    }
  }

  /// Removes the temporary files of processes that were killed.
  private static func removeLeftovers(in folder: String) {
    for name in (try? FileCalls.names(in: folder)) ?? [] {
      guard name.hasPrefix(temporaryPrefix), name.hasSuffix(temporarySuffix) else { continue }
      let path = folder + "/" + name
      let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
      if descriptor < 0 { continue }
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { unlink(path) }
      close(descriptor)
    }
  }

  /// For what is not a regular file: renaming over `/dev/null` would replace the device by a file.
  private static func writeInPlace(
    _ path: String, _ produce: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void
  ) throws {
    let descriptor = retryingOnSignal { open(path, O_WRONLY | O_CLOEXEC) }
    if descriptor < 0 { throw FileCalls.failure("open", path) }
    defer { close(descriptor) }
    try produce { try FileCalls.writeAll(descriptor, $0, path) }
  }

  /// The file that a chain of links ends at, so that the links stay.
  private static func target(of path: String) -> String {
    var info = stat()
    guard lstat(path, &info) == 0, info.st_mode & S_IFMT == S_IFLNK, let real = realpath(path, nil) else {
      return path
    }
    defer { free(real) }
    return String(cString: real)
  }
}
