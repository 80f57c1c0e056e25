/// Checkpoints under every fault of a disk: a failing operation at every place, and power lost after every
/// place.
import Base
import Foundation
import Testing

@testable import Runs

@Suite struct CheckpointFolderTests {
  private let path = "run/checkpoints"

  private func save(_ disk: any Disk, _ step: Int, keep: Int = 2) throws {
    let checkpoints = CheckpointFolder(path, disk: disk)
    let folder = try checkpoints.begin(step: step)
    for name in ["policy", "state"] {
      try disk.write(
        Array("\(name) \(step)".utf8) + [UInt8](repeating: 7, count: 300), to: folder + "/" + name)
    }
    _ = try checkpoints.finish(folder, step: step)
    try checkpoints.keep(last: keep)
  }

  /// The step of the newest checkpoint that is whole, once its contents have been compared.
  private func newest(_ disk: any Disk) throws -> Int? {
    let checkpoints = CheckpointFolder(path, disk: disk)
    guard let found = try checkpoints.newest().checkpoint else { return nil }
    let state = try disk.bytes(of: "\(path)/\(found.name)/state")
    #expect(String(decoding: state.prefix { $0 != 7 }, as: UTF8.self) == "state \(found.step)")
    return found.step
  }

  @Test func theLastCheckpointsAreKept() throws {
    let disk = LossyDisk()
    for step in [5, 10, 15, 100_000_000] { try save(disk, step) }
    #expect(try CheckpointFolder(path, disk: disk).names().map(\.step) == [15, 100_000_000])
    #expect(try newest(disk) == 100_000_000)
    try save(disk, 100_000_000)
    #expect(
      try CheckpointFolder(path, disk: disk).names().map(\.name) == ["step-100000000", "step-100000000.2"])
    try CheckpointFolder(path, disk: disk).removeAll(after: 99)
    #expect(try newest(disk) == nil)
  }

  @Test func aFolderIsMadeACheckpointWhereItStands() throws {
    let disk = LossyDisk()
    try disk.makeFolder("own")
    try disk.write(Array("weights".utf8), to: "own/policy")
    try CheckpointFolder.seal("own", step: 7, recorded: .init(step: 6, events: 2), disk: disk)
    disk.crash(.everything)
    let found = try CheckpointFolder.verify(folder: "own", disk: disk)
    #expect(found.step == 7 && found.bytes == 7 && found.recorded == .init(step: 6, events: 2))
    try disk.write(Array("weighty".utf8), to: "own/policy")
    let failure = #expect(throws: Failure.self) { try CheckpointFolder.verify(folder: "own", disk: disk) }
    #expect(failure?.message == "own: policy is damaged: its SHA-256 differs")
  }

  @Test func onlyAnUnfinishedFolderIsDropped() throws {
    let disk = LossyDisk()
    let kept = [
      "own", "own/.new-", "own/.new-x", "own.new-1/kept", "own/step-00000001", "own/.old-step-1", ".new-1/..",
    ]
    for folder in kept + ["own/.new-12", "own.new-0a1b2c3d"] { try disk.makeFolder(folder) }
    for folder in kept {
      #expect(throws: Failure.self, "\(folder)") { try CheckpointFolder.drop(folder: folder, disk: disk) }
      #expect(disk.isFolder(folder))
    }
    for folder in ["own/.new-12", "own.new-0a1b2c3d", "own/.new-9"] {
      try CheckpointFolder.drop(folder: folder, disk: disk)
      #expect(!disk.isFolder(folder))
    }
  }

  /// R4: whichever operation of the third save fails, the second checkpoint or the third is there, and the
  /// next save works.
  @Test(arguments: FailingDisk.Fault.allCases, [false, true])
  func anOperationThatFailsLeavesAnOlderCheckpoint(_ fault: FailingDisk.Fault, _ stays: Bool) throws {
    var failing = 1
    while true {
      let disk = LossyDisk()
      try save(disk, 1)
      try save(disk, 2)
      let faulty = FailingDisk(disk, at: failing, fault, stays: stays)
      let saved = (try? save(faulty, 3)) != nil
      if faulty.count < failing {
        #expect(failing > 10 && saved)
        break
      }
      #expect(!saved, "operation \(failing) failed without an error")
      let step = try newest(disk)
      #expect(step == 2 || step == 3, "after \(fault) of operation \(failing): \(step as Any)")
      try save(disk, 4)
      #expect(try newest(disk) == 4)
      #expect(try disk.names(in: path).allSatisfy { $0.hasPrefix("step-") }, "no stale folder")
      failing += 1
    }
  }

  /// R3: power lost after each operation of the third save, with four patterns of loss and seeds.
  @Test(arguments: LossyDisk.Loss.allCases)
  func lostPowerLeavesAWholeCheckpoint(_ loss: LossyDisk.Loss) throws {
    for seed in 0..<(loss == .random ? 64 : 1) as Range<UInt64> {
      var failing = 1
      while true {
        let disk = LossyDisk()
        try save(disk, 1)
        try save(disk, 2)
        // What follows the failing operation does not happen: the power is gone.
        let faulty = FailingDisk(disk, at: failing, .full, stays: true)
        let saved = (try? save(faulty, 3)) != nil
        disk.crash(loss, seed: seed)
        let step = try newest(disk)
        #expect(step == 3 || !saved && step == 2, "operation \(failing), seed \(seed): \(step as Any)")
        if saved { break }
        failing += 1
      }
    }
  }

  /// R5: what a crash within a save has left is gone once the run is resumed, also without another save.
  @Test func leftoversAreRemovedByTheNextWriter() throws {
    var failing = 1
    while true {
      let disk = LossyDisk()
      for step in 1...3 { try save(disk, step) }
      let faulty = FailingDisk(disk, at: failing, .full, stays: true)
      let saved = (try? save(faulty, 4)) != nil
      let checkpoints = CheckpointFolder(path, disk: disk)
      try checkpoints.removeLeftovers()
      try checkpoints.keep(last: 2)
      let steps = try checkpoints.names().map(\.step)
      #expect(steps == [2, 3] || steps == [3, 4], "operation \(failing)")
      #expect(try disk.names(in: path).count == 2, "operation \(failing)")
      if saved { break }
      failing += 1
    }
  }

  /// The control: a save in place is damaged by the same faults, so that the tests above can fail.
  @Test func aSaveInPlaceIsDamagedByLostPower() throws {
    var seen: Set<String> = []
    for seed in 0..<64 as Range<UInt64> {
      let disk = LossyDisk()
      try disk.makeFolder("run")
      try disk.write(Array("state 1".utf8), to: "run/state")
      try disk.sync(folder: "")
      try disk.sync(folder: "run")
      try disk.sync(file: "run/state")
      try disk.write(Array("state 2 is longer".utf8), to: "run/state")
      disk.crash(.random, seed: seed)
      seen.insert(String(decoding: try disk.bytes(of: "run/state"), as: UTF8.self))
    }
    #expect(!seen.isSubset(of: ["state 1", "state 2 is longer"]))
  }

  @Test func aDamagedCheckpointIsNamedAndTheOneBeforeIsUsed() throws {
    try withTemporaryFolder { folder in
      let checkpoints = CheckpointFolder(folder + "/checkpoints")
      for step in [10, 20] {
        let made = try checkpoints.begin(step: step)
        try AtomicFile.write(Array("state \(step)".utf8), to: made + "/state")
        _ = try checkpoints.finish(made, step: step)
      }
      let newest = checkpoints.path + "/step-00000020"
      for (file, bytes, reason) in [
        ("state", "state 21", "state is damaged: its SHA-256 differs"),
        ("state", "st", "state is damaged: it has 2 bytes, not 8"),
        ("manifest.json", "{", "manifest.json"),
        ("manifest.json", "{\"format\": \"new\"}", "the format is 'new'"),
      ] {
        let before = try RealDisk().bytes(of: "\(newest)/\(file)")
        try AtomicFile.write(Array(bytes.utf8), to: "\(newest)/\(file)")
        let (found, damaged) = try checkpoints.newest()
        #expect(found?.step == 10)
        #expect(damaged.count == 1 && damaged[0].contains(reason), "\(damaged)")
        try AtomicFile.write(before, to: "\(newest)/\(file)")
      }
      #expect(try checkpoints.newest().checkpoint?.step == 20)
      #expect(try checkpoints.newest(atMost: 19).checkpoint?.step == 10)
      try FileManager.default.removeItem(atPath: newest + "/state")
      #expect(try checkpoints.newest().checkpoint?.step == 10)
    }
  }
}
