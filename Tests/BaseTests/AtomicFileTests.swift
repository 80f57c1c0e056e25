/// Atomic writes: what an existing file keeps, what a failure leaves, and files of processes that were
/// killed.
import Base
import Foundation
import Testing

@Suite struct AtomicFileTests {
  private func mode(_ path: String) -> mode_t? {
    var info = stat()
    return stat(path, &info) == 0 ? info.st_mode & 0o7777 : nil
  }

  @Test func aDeviceIsWrittenInPlace() throws {
    try AtomicFile.write([1, 2, 3], to: "/dev/null")
    var info = stat()
    #expect(stat("/dev/null", &info) == 0 && info.st_mode & S_IFMT == S_IFCHR)
    #expect(throws: Failure.self) { try AtomicFile.write([1, 2, 3], to: "/dev/full") }
    #expect(stat("/dev/full", &info) == 0 && info.st_mode & S_IFMT == S_IFCHR)
  }

  @Test func aLinkStaysALink() throws {
    try withTemporaryFolder { folder in
      try AtomicFile.write([1], to: folder + "/real")
      try FileManager.default.createSymbolicLink(atPath: folder + "/link", withDestinationPath: "real")
      try AtomicFile.write([2], to: folder + "/link")
      let target = try FileManager.default.destinationOfSymbolicLink(atPath: folder + "/link")
      #expect(target == "real")
      #expect(FileManager.default.contents(atPath: folder + "/real") == Data([2]))
    }
  }

  @Test(arguments: [0o600, 0o640, 0o755, 0o444] as [mode_t])
  func anExistingFileKeepsItsMode(_ given: mode_t) throws {
    try withTemporaryFolder { folder in
      let path = folder + "/state"
      try AtomicFile.write([1], to: path)
      #expect(chmod(path, given) == 0)
      try AtomicFile.write([2], to: path)
      #expect(mode(path) == given)
      #expect(FileManager.default.contents(atPath: path) == Data([2]))
    }
  }

  @Test func aNewFileIsReadableByAllLessTheUmask() throws {
    try withTemporaryFolder { folder in
      let before = umask(0o027)
      defer { umask(before) }
      try AtomicFile.write([1], to: folder + "/state")
      #expect(mode(folder + "/state") == 0o640)
    }
  }

  /// NAME_MAX of Linux is 255 bytes.
  @Test func aNameOfTheLongestLengthIsWritten() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/" + String(repeating: "n", count: 255)
      try AtomicFile.write([1], to: path)
      try AtomicFile.write([2], to: path)
      #expect(FileManager.default.contents(atPath: path) == Data([2]))
    }
  }

  @Test func theTemporaryFileOfAKilledProcessIsRemovedAndALockedOneStays() throws {
    try withTemporaryFolder { folder in
      let dead = folder + "/.perilune-1.tmp", living = folder + "/.perilune-2.tmp", other = folder + "/b.tmp"
      for path in [dead, living, other] { try Data().write(to: URL(fileURLWithPath: path)) }
      let descriptor = open(living, O_RDONLY)
      defer { close(descriptor) }
      #expect(flock(descriptor, LOCK_EX) == 0)
      try AtomicFile.write([1], to: folder + "/a")
      #expect(try names(in: folder) == [".perilune-2.tmp", "a", "b.tmp"])
    }
  }

  @Test func writersOfOneFileDoNotDisturbEachOther() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/shared"
      let children = try (0..<4).map { i in
        try ChildProcess.fork { _ in
          for _ in 0..<20 {
            do { try AtomicFile.write([UInt8](repeating: UInt8(i), count: 5000), to: path) } catch {
              return 1
            }
          }
          return 0
        }
      }
      for child in children {
        while child.status() == nil { usleep(1000) }
        #expect(child.status() == 0)
      }
      let bytes = try #require(FileManager.default.contents(atPath: path))
      #expect(bytes.count == 5000 && Set(bytes).count == 1)
      #expect(try names(in: folder) == ["shared"])
    }
  }

  @Test func aFailedWriteLeavesTheOldFileAndNothingElse() throws {
    try withTemporaryFolder { folder in
      let path = folder + "/state"
      try AtomicFile.write(Array("old".utf8), to: path)
      #expect(throws: Failure.self) {
        try AtomicFile.write(to: path) { put in
          try Array("half of the new".utf8).withUnsafeBytes { try put($0) }
          throw Failure(.io, "the disk is full")
        }
      }
      #expect(try String(contentsOfFile: path, encoding: .utf8) == "old")
      #expect(try names(in: folder) == ["state"])
    }
  }

  @Test func badNamesAreRefusedByName() throws {
    try withTemporaryFolder { folder in
      try AtomicFile.makeFolder(folder + "/a/b/c")
      try AtomicFile.makeFolder(folder + "/a/b/c")
      try AtomicFile.write([], to: folder + "/a/b/c/empty")
      for path in ["", "a\0b", folder + "/missing/file", folder + "/a"] {
        #expect(throws: Failure.self) { try AtomicFile.write([1], to: path) }
      }
      #expect(throws: Failure.self) { try AtomicFile.makeFolder(folder + "/a/b/c/empty/d") }
      let problem = #expect(throws: Failure.self) { try AtomicFile.write([1], to: folder) }
      #expect(problem?.message.contains("it is a folder") == true)
      let missing = #expect(throws: Failure.self) { try AtomicFile.write([1], to: folder + "/no/file") }
      #expect(missing?.message == "cannot write \(folder)/no/file: No such file or directory")
    }
  }
}
