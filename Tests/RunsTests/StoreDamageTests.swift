/// Files in the place of a store that are none: named with what was found and what to do, in no words of SQL.
import Base
import Foundation
import Testing

@testable import Runs

@Suite struct StoreDamageTests {
  /// What happens to the file of a store.
  enum Damage: String, CaseIterable, Sendable {
    case text, empty, zeros, bytes, cut, pages, folder, another, rowless

    /// What the message says was found.
    var found: String {
      switch self {
      case .text: "it is text, no database"
      case .empty: "it is empty"
      case .zeros: "its first 100 bytes are zero"
      case .bytes: "its first bytes are not those of a database"
      case .cut: "it was cut: 16384 of its "
      case .pages: "SQLite says 'database disk image is malformed'"
      case .folder: "it is a folder"
      case .another: "it is a database of something else"
      case .rowless: "there is no row of the run in it"
      }
    }

    func happen(to path: String) throws {
      let whole = try RealDisk().bytes(of: path)
      for ending in ["", "-wal", "-shm"] { unlink(path + ending) }
      switch self {
      case .text: try AtomicFile.write(Array("step 1 loss 0.5\n".utf8), to: path)
      case .empty: try AtomicFile.write([], to: path)
      case .zeros: try AtomicFile.write([UInt8](repeating: 0, count: whole.count), to: path)
      case .bytes:
        try AtomicFile.write([UInt8](repeating: 200, count: 4096) + whole.dropFirst(4096), to: path)
      case .cut: try AtomicFile.write(Array(whole.prefix(16384)), to: path)
      case .pages:
        let rest = [UInt8](repeating: 255, count: whole.count - 8192)
        try AtomicFile.write(whole.prefix(8192) + rest, to: path)
      case .folder: try AtomicFile.makeFolder(path + "/within")
      case .another: try Database(path, .write).script("CREATE TABLE t(x)")
      case .rowless:
        try AtomicFile.write(whole, to: path)
        try Database(path, .write).script("DELETE FROM run")
      }
    }
  }

  private func fill(_ runs: String, _ names: [String]) throws {
    for (i, name) in names.enumerated() {
      let writer = try RunWriter.create(in: runs, about(name, [("seed", .integer(i))]))
      for step in 1...2000 { try writer.log(step: step, [("loss", loss(step))]) }
      try writer.finish(.finished)
    }
  }

  /// The message of what `body` throws.
  private func message(_ body: () throws -> Void) -> String {
    do { try body() } catch { return "\(error)" }
    return "no error"
  }

  @Test(arguments: Damage.allCases) func aStoreThatIsNoneIsNamed(_ damage: Damage) throws {
    try withTemporaryFolder { runs in
      try fill(runs, ["bad", "good"])
      #expect(try RunIndex(runs).refresh() == [])
      let path = runs + "/bad/run.sqlite"
      try damage.happen(to: path)
      let index = try RunIndex(runs)
      let listed = try index.refresh()
      #expect(try index.list(where: [], columns: ["id"]) == [["good"]], "the damaged one is left out")
      let read = message { _ = try RunReader(runs + "/bad").about() }
      let resumed = message { try RunWriter.resume(runs + "/bad").close() }
      for text in listed + [read, resumed] {
        #expect(text.hasPrefix("\(path) cannot be read: \(damage.found)"), "\(text)")
        #expect(text.contains("until run.sqlite is put back from a copy"), "\(text)")
        for word in ["SELECT", "PRAGMA", "INSERT", "UPDATE"] { #expect(!text.contains(word), "\(text)") }
      }
      #expect(listed.count == 1)
      try RunWriter.remove(runs + "/bad")
      #expect(try RunIndex(runs).refresh() == [])
    }
  }

  /// Whichever page is overwritten, what is read is as it was, or the file is named.
  @Test func aDamagedPageIsNamedByWhoReadsIt() throws {
    try withTemporaryFolder { runs in
      try fill(runs, ["bad"])
      let path = runs + "/bad/run.sqlite"
      func all() throws -> String {
        let reader = try RunReader(runs + "/bad")
        return try "\(reader.curve("loss")) \(reader.records(of: .tick)) \(reader.dump())"
      }
      let whole = try RealDisk().bytes(of: path), expected = try all()
      var named = 0
      for page in stride(from: 8192, to: whole.count, by: 8192) {
        var bytes = whole
        for i in page..<page + 8192 { bytes[i] = 0xAA }
        try AtomicFile.write(bytes, to: path)
        var read = ""
        let text = message { read = try all() }
        if read == expected { continue }
        named += 1
        #expect(
          text.hasPrefix("\(path) cannot be read: SQLite says 'database disk image is malformed'"), "\(text)")
      }
      #expect(named > 10, "\(named) of \(whole.count / 8192) pages")
    }
  }

  @Test(arguments: Damage.allCases) func theIndexIsMadeAnewFromTheFolders(_ damage: Damage) throws {
    try withTemporaryFolder { runs in
      try fill(runs, ["a", "b"])
      try RunIndex(runs).refresh()
      if damage == .rowless { return }  // a run that is not listed yet
      try damage.happen(to: runs + "/runs.sqlite")
      for _ in 0..<2 {
        let index = try RunIndex(runs)
        let problems = try index.refresh()
        #expect(problems.count == (damage == .folder ? 1 : 0), "\(problems)")
        #expect(try index.list(where: [], columns: ["id", "seed", "loss"]).map { $0[1] } == [0, 1])
        #expect(try index.names().contains("seed"))
      }
    }
  }

  /// A page of the index that only a question reads.
  @Test func anIndexIsMendedWhenAQuestionFindsItDamaged() throws {
    try withTemporaryFolder { runs in
      try fill(runs, ["a", "b"])
      let index = try RunIndex(runs)
      try index.refresh()
      try index.database.script("DROP TABLE value")
      #expect(try index.list(where: [("seed", 1)], columns: ["id", "seed"]) == [["b", 1]])
    }
  }

  /// Numbers that no run has overflowed in a reader or a writer.
  @Test func numbersThatNoRunHasAreRefused() throws {
    try withTemporaryFolder { runs in
      try fill(runs, ["a"])
      let folder = "\(runs)/a", path = folder + "/run.sqlite"
      func with(_ change: String) throws -> String {
        let whole = try RealDisk().bytes(of: path)
        defer { try? AtomicFile.write(whole, to: path) }
        let database = try Database(path, .write)
        try database.script(change)
        database.close()
        let export = message { try TrackioStore.add([folder], to: "\(runs)/p.db") }
        return export + message { try RunWriter.resume(folder).finish(.finished) }
      }
      for number in ["9223372036854775807", "0", "-9223372036854775808"] {
        #expect(
          try with("UPDATE run SET attempt = \(number)").contains(
            "its run is at attempt \(number) and step 2000"))
      }
      #expect(try with("UPDATE run SET step = -1").contains("its run is at attempt 1 and step -1"))
      for time in ["1e300", "-1e300", "9e999"] {
        #expect(try with("UPDATE run SET created = \(time)").contains("there is a time of "))
        #expect(try with("UPDATE tick SET time = \(time)").contains("there is a time of "))
      }
      let extremes =
        "DELETE FROM metric; INSERT INTO metric SELECT id, -9223372036854775808, 1 FROM key; "
        + "INSERT INTO metric SELECT id, 9223372036854775807, 2 FROM key"
      try Database(path, .write).script(extremes)
      #expect(try RunReader(folder).curve("loss", .points(2)).steps == [.min, .max])
    }
  }
}
