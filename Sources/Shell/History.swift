/// What was typed at the prompt, kept between sessions: one entry a line, newlines inside an entry escaped.
///
/// Entries are only ever appended, each in one write, so that two sessions do not lose each other's.
import CReadline  // for the linker: the calls are in CShims
import CReadlineShims
import Foundation

final class History {
  private let path: String
  private var last = ""
  /// Entries given to readline at the start: enough for years, little enough to load at once.
  private static let entriesMax = 10_000

  init() {
    path = Folders.user("XDG_STATE_HOME", default: ".local/state") + "/perilune/history"
  }

  func load() {
    guard let data = FileManager.default.contents(atPath: path) else { return }
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

enum Folders {
  /// The folder a variable of the XDG specification names, or the default below the home folder ($HOME first, as shells do).
  static func user(_ variable: String, default fallback: String) -> String {
    let environment = ProcessInfo.processInfo.environment
    if let folder = environment[variable], !folder.isEmpty { return folder }
    let home = environment["HOME"].flatMap { $0.isEmpty ? nil : $0 } ?? NSHomeDirectory()
    return home + "/" + fallback
  }
}
