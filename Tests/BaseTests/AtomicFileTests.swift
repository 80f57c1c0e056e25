/// Atomic writes where the target is not a plain file, and after a process that died while it wrote.
import Base
import Foundation
import Testing

@Suite struct AtomicFileTests {
  private func withFolder(_ body: (String) throws -> Void) throws {
    let folder = NSTemporaryDirectory() + "/atomic-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
  }

  @Test func aDeviceIsWrittenToAndNotReplaced() throws {
    try AtomicFile.write([1, 2, 3], to: "/dev/null")
    var info = stat()
    #expect(stat("/dev/null", &info) == 0 && info.st_mode & S_IFMT == S_IFCHR)
    #expect(throws: Failure.self) { try AtomicFile.write([1, 2, 3], to: "/dev/full") }
    #expect(stat("/dev/full", &info) == 0 && info.st_mode & S_IFMT == S_IFCHR)
  }

  @Test func aLinkStaysALink() throws {
    try withFolder { folder in
      try AtomicFile.write([1], to: folder + "/real")
      try FileManager.default.createSymbolicLink(atPath: folder + "/link", withDestinationPath: "real")
      try AtomicFile.write([2], to: folder + "/link")
      let target = try FileManager.default.destinationOfSymbolicLink(atPath: folder + "/link")
      #expect(target == "real")
      #expect(FileManager.default.contents(atPath: folder + "/real") == Data([2]))
    }
  }

  @Test func theTemporaryFileOfADeadProcessIsRemovedAndThatOfALivingOneIsNot() throws {
    try withFolder { folder in
      let dead = folder + "/a.tmp-\(Int32.max)", living = folder + "/a.tmp-\(getppid())",
        other = folder + "/b.tmp-\(Int32.max)"
      for path in [dead, living, other] { try Data().write(to: URL(fileURLWithPath: path)) }
      try AtomicFile.write([1], to: folder + "/a")
      #expect(access(dead, F_OK) != 0)
      #expect(access(living, F_OK) == 0)
      #expect(access(other, F_OK) == 0)
    }
  }

  @Test func aFolderIsRefusedByName() throws {
    try withFolder { folder in
      let problem = #expect(throws: Failure.self) { try AtomicFile.write([1], to: folder) }
      #expect(problem?.message.contains("it is a folder") == true)
      let left = try FileManager.default.contentsOfDirectory(atPath: folder)
      #expect(left.isEmpty)
    }
  }
}
