import Base
import Foundation

/// Runs `body` with a fresh folder and removes the folder.
func withTemporaryFolder(_ body: (String) throws -> Void) throws {
  let folder = NSTemporaryDirectory() + "/perilune-base-" + UUID().uuidString
  try AtomicFile.makeFolder(folder)
  defer { try? FileManager.default.removeItem(atPath: folder) }
  try body(folder)
}

/// The names of a folder's files, sorted.
func names(in folder: String) throws -> [String] {
  try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
}
