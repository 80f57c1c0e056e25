/// A disk whose Nth operation fails, for tests: as a full disk or a broken one.
///
///     let disk = FailingDisk(RealDisk(), at: 7, .shortWrite)
import Base

public final class FailingDisk: Disk {
  public enum Fault: CaseIterable, Sendable {
    /// ENOSPC, EIO: the operation does nothing.
    case full, broken
    /// A write leaves the first half of its bytes; another operation does nothing.
    case shortWrite
    /// The operation is done, and its failure is reported all the same.
    case late
  }

  private let disk: any Disk
  private let failing: Int
  private let fault: Fault
  /// Whether all operations after the failing one fail too, as on a disk that stays full.
  private let stays: Bool
  private let instead: (() -> Void)?
  /// The operations so far.
  public private(set) var count = 0

  /// `instead` is called at the failing operation: what it does not survive is a process that is killed
  /// there.
  public init(
    _ disk: any Disk, at failing: Int, _ fault: Fault, stays: Bool = false, instead: (() -> Void)? = nil
  ) {
    self.instead = instead
    self.disk = disk
    self.failing = failing
    self.fault = fault
    self.stays = stays
  }

  private func counted<R>(_ name: String, short: () throws -> Void = {}, _ body: () throws -> R) throws -> R {
    count += 1
    guard count == failing || stays && count > failing else { return try body() }
    instead?()
    let code = fault == .broken ? EIO : ENOSPC
    if fault == .shortWrite { try short() }
    if fault == .late { _ = try body() }
    throw Failure(.io, "cannot \(name): \(String(cString: strerror(code)))")
  }

  public func makeFolder(_ path: String) throws {
    try counted("make folder \(path)") { try disk.makeFolder(path) }
  }

  public func write(_ bytes: [UInt8], to path: String) throws {
    try counted(
      "write \(path)", short: { try disk.write(Array(bytes.prefix(bytes.count / 2)), to: path) },
      { try disk.write(bytes, to: path) })
  }

  public func sync(file path: String) throws { try counted("sync \(path)") { try disk.sync(file: path) } }
  public func sync(folder path: String) throws { try counted("sync \(path)") { try disk.sync(folder: path) } }

  public func rename(_ path: String, to other: String) throws {
    try counted("rename \(path)") { try disk.rename(path, to: other) }
  }

  public func remove(_ path: String) throws { try counted("remove \(path)") { try disk.remove(path) } }
  public func names(in folder: String) throws -> [String] {
    try counted("read the folder \(folder)") { try disk.names(in: folder) }
  }

  public func isFolder(_ path: String) -> Bool { disk.isFolder(path) }

  public func read(_ path: String, _ take: (UnsafeRawBufferPointer) throws -> Void) throws {
    try counted("read \(path)") { try disk.read(path, take) }
  }
}
