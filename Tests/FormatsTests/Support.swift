/// What the tests of files share: development data, temporary folders and failures' texts.
import Base
import Foundation
import Testing

@testable import Formats

/// The path of a file in `../shared/data` from the project's root; nil, with a line that says so, where it is
/// missing.
func sharedData(_ name: String, test: String = #function) -> String? {
  var folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  while folder.path != "/" {
    if FileManager.default.fileExists(atPath: folder.appendingPathComponent("Package.swift").path) { break }
    folder.deleteLastPathComponent()
  }
  let path = folder.deletingLastPathComponent().appendingPathComponent("shared/data/\(name)").path
  if FileManager.default.fileExists(atPath: path) { return path }
  print("skipped: \(test) needs \(path)")
  return nil
}

/// Runs `body` with a fresh folder and removes the folder.
func withTemporaryFolder(_ body: (String) throws -> Void) throws {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("perilune-\(UUID().uuidString)")
    .path
  try AtomicFile.makeFolder(folder)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  try body(folder)
}

/// Expects a failure whose text holds all of `words`.
func expectFailure(
  _ words: String..., location: SourceLocation = #_sourceLocation, _ body: () throws -> Void
) {
  do {
    try body()
    Issue.record("expected a failure that says \(words)", sourceLocation: location)
  } catch let failure as Failure {
    for word in words {
      #expect(failure.message.contains(word), "\(failure.message)", sourceLocation: location)
    }
  } catch {
    Issue.record("\(error)", sourceLocation: location)
  }
}

/// The path of a file in Tests/Golden.
func goldenPath(_ name: String) -> String {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Golden/\(name)").path
}
