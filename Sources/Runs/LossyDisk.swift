/// A disk in memory that loses power, for tests: what was not synced may be there, be gone, or be there in
/// part.
///
/// It promises what POSIX does and no more. A file's contents survive from its last `sync(file:)`; the names
/// in a folder survive from its last `sync(folder:)`, and of the changes since then any may have reached the
/// disk.
import Base

public final class LossyDisk: Disk {
  public enum Loss: CaseIterable, Sendable {
    /// Of what was not synced: nothing is lost, all is lost, contents are lost and names kept, or a coin
    /// decides.
    case nothing, everything, contents, random
  }

  private final class Node {
    /// Nil for a folder.
    var bytes: [UInt8]?
    var durable: [UInt8] = []
    var entries: [String: Node] = [:]
    var durableEntries: [String: Node] = [:]
    init(bytes: [UInt8]?) { self.bytes = bytes }
  }

  private var root = Node(bytes: nil)

  public init() {}

  /// Takes the power away and gives it back: what is left is all there is.
  public func crash(_ loss: Loss, seed: UInt64 = 0) {
    var random = Philox(seed: seed, stream: "power loss", step: 0)
    settle(root, loss, &random)
  }

  private func settle(_ node: Node, _ loss: Loss, _ random: inout Philox) {
    if let bytes = node.bytes {
      switch loss {
      case .nothing: break
      case .everything, .contents: node.bytes = node.durable
      case .random:
        // A write reaches the disk in blocks of any order: here, as a prefix, as zeros or not at all.
        if bytes != node.durable {
          let kept = Int(random.uniform() * Double(bytes.count + 1))
          let zeros = [UInt8](repeating: 0, count: bytes.count - kept)
          let torn = Array(bytes.prefix(kept)) + (random.uniform() < 0.5 ? zeros : [])
          node.bytes = random.uniform() < 0.3 ? node.durable : torn
        }
      }
      node.durable = node.bytes ?? []
      return
    }
    var left = node.durableEntries
    for name in Set(node.entries.keys).union(node.durableEntries.keys).sorted() {
      let isKept = loss == .nothing || loss == .contents || loss == .random && random.uniform() < 0.5
      if isKept { left[name] = node.entries[name] }
    }
    node.entries = left
    node.durableEntries = left
    for name in left.keys.sorted() { left[name].map { settle($0, loss, &random) } }
  }

  // MARK: Operations

  private func node(_ path: String) -> Node? {
    path.split(separator: "/").reduce(root as Node?) { $0?.entries[String($1)] }
  }

  private func parent(_ path: String) throws -> (Node, String) {
    let parts = path.split(separator: "/")
    guard let name = parts.last, let folder = node(parts.dropLast().joined(separator: "/")),
      folder.bytes == nil
    else { throw failure("find the folder of", path, ENOENT) }
    return (folder, String(name))
  }

  private func existing(_ path: String) throws -> Node {
    guard let found = node(path) else { throw failure("find", path, ENOENT) }
    return found
  }

  private func failure(_ step: String, _ path: String, _ code: Int32) -> Failure {
    Failure(.io, "cannot \(step) \(path): \(String(cString: strerror(code)))")
  }

  public func makeFolder(_ path: String) throws {
    var at = root
    for part in path.split(separator: "/") {
      let next = at.entries[String(part)] ?? Node(bytes: nil)
      at.entries[String(part)] = next
      at.durableEntries[String(part)] = next
      at = next
    }
  }

  public func write(_ bytes: [UInt8], to path: String) throws {
    let (folder, name) = try parent(path)
    let file = folder.entries[name] ?? Node(bytes: [])
    file.bytes = bytes
    folder.entries[name] = file
  }

  public func sync(file path: String) throws {
    let file = try existing(path)
    file.durable = file.bytes ?? []
  }

  public func sync(folder path: String) throws {
    let folder = try existing(path)
    folder.durableEntries = folder.entries
  }

  public func rename(_ path: String, to other: String) throws {
    let (from, name) = try parent(path), (to, newName) = try parent(other)
    guard let moved = from.entries[name] else { throw failure("rename", path, ENOENT) }
    if let there = to.entries[newName], !there.entries.isEmpty { throw failure("rename", path, ENOTEMPTY) }
    from.entries[name] = nil
    to.entries[newName] = moved
  }

  public func remove(_ path: String) throws {
    let (folder, name) = try parent(path)
    if try !existing(path).entries.isEmpty { throw failure("remove", path, ENOTEMPTY) }
    folder.entries[name] = nil
  }

  public func names(in folder: String) throws -> [String] { try existing(folder).entries.keys.sorted() }
  public func isFolder(_ path: String) -> Bool { node(path).map { $0.bytes == nil } ?? false }

  public func read(_ path: String, _ take: (UnsafeRawBufferPointer) throws -> Void) throws {
    guard let bytes = try existing(path).bytes else { throw failure("read", path, EISDIR) }
    try bytes.withUnsafeBytes(take)
  }
}
