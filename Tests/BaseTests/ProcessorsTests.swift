import Foundation
import Testing

@testable import Base

@Suite struct ProcessorsTests {
  /// Writes files below a root and reads the quota of a group there.
  private func quota(_ groups: String, _ files: [String: String]) throws -> Double? {
    var result: Double?
    try withTemporaryFolder { root in
      for (name, text) in files {
        let path = root + "/" + name
        try AtomicFile.makeFolder((path as NSString).deletingLastPathComponent)
        try AtomicFile.write(Array(text.utf8), to: path)
      }
      result = Processors.quota(groups: groups, root: root)
    }
    return result
  }

  @Test func theLeastQuotaOfAGroupAndItsParentsCounts() throws {
    let files = ["cpu.max": "max 100000\n", "a/cpu.max": "400000 100000\n", "a/b/cpu.max": "150000 100000\n"]
    #expect(try quota("0::/a/b\n", files) == 1.5)
    #expect(try quota("0::/a/c\n", files) == 4)
    #expect(try quota("0::/\n", files) == nil)
    #expect(try quota("0::/a\n", ["cpu.max": "300000 100000", "a/cpu.max": "max 100000"]) == 3)
  }

  @Test func theFirstVersionOfControlGroupsIsRead() throws {
    let files = [
      "cpu,cpuacct/job/cpu.cfs_quota_us": "250000\n", "cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
    ]
    #expect(try quota("4:memory:/x\n3:cpu,cpuacct:/job\n0::/\n", files) == 2.5)
    let without = ["cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"]
    #expect(try quota("1:cpu:/\n", without) == nil)
  }

  @Test func damagedFilesCountAsNoQuota() throws {
    for text in ["", "max", "0 100000", "1 0", "x y", "1 2 3"] {
      #expect(try quota("0::/\n", ["cpu.max": text]) == nil, "\(text)")
    }
    #expect(try quota("nonsense\n", [:]) == nil)
    #expect(Processors.usable >= 1)
  }
}
