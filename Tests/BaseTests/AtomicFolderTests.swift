/// A folder takes the place of another whole.
import Base
import Foundation
import Testing

@Suite struct AtomicFolderTests {
  @Test func aFinishedFolderTakesTheNameAndTheOldOneIsReturned() throws {
    let root = NSTemporaryDirectory() + "/atomic-" + UUID().uuidString
    defer { try? FileManager.default.removeItem(atPath: root) }
    func make(_ name: String, _ byte: UInt8) throws {
      try FileManager.default.createDirectory(atPath: root + "/" + name, withIntermediateDirectories: true)
      try AtomicFile.write([byte], to: root + "/\(name)/file")
    }
    func byte(_ name: String) -> UInt8? {
      FileManager.default.contents(atPath: root + "/\(name)/file")?.first
    }
    try make("new", 1)
    #expect(try AtomicFolder.replace(root + "/run", with: root + "/new") == nil)
    #expect(byte("run") == 1 && byte("new") == nil)
    try make("new", 2)
    let old = try AtomicFolder.replace(root + "/run", with: root + "/new")
    #expect(byte("run") == 2)
    #expect(FileManager.default.contents(atPath: (try #require(old)) + "/file")?.first == 1)
    #expect(throws: Failure.self) { try AtomicFolder.replace(root + "/run", with: root + "/nothing") }
    #expect(byte("run") == 2)
  }
}
