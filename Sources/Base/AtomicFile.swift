/// Writes a file so that a crash leaves the old contents or the new, never a half.
///
/// Temporary file in the same folder, write, fsync, rename, fsync of the folder. Foundation's `.atomic` does not sync
/// the folder and mkstemp's mode would hide the file from the user's group, so this is our own.
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
