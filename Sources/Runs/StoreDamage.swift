/// What is found at the path of a database that SQLite cannot read, for the messages that say so.
///
/// SQLite, "Database File Format", section 1.3: the header of a hundred bytes.
import Base

enum StoreDamage {
  private static let magic = Array("SQLite format 3\0".utf8)

  static let another = "it is a database of something else"

  /// What a file is instead of a database; `otherwise` where it looks like one.
  static func found(at path: String, otherwise: String) -> String {
    var info = stat()
    guard stat(path, &info) == 0 else { return "it is missing" }
    if FileCalls.isFolder(path) { return "it is a folder" }
    if info.st_size == 0 { return "it is empty" }
    guard let head = head(of: path) else { return otherwise }
    if !head.starts(with: magic) { return kind(of: head) }
    let bytes = Int(info.st_size)
    if let whole = size(head), bytes < whole { return "it was cut: \(bytes) of its \(whole) bytes are left" }
    return otherwise
  }

  private static func head(of path: String) -> [UInt8]? {
    let descriptor = retryingOnSignal { open(path, O_RDONLY | O_CLOEXEC) }
    if descriptor < 0 { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 100)
    let count = bytes.withUnsafeMutableBytes { buffer in
      retryingOnSignal { pread(descriptor, buffer.baseAddress, buffer.count, 0) }
    }
    return count < 0 ? nil : Array(bytes.prefix(count))
  }

  private static func kind(of head: [UInt8]) -> String {
    if head.allSatisfy({ $0 == 0 }) { return "its first \(head.count) bytes are zero" }
    let hasControls = head.contains { $0 < 32 && ![9, 10, 13].contains($0) || $0 == 127 }
    // The last character may be cut.
    let broken = String(decoding: head, as: UTF8.self).unicodeScalars.filter { $0 == "\u{FFFD}" }.count
    let isText = !hasControls && broken <= 1
    return isText ? "it is text, no database" : "its first bytes are not those of a database"
  }

  /// The bytes that a database has by its header; nil where the header does not say.
  private static func size(_ head: [UInt8]) -> Int? {
    guard head.count == 100, head[24..<28] == head[92..<96] else { return nil }
    let page = Int(head[16]) << 8 | Int(head[17])
    let pages = head[28..<32].reduce(0) { $0 << 8 | Int($1) }
    return pages == 0 ? nil : pages * (page == 1 ? 65536 : page)
  }
}
