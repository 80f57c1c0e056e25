/// The history of the prompt, saved between sessions: one entry a line, newlines inside an entry escaped.
///
/// Each entry is appended in one write, so that two sessions do not lose each other's entries.
import Base
import CReadlineShims
import Foundation

final class History {
  /// Nil without a home folder: the history then ends with the session.
  private let path = Folders.state.map { $0 + "/history" }
  private var last: [UInt8] = []
  /// Entries loaded at the start, in a few milliseconds.
  private static let entriesMax = 10_000

  func load() {
    guard let path, let data = FileManager.default.contents(atPath: path) else { return }
    for line in data.split(separator: UInt8(ascii: "\n")).suffix(Self.entriesMax) {
      last = Self.unescaped([UInt8](line))
      addToReadline(last)
    }
  }

  func add(_ entry: [UInt8]) {
    guard !entry.allSatisfy({ [9, 10, 13, 32].contains($0) }), entry != last else { return }
    last = entry
    addToReadline(entry)
    guard let path else { return }
    let folder = (path as NSString).deletingLastPathComponent
    try? FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    let file = retryingOnSignal { open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600) }
    guard file >= 0 else { return }
    defer { close(file) }
    let line = Self.escaped(entry) + [UInt8(ascii: "\n")]
    _ = line.withUnsafeBytes { buffer in retryingOnSignal { write(file, buffer.baseAddress, buffer.count) } }
  }

  private func addToReadline(_ entry: [UInt8]) {
    (entry + [0]).withUnsafeBytes {
      if let bytes = $0.baseAddress { shim_history_add(bytes.assumingMemoryBound(to: CChar.self)) }
    }
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
