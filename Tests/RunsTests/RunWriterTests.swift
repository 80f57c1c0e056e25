/// The store of a run: what is read back, resumed, refused, and left by a process that was killed.
import Base
import Foundation
import Testing

@testable import Runs

@Suite struct RunWriterTests {
  @Test func whatIsRecordedIsReadBack() throws {
    try withTemporaryFolder { runs in
      let writer = try RunWriter.create(
        in: runs, about("gap", [("loss.beta", 0.1), ("online", .flag(true)), ("s", "")]))
      try train(writer, from: 0, to: 20, every: 10)
      try writer.set("peak", 0.8)
      try writer.finish(.finished)
      let reader = try RunReader(runs + "/gap")
      let curve = try reader.curve("loss")
      #expect(curve.steps == Array(1...20) && curve.values == (1...20).map(loss))
      #expect(try reader.curve("win").values[6].isNaN)
      #expect(try reader.curve("nothing").steps == [])
      #expect(try reader.names() == ["loss", "win"])
      #expect(try reader.params().map(\.1) == [0.1, .flag(true), ""])
      #expect(try reader.summary().map(\.0) == ["peak"])
      #expect(try reader.records(of: .event).count == 4)
      #expect(
        try reader.records(of: .file).map { $0[0].1 } == [
          "checkpoints/step-00000010", "checkpoints/step-00000020",
        ])
      #expect(try reader.about().first { $0.column == "status" }?.value == "finished")
    }
  }

  @Test func aThinnedCurveBeginsAndEndsAsTheWholeOne() throws {
    try withTemporaryFolder { runs in
      let writer = try RunWriter.create(in: runs, about("long"))
      for step in 1...5000 { try writer.log(step: step, [("x", Double(step))]) }
      try writer.finish(.finished)
      let reader = try RunReader(runs + "/long")
      let (steps, values) = try reader.curve("x", .points(101))
      #expect(steps.count == 101 && steps.first == 1 && steps.last == 5000)
      #expect(values == steps.map(Double.init))
      #expect(try reader.curve("x", .quick).steps == Array(1...5000))
      let short = try reader.curve("x", .whole(upTo: 4999, short: 101))
      #expect(short.steps == steps && short.values == values)
      #expect(try reader.curve("x", .whole(upTo: 5000, short: 101)).steps.count == 5000)
    }
  }

  @Test func oneValueOverTheStepsLeavesNaNOut() throws {
    try withTemporaryFolder { runs in
      let writer = try RunWriter.create(in: runs, about("one"))
      for (step, x) in [2, .nan, -1, .infinity].enumerated() {
        try writer.log(step: step, [("x", x), ("n", .nan)])
      }
      for (step, x) in [1.0, 2, 6].enumerated() { try writer.log(step: step, [("y", x)]) }
      try writer.finish(.finished)
      let reader = try RunReader(writer.folder)
      #expect(try reader.value("x", .max) == .infinity && reader.value("x", .min) == -1)
      #expect(try reader.value("y", .mean) == 3)
      #expect(try reader.value("n", .max) == nil && reader.value("none", .mean) == nil)
    }
  }

  /// The write-ahead log that a kill leaves is a file of its own, which may be lost: a checkpoint does not need
  /// it.
  @Test func whatACheckpointWasMadeWithIsThereWithoutTheJournal() throws {
    try withTemporaryFolder { runs in
      let child = try ChildProcess.fork { _ in
        do {
          let writer = try RunWriter.create(in: runs, about("cut"))
          try train(writer, from: 0, to: 7, every: 5)
          try writer.commitIfPossible()
          withExtendedLifetime(writer) { _ = kill(getpid(), SIGKILL) }
        } catch {}
        return 1
      }
      while child.status() == nil { usleep(500) }
      #expect(child.status() == 137)
      for ending in ["-wal", "-shm"] { #expect(unlink(runs + "/cut/run.sqlite" + ending) == 0) }
      let again = try RunWriter.resume(runs + "/cut")
      #expect(try again.newestCheckpoint().damaged == [])
      #expect(try restore(again) == 5)
      try train(again, from: 5, to: 7, every: 5)
      try again.finish(.finished)
      let whole = try RunWriter.create(in: runs + "/whole", about("cut"))
      try train(whole, from: 0, to: 7, every: 5)
      try whole.finish(.finished)
      #expect(try RunReader(again.folder).dump() == RunReader(whole.folder).dump())
    }
  }

  @Test func aStoreThatHasLessThanItsCheckpointIsNamed() throws {
    try withTemporaryFolder { runs in
      let writer = try RunWriter.create(in: runs, about("old"))
      try train(writer, from: 0, to: 3, every: 9)
      writer.close()
      let store = writer.folder + "/run.sqlite"
      let old = try RealDisk().bytes(of: store)
      let longer = try RunWriter.resume(writer.folder)
      try train(longer, from: 3, to: 10, every: 5)
      try longer.finish(.finished)
      #expect(try RunWriter.resume(writer.folder).newestCheckpoint().damaged == [])
      try RealDisk().write(old, to: store)
      let damaged = try RunWriter.resume(writer.folder).newestCheckpoint().damaged
      #expect(damaged.count == 1)
      #expect(
        damaged.first?.contains(
          "figures up to step 3 and 0 events, its checkpoint was made with figures up to step 10 and 2 events"
        )
          == true)
    }
  }

  /// Cut at every step: the run that goes on after the last checkpoint has the dump of one that was never
  /// cut.
  @Test func aResumedRunEqualsOneThatWasNeverCut() throws {
    try withTemporaryFolder { runs in
      let whole = try RunWriter.create(in: runs, about("whole"))
      try train(whole, from: 0, to: 24, every: 6)
      try whole.finish(.finished)
      let expected = try RunReader(runs + "/whole").dump().replacing("run\twhole", with: "run\tcut")
      #expect(expected.split(separator: "\n").count == 1 + 48 + 4 + 1)
      for end in 0...24 {
        let cut = try RunWriter.create(in: runs + "/\(end)", about("cut"))
        try train(cut, from: 0, to: end, every: 6)
        cut.close()
        let again = try RunWriter.resume(runs + "/\(end)/cut")
        #expect(again.attempt == 2)
        let step = try restore(again)
        #expect(step == end / 6 * 6)
        try train(again, from: step, to: 24, every: 6)
        try again.finish(.finished)
        #expect(try RunReader(again.folder).dump() == expected, "cut after step \(end)")
      }
    }
  }

  /// R1, between the operations of the checkpoints: a process killed at each of them, and one that goes on.
  @Test func aRunKilledAtAnyOperationEqualsOneThatWasNeverCut() throws {
    try withTemporaryFolder { runs in
      let whole = try RunWriter.create(in: runs, about("whole"))
      try train(whole, from: 0, to: 6, every: 2)
      try whole.finish(.finished)
      let expected = try RunReader(whole.folder).dump().replacing("run\twhole", with: "run\tcut")
      var failing = 1
      while true {
        let folder = "\(runs)/\(failing)"
        let child = try ChildProcess.fork { _ in
          let disk = FailingDisk(RealDisk(), at: failing, .full) { kill(getpid(), SIGKILL) }
          do {
            let writer = try RunWriter.create(in: folder, about("cut"), disk: disk)
            try train(writer, from: 0, to: 6, every: 2)
            try writer.finish(.finished)
            return 0
          } catch { return 1 }
        }
        while child.status() == nil { usleep(200) }
        let again = try RunWriter.resume(folder + "/cut")
        let step = try restore(again)
        try train(again, from: step, to: 6, every: 2)
        try again.finish(.finished)
        #expect(try RunReader(again.folder).dump() == expected, "killed at operation \(failing)")
        #expect(try RealDisk().names(in: again.folder + "/checkpoints").allSatisfy { $0.hasPrefix("step-") })
        if child.status() == 0 { break }
        #expect(child.status() == 137)
        failing += 1
      }
      #expect(failing > 30)
    }
  }

  @Test func aForkHasItsParentsRecordsUpToTheStep() throws {
    try withTemporaryFolder { runs in
      let parent = try RunWriter.create(in: runs, about("parent"))
      try train(parent, from: 0, to: 20, every: 10)
      #expect(throws: Failure.self) { try RunWriter.fork(parent.folder, at: 11, in: runs, about("child")) }
      let child = try RunWriter.fork(parent.folder, at: 10, in: runs, about("child"))
      #expect(try child.checkpoints.newest().checkpoint?.step == 10)
      try train(child, from: 10, to: 12, every: 10)
      try child.finish(.finished)
      let reader = try RunReader(child.folder)
      #expect(try reader.curve("loss").steps == Array(1...12))
      #expect(try reader.about().first { $0.column == "parent" }?.value == "parent")
    }
  }

  /// R25.
  @Test func aSecondWriterIsRefusedAHundredTimesOfAHundred() throws {
    try withTemporaryFolder { runs in
      let writer = try RunWriter.create(in: runs, about("one"))
      var refused = 0
      for _ in 0..<50 {
        let failure = #expect(throws: Failure.self) { try RunWriter.resume(writer.folder) }
        if failure?.message.contains("has a writer already, process \(getpid())") == true { refused += 1 }
        let child = try ChildProcess.fork { _ in
          do { _ = try RunWriter.resume(writer.folder) } catch { return 7 }
          return 0
        }
        while child.status() == nil { usleep(500) }
        if child.status() == 7 { refused += 1 }
      }
      #expect(refused == 100)
      writer.close()
      try RunWriter.resume(writer.folder).finish(.finished)
    }
  }

  /// The child of a fork shares the file of the lock: without care it would keep the lock of a killed parent.
  @Test func aKilledWriterIsLostAtOnceEvenWhileItsChildLives() throws {
    try withTemporaryFolder { runs in
      let child = try ChildProcess.fork { output in
        do {
          let writer = try RunWriter.create(in: runs, about("killed"))
          try train(writer, from: 0, to: 7, every: 5)
          let grandchild = fork(sleeping: 3)
          try output.send(Array("\(grandchild)".utf8))
          sleep(60)
        } catch { return 1 }
        return 0
      }
      var lines: [String] = []
      while lines.isEmpty { lines = child.lines(waiting: 1) }
      func status() throws -> SQLValue? {
        try RunReader(runs + "/killed").about().first { $0.column == "status" }?.value
      }
      #expect(try status() == "running")
      child.stop()  // kill -9
      #expect(try status() == "lost")
      let again = try RunWriter.resume(runs + "/killed")
      #expect(try restore(again) == 5)
      #expect(try RunReader(runs + "/killed").curve("loss").steps == [1, 2, 3, 4, 5])
      try again.finish(.failed, error: "no luck")
      #expect(try status() == "failed")
      if let grandchild = lines.first.flatMap({ pid_t($0) }) { kill(grandchild, SIGKILL) }
    }
  }

  private func fork(sleeping seconds: UInt32) -> Int32 {
    let pidPipe = try? ChildProcess.fork { output in
      try? output.send(Array("\(getpid())".utf8))
      sleep(seconds)
      return 0
    }
    var lines: [String] = []
    while lines.isEmpty { lines = pidPipe?.lines(waiting: 1) ?? ["0"] }
    leaked.append(pidPipe as Any)
    return Int32(lines[0]) ?? 0
  }

  /// A rollback journal, as on a network disk, left by a process within a transaction.
  @Test func aJournalOfAKilledProcessIsPlayedBackForAReader() throws {
    try withTemporaryFolder { runs in
      let writer = try RunWriter.create(in: runs, about("hot"))
      try train(writer, from: 0, to: 5, every: 5)
      try writer.finish(.finished)
      let child = try ChildProcess.fork { _ in
        do {
          let database = try Database(writer.folder + "/run.sqlite", .write)
          try database.script("PRAGMA journal_mode = DELETE; PRAGMA cache_size = 2; BEGIN IMMEDIATE")
          for step in 1...5000 {
            try database.run("INSERT OR REPLACE INTO metric VALUES(1, ?, 0)", [.integer(step)])
          }
          kill(getpid(), SIGKILL)
        } catch {}
        return 1
      }
      while child.status() == nil { usleep(500) }
      #expect(access(writer.folder + "/run.sqlite-journal", F_OK) == 0)
      #expect(try RunReader(writer.folder).curve("loss").values == (1...5).map(loss))
    }
  }

  /// Logging does not raise where the disk is full: rows wait, and are there once there is room.
  @Test func aFullDiskLosesNothingThatWasLogged() throws {
    try withTemporaryFolder { runs in
      let writer = try RunWriter.create(in: runs, about("full"))
      try writer.limit(pages: 1)
      for step in 1...20_000 { try writer.log(step: step, [("x", Double(step))], at: Double(step)) }
      #expect(writer.problem?.contains("full") == true)
      try writer.limit(pages: 1_000_000)
      try writer.log(step: 20_001, [("x", 0)], at: 20_001)
      #expect(writer.problem == nil && writer.dropped == 0)
      try writer.finish(.finished)
      #expect(try RunReader(writer.folder).curve("x").steps == Array(1...20_001))
    }
  }

  /// Figures went nowhere, and a checkpoint left a folder.
  /// All that a writer records or removes.
  private static func calls(_ writer: RunWriter) -> [() throws -> Void] {
    [
      { try writer.log(step: 5, [("loss", 1)]) }, { try writer.event(step: 5, kind: "note", "late") },
      { try writer.set("peak", 1) }, { try writer.add(file: "run.sqlite", kind: "file", step: 5) },
      { try writer.commitIfPossible() }, { _ = try writer.beginCheckpoint(step: 5) },
      { try writer.checkpoint("none", step: 5, keep: 1) }, { _ = try writer.newestCheckpoint() },
      { try writer.cut(after: 2) }, { try writer.note("moved", "elsewhere") },
      { try writer.finish(.finished) },
    ]
  }

  @Test func aClosedWriterRefusesEverythingButToCloseAgain() throws {
    try withTemporaryFolder { runs in
      let writer = try RunWriter.create(in: runs, about("a"))
      try train(writer, from: 0, to: 4, every: 2)
      writer.close()
      writer.close()
      let left = try RunReader(writer.folder).dump()
      let calls = Self.calls(writer)
      for (i, call) in calls.enumerated() {
        let failure = #expect(throws: Failure.self, "call \(i + 1)") { try call() }
        #expect(failure?.message == "run 'a' is closed: nothing more is recorded", "call \(i + 1)")
      }
      #expect(try RunReader(writer.folder).dump() == left)
      #expect(
        try RealDisk().names(in: writer.folder + "/checkpoints").sorted() == [
          "step-00000002", "step-00000004",
        ])
    }
  }

  @Test func aForkOfAWriterRecordsNothing() throws {
    try withTemporaryFolder { runs in
      let writer = try RunWriter.create(in: runs, about("a"))
      try train(writer, from: 0, to: 4, every: 2)
      try writer.commitIfPossible()
      let left = try RunReader(writer.folder).dump()
      let child = try ChildProcess.fork { output in
        for call in Self.calls(writer) {
          do { try call() } catch { try? output.send(Array("\(error)".utf8)) }
        }
        return 0
      }
      var lines: [String] = []
      while child.status() == nil { lines += child.lines(waiting: 0.01) }
      lines += child.lines(waiting: 0)
      let refusal = "run 'a' is recorded by process \(getpid()), which this one is a fork of"
      #expect(lines.filter { $0.contains(refusal) }.count == Self.calls(writer).count, "\(lines)")
      #expect(try RunReader(writer.folder).dump() == left)
      try writer.finish(.finished)
    }
  }

  @Test func figuresThatWaitForLongAreThinned() throws {
    var rows = PendingRows()
    for step in 1...10 { rows.figures.append((1, step, 0)) }
    #expect(rows.dropHalf() == 5)
    #expect(rows.figures.map(\.step) == [2, 4, 6, 8, 10])
  }

  @Test func aTakenNameGetsANumberAndABadOneIsRefused() throws {
    try withTemporaryFolder { runs in
      for expected in ["a", "a-2", "a-3"] {
        let writer = try RunWriter.create(in: runs, about("a"))
        #expect(writer.id == expected)
        try writer.finish(.finished)
      }
      for name in ["", ".a", "a/b", "..", "a\0", "é", String(repeating: "a", count: 201)] {
        #expect(throws: Failure.self) { try RunWriter.create(in: runs, about(name)) }
      }
      #expect(throws: Failure.self) { try RunWriter.resume(runs + "/b") }
      #expect(throws: Failure.self) { try RunReader(runs + "/b") }
      for path in [runs + "/a\0b", runs + "\0/a"] {
        for open in [
          { _ = try RunReader(path) }, { _ = try RunWriter.resume(path) }, { _ = try RunIndex(path) },
          { try RunWriter.remove(path) }, { _ = try RunWriter.create(in: path, about("a")) },
        ] as [() throws -> Void] {
          let failure = #expect(throws: Failure.self) { try open() }
          #expect(failure?.message.contains("has a NUL") == true)
        }
      }
      #expect(try RealDisk().names(in: runs) == ["a", "a-2", "a-3"])
    }
  }

  @Test func aStoreOfALaterVersionIsRefusedByName() throws {
    try withTemporaryFolder { runs in
      let writer = try RunWriter.create(in: runs, about("new"))
      try writer.finish(.finished)
      let database = try Database(writer.folder + "/run.sqlite", .write)
      try database.script("PRAGMA user_version = 99")
      database.close()
      let failure = #expect(throws: Failure.self) { try RunReader(writer.folder) }
      #expect(failure?.message.contains("version 99, this program reads up to 1") == true)
    }
  }
}

extension RunWriter {
  /// The database takes no more pages than this, as on a full disk.
  fileprivate func limit(pages: Int) throws { try database.script("PRAGMA max_page_count = \(pages)") }
}

private nonisolated(unsafe) var leaked: [Any] = []
