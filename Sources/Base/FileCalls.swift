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

  /// The error of a call that has just failed: what could not be done, to which file, and why.
  public static func failure(_ step: String, _ name: String) -> Failure {
    let reason = Sandbox.takeRefusal() ?? String(cString: strerror(errno))
    return Failure(.io, "cannot \(step) \(name): \(reason)")
  }
}
