/// The index of a folder of runs: found by settings, brought up to date, made anew.
import Base
import Foundation
import Testing

@testable import Runs

@Suite struct RunIndexTests {
  private func fill(_ runs: String, _ count: Int) throws {
    for i in 0..<count {
      let writer = try RunWriter.create(
        in: runs,
        about("run", [("loss.beta", i % 2 == 0 ? 0.1 : 1), ("task", "sentiment"), ("seed", .integer(i))]))
      try writer.log(step: 1, [("win", Double(i))])
      try writer.set("peak", .integer(i * 10))
      try writer.finish(.finished)
    }
  }

  @Test func runsAreFoundByTheirSettings() throws {
    try withTemporaryFolder { runs in
      try fill(runs, 4)
      let index = try RunIndex(runs)
      #expect(try index.refresh() == [])
      let found = try index.list(
        where: [("loss.beta", 0.1), ("task", "sentiment")],
        columns: ["id", "seed", "win", "peak", "status", "none"])
      #expect(
        found == [
          ["run", 0, 0.0, 0, "finished", .null], ["run-3", 2, 2.0, 20, "finished", .null],
        ])
      #expect(try index.list(where: [("loss.beta", .integer(1))], columns: ["id"]).count == 2, "1 equals 1.0")
      #expect(try index.list(where: [("status", "lost")], columns: ["id"]) == [])
      #expect(try index.names().suffix(5) == ["loss.beta", "peak", "seed", "task", "win"])
    }
  }

  @Test func theIndexFollowsItsRunsAndIsMadeAnewFromThem() throws {
    try withTemporaryFolder { runs in
      try fill(runs, 3)
      let index = try RunIndex(runs)
      try index.refresh()
      let writer = try RunWriter.resume(runs + "/run-2")
      try index.refresh()
      #expect(try index.list(where: [("status", "running")], columns: ["id"]) == [["run-2"]])
      writer.close()
      try index.refresh()
      #expect(try index.list(where: [("status", "lost")], columns: ["id"]) == [["run-2"]])
      try FileManager.default.removeItem(atPath: runs + "/run")
      try index.refresh()
      let left = try index.list(where: [], columns: ["id", "peak"])
      #expect(left == [["run-2", 10], ["run-3", 20]])
      try AtomicFile.write([UInt8](repeating: 1, count: 10_000), to: runs + "/runs.sqlite")
      let anew = try RunIndex(runs)
      try anew.refresh()
      #expect(try anew.list(where: [], columns: ["id", "peak"]) == left)
    }
  }

  /// As on a full disk: the runs are read all the same, also after a file that could be written.
  @Test func anIndexThatCannotBeWrittenIsInMemory() throws {
    try withTemporaryFolder { runs in
      try fill(runs, 2)
      try AtomicFile.makeFolder(runs + "/runs.sqlite/taken")
      let index = try RunIndex(runs)
      #expect(try index.refresh().map { $0.contains("runs.sqlite is a folder") } == [true])
      #expect(try index.list(where: [], columns: ["id", "peak"]) == [["run", 0], ["run-2", 10]])
      let long = String(repeating: "long", count: 10_000)
      try RunWriter.create(in: runs, about("long", [("text", .text(long))])).finish(.finished)
      try RealDisk().removeAll(runs + "/runs.sqlite")
      let full = try RunIndex(runs)
      try full.limit(pages: 1)
      #expect(try full.refresh() == [])
      #expect(try full.list(where: [], columns: ["id"]) == [["run"], ["run-2"], ["long"]])
      #expect(try RunIndex(runs).list(where: [], columns: ["id"]) == [], "the file is as it was")
    }
  }

  /// The layout of docs/source/storage_schema.md of trackio 0.43.0, which reads it.
  @Test func runsAreWrittenInTheLayoutOfTrackio() throws {
    try withTemporaryFolder { runs in
      let writer = try RunWriter.create(in: runs, about("gap"))
      try writer.log(step: 3, [("win", 0.5), ("bad", .nan), ("top", .infinity)], at: 1_795_868_968.25)
      try writer.finish(.finished)
      for _ in 0..<2 { try TrackioStore.add([writer.folder], to: runs + "/p.db") }
      let database = try Database(runs + "/p.db", .read)
      #expect(
        try database.rows("SELECT timestamp, run_name, step, metrics FROM metrics") == [
          [
            "2026-11-28T12:29:28.250000+00:00", "gap", 3,
            .text(#"{"bad":"NaN","top":"Infinity","win":0.5}"#),
          ]
        ])
      #expect(try database.rows("SELECT run_name, config FROM configs") == [["gap", "{}"]])
    }
  }

  /// 16 writers commit while a reader lists and reads: nobody waits for another, and nobody fails.
  @Test func sixteenWritersBesideAReaderHaveNoError() throws {
    try withTemporaryFolder { runs in
      let children = try (0..<16).map { i in
        try ChildProcess.fork { _ in
          do {
            let writer = try RunWriter.create(in: runs, about("writer", [("seed", .integer(i))]))
            for step in 1...100 {
              try writer.log(step: step, [("x", Double(step))])
              try writer.commitIfPossible()
              if writer.problem != nil { return 2 }
            }
            try writer.finish(.finished)
            return 0
          } catch { return 1 }
        }
      }
      var reads = 0
      while children.contains(where: { $0.status() == nil }) {
        guard RealDisk().isFolder(runs), let index = try? RunIndex(runs) else { continue }
        #expect(try index.refresh() == [])
        for row in try index.list(where: [], columns: ["id"]) {
          _ = try RunReader("\(runs)/\(row[0].text ?? "")").curve("x")
          reads += 1
        }
      }
      #expect(children.allSatisfy { $0.status() == 0 } && reads > 0)
      let index = try RunIndex(runs)
      try index.refresh()
      #expect(try index.list(where: [("x", 100.0)], columns: ["id"]).count == 16)
    }
  }
}

extension RunIndex {
  /// The database takes no more pages than this, as on a full disk.
  fileprivate func limit(pages: Int) throws { try database.script("PRAGMA max_page_count = \(pages)") }
}
