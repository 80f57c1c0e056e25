/// Writes a file so that a crash leaves the old contents or the new, never a half.
///
/// Temporary file in the same folder, write, fsync, rename, fsync of the folder. Foundation's `.atomic` does not sync
/// the folder and mkstemp's mode would hide the file from the user's group, so this is our own. A device or a pipe keeps
/// its place and gets the bytes directly; a link keeps its place too, and the file it names is replaced.
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

public enum AtomicFile {
  /// Replaces the file at `path`; its mode becomes 0644 less the umask.
  ///
  ///     try AtomicFile.write(Array("a,b\n1,2\n".utf8), to: "points.csv")
  public static func write(_ bytes: [UInt8], to path: String) throws {
    try write(to: path) { put in try bytes.withUnsafeBytes { try put($0) } }
  }

  /// Replaces the file at `path` with what `produce` puts, piece by piece.
  public static func write(
    to path: String, _ produce: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void
  ) throws {
    if path.isEmpty || path.utf8.contains(0) { throw Failure(.io, "not a file name: \"\(path)\"") }
    var info = stat()
    if stat(path, &info) == 0 && info.st_mode & S_IFMT != S_IFREG {
      if info.st_mode & S_IFMT == S_IFDIR { throw Failure(.io, "cannot write \(path): it is a folder") }
      return try writeInPlace(path, produce)
    }
    let path = target(of: path)
    removeLeftovers(of: path)
    let temporary = "\(path).tmp-\(getpid())"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    if descriptor < 0 { throw failure("create", temporary) }
    do {
      try produce { try writeAll(descriptor, $0, temporary) }
      if fsync(descriptor) != 0 { throw failure("sync", temporary) }
    } catch {
      close(descriptor)
      unlink(temporary)
      throw error
    }
    if close(descriptor) != 0 {
      let problem = failure("close", temporary)
      unlink(temporary)
      throw problem
    }
    if rename(temporary, path) != 0 {
      let problem = failure("rename", "\(temporary) to \(path)")
      unlink(temporary)
      throw problem
    }
    try syncFolder(of: path)
  }

  /// Makes the folder and its parents; an existing folder is no error.
  public static func makeFolder(_ path: String) throws {
    var built = path.hasPrefix("/") ? "/" : ""
    for part in path.split(separator: "/") {
      built += built.isEmpty || built.hasSuffix("/") ? "\(part)" : "/\(part)"
      if mkdir(built, 0o755) != 0 && errno != EEXIST { throw failure("make folder", built) }
    }
  }

  /// For what is not a regular file: renaming over `/dev/null` would put a file in its place.
  private static func writeInPlace(
    _ path: String, _ produce: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void
  ) throws {
    let descriptor = open(path, O_WRONLY | O_CLOEXEC)
    if descriptor < 0 { throw failure("open", path) }
    defer { close(descriptor) }
    try produce { try writeAll(descriptor, $0, path) }
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

  /// Removes temporary files that processes which no longer live began for `path`: nobody else can, after a kill.
  private static func removeLeftovers(of path: String) {
    let cut = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
    let folder = cut == path.startIndex ? "." : String(path[..<cut])
    let start = path[cut...] + ".tmp-"
    guard let entries = opendir(folder) else { return }
    defer { closedir(entries) }
    while let entry = readdir(entries) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
      }
      guard name.hasPrefix(start), let pid = pid_t(name.dropFirst(start.count)), pid > 0 else { continue }
      if kill(pid, 0) != 0 && errno == ESRCH { unlink(cut == path.startIndex ? name : folder + name) }
    }
  }

  private static func writeAll(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, _ name: String) throws {
    var done = 0
    while done < bytes.count {
      let wrote = systemWrite(descriptor, bytes.baseAddress.unsafelyUnwrapped + done, bytes.count - done)
      if wrote < 0 {
        if errno == EINTR { continue }
        throw failure("write", name)
      }
      done += wrote
    }
  }

  private static func syncFolder(of path: String) throws {
    let cut = path.lastIndex(of: "/")
    let folder = cut.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    if descriptor < 0 { throw failure("open folder", folder) }
    defer { close(descriptor) }
    if fsync(descriptor) != 0 && errno != EINVAL { throw failure("sync folder", folder) }
  }

  static func failure(_ step: String, _ name: String) -> Failure {
    Failure(.io, "cannot \(step) \(name): \(String(cString: strerror(errno)))")
  }
}

/// The system's write, under a name that does not collide with `AtomicFile.write`.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer, _ count: Int) -> Int {
  write(descriptor, bytes, count)
}
