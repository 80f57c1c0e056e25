/// The disk of tests refuses what a file system refuses, with its words.
import Base
import Runs
import Testing

@Suite struct LossyDiskTests {
  private func message(_ body: () throws -> Void) -> String? {
    do {
      try body()
      return nil
    } catch { return (error as? Failure)?.message ?? "\(error)" }
  }

  @Test func whatIsNotThereIsNamed() throws {
    let disk = LossyDisk()
    try disk.makeFolder("/a")
    try disk.write([1], to: "/a/file")
    #expect(
      message { try disk.write([1], to: "/b/file") }
        == "cannot find the folder of /b/file: No such file or directory")
    #expect(
      message { try disk.write([1], to: "/a/file/x") }
        == "cannot find the folder of /a/file/x: No such file or directory")
    #expect(message { _ = try disk.names(in: "/c") } == "cannot find /c: No such file or directory")
    #expect(
      message { try disk.rename("/a/none", to: "/a/x") } == "cannot rename /a/none: No such file or directory"
    )
  }

  @Test func foldersThatHoldFilesStay() throws {
    let disk = LossyDisk()
    try disk.makeFolder("/a/b")
    try disk.makeFolder("/c")
    try disk.write([1], to: "/a/b/file")
    #expect(message { try disk.remove("/a") } == "cannot remove /a: Directory not empty")
    #expect(message { try disk.rename("/c", to: "/a") } == "cannot rename /c: Directory not empty")
    #expect(message { try disk.read("/a") { _ in } } == "cannot read /a: Is a directory")
    try disk.read("/a/b/file") { #expect(Array($0) == [1]) }
  }
}
