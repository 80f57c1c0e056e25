/// The history of the prompt, saved between sessions: one entry a line, newlines inside an entry escaped.
///
/// Each entry is appended in one write, so that two sessions do not lose each other's entries.
import Base
import CReadlineShims
import Foundation

final class History {
  /// Nil without a home folder: the history then ends with the session.
  private let path = Folders.state.map { $0 + "/history" }
  private var last = ""
  /// Entries loaded at the start, in a few milliseconds.
  private static let entriesMax = 10_000

  func load() {
    guard let path, let data = FileManager.default.contents(atPath: path) else { return }
    let lines = String(decoding: data, as: UTF8.self).split(separator: "\n")
    for line in lines.suffix(Self.entriesMax) {
      last = Self.unescaped(line)
      shim_history_add(last)
    }
  }

  func add(_ entry: String) {
    guard !entry.allSatisfy(\.isWhitespace), entry != last else { return }
    last = entry
    shim_history_add(entry)
    guard let path else { return }
    let folder = (path as NSString).deletingLastPathComponent
    try? FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    let file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard file >= 0 else { return }
    defer { close(file) }
    let line = Array((Self.escaped(entry) + "\n").utf8)
    _ = line.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
  }

  static func escaped(_ entry: String) -> String {
    entry.replacingOccurrences(of: "\\", with: "\\\\").replacingOccurrences(of: "\n", with: "\\n")
  }

  static func unescaped(_ line: Substring) -> String {
    var text = ""
    var escapes = false
    for character in line {
      if escapes {
        text.append(character == "n" ? "\n" : character)
        escapes = false
      } else if character == "\\" {
        escapes = true
      } else {
        text.append(character)
      }
    }
    return text
  }
}
