/// The file operations that a checkpoint is made of, so that tests can fail each of them and lose what was
/// not synced.
///
/// A name and the contents of a file become durable separately: `sync(file:)` keeps the contents,
/// `sync(folder:)` the names in a folder.
import Base

public protocol Disk {
  /// Makes a folder and its parents, whose names are durable. An existing one is no error.
  func makeFolder(_ path: String) throws
  /// Writes a new file. It is not durable before `sync(file:)` and the sync of its folder.
  func write(_ bytes: [UInt8], to path: String) throws
  func sync(file path: String) throws
  func sync(folder path: String) throws
  func rename(_ path: String, to other: String) throws
  /// Removes a file, or an empty folder.
  func remove(_ path: String) throws
  /// The names in a folder, sorted.
  func names(in folder: String) throws -> [String]
  func isFolder(_ path: String) -> Bool
  /// Passes the contents of a file to `take`, block by block.
  func read(_ path: String, _ take: (UnsafeRawBufferPointer) throws -> Void) throws
}

extension Disk {
  public func bytes(of path: String) throws -> [UInt8] {
    var all: [UInt8] = []
    try read(path) { all.append(contentsOf: $0) }
    return all
  }

  /// The size of a file and its SHA-256.
  func digest(of path: String) throws -> (bytes: Int, sha256: String) {
    let hash = try SHA256()
    var count = 0
    try read(path) {
      hash.update($0)
      count += $0.count
    }
    return (count, hash.finish())
  }

  /// Removes a file or a folder with all that is in it.
  func removeAll(_ path: String) throws {
    if isFolder(path) {
      for name in try names(in: path) { try removeAll(path + "/" + name) }
    }
    try remove(path)
  }
}

/// The file system.
public struct RealDisk: Disk {
  public init() {}

  public func makeFolder(_ path: String) throws { try AtomicFile.makeFolder(path) }

  public func write(_ bytes: [UInt8], to path: String) throws {
    let descriptor = try opened(path, O_WRONLY | O_CREAT | O_TRUNC, "write")
    defer { close(descriptor) }
    try bytes.withUnsafeBytes { try FileCalls.writeAll(descriptor, $0, path) }
  }

  public func sync(file path: String) throws { try FileCalls.sync(file: path) }
  public func sync(folder path: String) throws { try FileCalls.sync(folder: path) }

  public func rename(_ path: String, to other: String) throws {
    if systemRename(path, other) != 0 { throw FileCalls.failure("rename \(path) to", other) }
  }

  public func remove(_ path: String) throws {
    if (isFolder(path) ? rmdir(path) : unlink(path)) != 0 { throw FileCalls.failure("remove", path) }
  }

  public func names(in folder: String) throws -> [String] {
    try FileCalls.names(in: folder).sorted()
  }

  public func isFolder(_ path: String) -> Bool {
    var info = stat()
    return lstat(path, &info) == 0 && info.st_mode & S_IFMT == S_IFDIR
  }

  public func read(_ path: String, _ take: (UnsafeRawBufferPointer) throws -> Void) throws {
    let descriptor = try opened(path, O_RDONLY | O_NONBLOCK, "read")
    defer { close(descriptor) }
    var block = [UInt8](repeating: 0, count: 1 << 18)
    while true {
      let count = block.withUnsafeMutableBytes { buffer in
        retryingOnSignal { systemRead(descriptor, buffer) }
      }
      if count < 0 { throw FileCalls.failure("read", path) }
      if count == 0 { return }
      try block.withUnsafeBytes { try take(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
    }
  }

  private func opened(_ path: String, _ flags: Int32, _ step: String) throws -> Int32 {
    let descriptor = retryingOnSignal { open(path, flags | O_CLOEXEC, 0o644) }
    if descriptor < 0 { throw FileCalls.failure(step, path) }
    return descriptor
  }
}

// The system's calls, under names that do not collide with the methods of a disk.
private func systemRead(_ descriptor: Int32, _ bytes: UnsafeMutableRawBufferPointer) -> Int {
  read(descriptor, bytes.baseAddress, bytes.count)
}
private func systemRename(_ path: String, _ other: String) -> Int32 { rename(path, other) }
