/// The history of the prompt, saved between sessions: one entry a line, newlines inside an entry escaped.
///
/// Each entry is appended in one write, so that two sessions do not lose each other's entries. Of equal entries
/// only the last is recalled.
import Base
import CReadline
import Foundation

final class History {
  /// Nil without a home folder: the history then ends with the session.
  private let path = Folders.state.map { $0 + "/history" }
  private var last: [UInt8] = []
  /// The entries that are recalled, oldest first, as readline has them.
  private var entries: [[UInt8]] = []
  /// The entries of earlier sessions, oldest first.
  private(set) var earlier: [[UInt8]] = []
  /// Entries loaded at the start, and the bytes of the file's end that are read for them, in a few milliseconds.
  private static let entriesMax = 10_000, bytesMax = 4 << 20

  func load() {
    using_history()
    guard let path, let file = FileHandle(forReadingAtPath: path) else { return }
    defer { try? file.close() }
    let size = (try? file.seekToEnd()) ?? 0
    let skipped = size - min(size, UInt64(Self.bytesMax))
    guard (try? file.seek(toOffset: skipped)) != nil, let data = try? file.readToEnd() else { return }
    var lines = [UInt8](data).split(separator: UInt8(ascii: "\n"))
    if skipped > 0 { lines = Array(lines.dropFirst()) }  // the first may have been cut
    var known: Set<ArraySlice<UInt8>> = []
    let latest = lines.reversed().filter { known.insert($0).inserted }.prefix(Self.entriesMax)
    earlier = latest.reversed().map { Self.unescaped(Array($0)) }
    entries = earlier
    restore()
    last = lines.last.map { Self.unescaped(Array($0)) } ?? []
  }

  func add(_ entry: [UInt8]) {
    guard !entry.allSatisfy({ [9, 10, 13, 32].contains($0) }), entry != last else { return }
    last = entry
    if let known = entries.lastIndex(of: entry) {
      entries.remove(at: known)
      free_history_entry(remove_history(Int32(known)))
    }
    entries.append(entry)
    addToReadline(entry)
    guard let path else { return }
    let folder = (path as NSString).deletingLastPathComponent
    try? FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    let file = retryingOnSignal { open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600) }
    guard file >= 0 else { return }
    defer { close(file) }
    fchmod(file, 0o600)
    let line = Self.escaped(entry) + [UInt8(ascii: "\n")]
    _ = line.withUnsafeBytes { buffer in retryingOnSignal { write(file, buffer.baseAddress, buffer.count) } }
  }

  /// Undoes edits of earlier entries, where the line that they were edited for was dropped.
  func restore() {
    clear_history()
    for entry in entries { addToReadline(entry) }
  }

  private func addToReadline(_ entry: [UInt8]) {
    add_history(entry.filter { $0 != 0 }.map { CChar(bitPattern: $0) } + [0])
  }

  private static let backslash = UInt8(ascii: "\\"), newline = UInt8(ascii: "\n"), letter = UInt8(ascii: "n")

  static func escaped(_ entry: [UInt8]) -> [UInt8] {
    entry.flatMap { byte -> [UInt8] in
      byte == backslash ? [backslash, backslash] : byte == newline ? [backslash, letter] : [byte]
    }
  }

  static func unescaped(_ line: [UInt8]) -> [UInt8] {
    var text: [UInt8] = []
    var escapes = false
    for byte in line {
      if escapes {
        text.append(byte == letter ? newline : byte)
        escapes = false
      } else if byte == backslash {
        escapes = true
      } else {
        text.append(byte)
      }
    }
    return text
  }
}
