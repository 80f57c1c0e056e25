/// Calls of the system on files that take a loop or a check of their own, and the error of such a call.
public enum FileCalls {
  /// Writes all bytes; `name` is what the error calls the file.
  public static func writeAll(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, _ name: String) throws {
    guard let address = bytes.baseAddress else { return }
    var done = 0
    while done < bytes.count {
      let count = retryingOnSignal { write(descriptor, address + done, bytes.count - done) }
      if count < 0 { throw failure("write", name) }
      done += count
    }
  }

  /// Whether a path leads to a pipe, a socket or a device: to open one may wait for ever.
  public static func isSpecial(_ path: String) -> Bool {
    var info = stat()
    return stat(path, &info) == 0 && ![S_IFREG, S_IFDIR].contains(info.st_mode & S_IFMT)
  }

  /// The names in a folder, in no order.
  public static func names(in folder: String) throws -> [String] {
    guard let entries = opendir(folder) else { throw failure("read the folder", folder) }
    defer { closedir(entries) }
    var names: [String] = []
    while let entry = readdir(entries) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) { String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }

  /// Whether there is a folder at the path, or a link to one.
  public static func isFolder(_ path: String) -> Bool {
    var info = stat()
    return stat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR
  }

  /// The path from the root of the file system, without links; a path of nothing there as it is.
  public static func absolute(_ path: String) -> String {
    guard let real = realpath(path, nil) else { return path }
    defer { free(real) }
    return String(cString: real)
  }

  /// Makes the names in a folder durable. A file system that cannot sync a folder keeps them by itself.
  public static func sync(folder: String) throws {
    try sync(folder, O_RDONLY | O_DIRECTORY, mayBeUnknown: true)
  }

  /// Makes the contents of a file durable.
  public static func sync(file: String) throws { try sync(file, O_RDONLY, mayBeUnknown: false) }

  private static func sync(_ path: String, _ flags: Int32, mayBeUnknown: Bool) throws {
    let descriptor = retryingOnSignal { open(path, flags | O_CLOEXEC) }
    if descriptor < 0 { throw failure("open", path) }
    defer { close(descriptor) }
    if retryingOnSignal({ fsync(descriptor) }) != 0 && !(mayBeUnknown && errno == EINVAL) {
      throw failure("sync", path)
    }
  }

  /// The folder that a path is in.
  public static func folder(of path: String) -> String {
    guard let cut = path.lastIndex(of: "/") else { return "." }
    return cut == path.startIndex ? "/" : String(path[..<cut])
  }

  /// The error of a call that has just failed: what could not be done, to which file, and why.
  public static func failure(_ step: String, _ name: String) -> Failure {
    let reason = Sandbox.takeRefusal() ?? String(cString: strerror(errno))
    return Failure(.io, "cannot \(step) \(name): \(reason)")
  }
}
