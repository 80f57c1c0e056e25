/// The class `RunWriter` of Lua: what a run records, and its checkpoints.
import Base
import LuaEngine
import Runs

enum RunWriterClass {
  private static let start = RunModule.start, end = RunModule.end
  private static let closed = "the writer is closed"

  static func declaration() -> NativeClass<RunWriter> {
    var writer = NativeClass<RunWriter>("RunWriter", group: "run")
    addRecords(&writer)
    addCheckpoints(&writer)
    addEnd(&writer)
    addProperties(&writer)
    return writer
  }

  private static func addRecords(_ writer: inout NativeClass<RunWriter>) {
    writer.method(
      "log",
      Page(
        "writer:log(step, figures)",
        "Records the numbers and booleans of a table at a step; nested tables give names with a dot. Other "
          + "values are "
          + "left out. A disk that refuses them raises no error: see writer.problem.", errors: closed,
        example: start + "writer:log(1, {loss = 0/0, win = {mean = 0.5}})\nwriter:commit()\n"
          + "print(run.curve(runs .. '/a', 'win.mean')[1])" + end, prints: "1")
    ) { call, writer in
      var figures: [(name: String, value: Double)] = []
      try collect(try call.table(3), "", 0, &figures)
      figures.sort { $0.name < $1.name }
      try writer.log(step: try call.integer(2), figures)
      return 0
    }
    writer.method(
      "event",
      Page(
        "writer:event(step, kind, text)", "Records what happened at a step.", errors: closed,
        example: start + "writer:event(2, 'note', 'halfway')\nwriter:commit()\n"
          + "print(run.records(runs .. '/a', 'event')[1].step)" + end, prints: "2")
    ) { call, writer in
      try writer.event(step: try call.integer(2), kind: try call.string(3), try call.string(4))
      return 0
    }
    writer.method(
      "set",
      Page(
        "writer:set(name, value)", "Records a figure of the whole run, such as its peak.",
        errors: "the value is no number, text or boolean; " + closed,
        example: start + "writer:set('peak', 0.8)\nwriter:commit()\n"
          + "print(select(2, run.figures(runs .. '/a')).peak)" + end, prints: "0.8")
    ) { call, writer in
      guard let value = RunValue.sql(try call.value(3)) else {
        throw call.bad(3, "expected a number, a text or a boolean, got \(call.typeName(3))")
      }
      try writer.set(try call.string(2), value)
      return 0
    }
    writer.method(
      "add_file",
      Page(
        "writer:add_file(name, kind, step)",
        "Records a file in the folder of the run, with its size and SHA-256.",
        errors: "the file cannot be read; " + closed,
        example: start + "print((pcall(writer.add_file, writer, 'none.txt', 'report', 1)))" + end,
        prints: "false")
    ) { call, writer in
      try writer.add(file: try call.string(2), kind: try call.string(3), step: try call.integer(4))
      return 0
    }
    writer.method(
      "commit",
      Page(
        "writer:commit()",
        "Writes what waits to the disk now; by itself that happens about once a second. A disk that refuses it "
          + "raises no error: see writer.problem.", errors: closed,
        example: start + "writer:log(1, {x = 1})\nwriter:commit()\nprint(writer.problem)" + end, prints: "nil"
      )
    ) { _, writer in
      try writer.commitIfPossible()
      return 0
    }
  }

  /// The numbers of a table, with dots in the names of nested ones.
  private static func collect(
    _ table: LuaTable, _ prefix: String, _ depth: Int, _ figures: inout [(name: String, value: Double)]
  ) throws {
    for (key, value) in try table.entries() {
      let name: String
      if let text = key.asString {
        name = prefix + text
      } else if let i = key.asInteger {
        name = "\(prefix)\(i)"
      } else {
        continue
      }
      switch value {
      case .integer(let x): figures.append((name, Double(x)))
      case .number(let x): figures.append((name, x))
      case .boolean(let flag): figures.append((name, flag ? 1 : 0))
      case .table(let inner) where depth < 8: try collect(inner, name + ".", depth + 1, &figures)
      default: continue
      }
    }
  }

  private static func addCheckpoints(_ writer: inout NativeClass<RunWriter>) {
    let saved = """
      path = writer:begin_checkpoint(10)
      require 'perilune.system'.write_file(path .. '/state', 'x')
      writer:finish_checkpoint(path, 10, 2)

      """
    writer.method(
      "begin_checkpoint",
      Page(
        "writer:begin_checkpoint(step) -> path", "A folder to write the files of a checkpoint into.",
        errors: "the folder cannot be made; " + closed, also: "writer:finish_checkpoint",
        example: start + "print(writer:begin_checkpoint(10):match '[^/]*/[^/]*$')" + end,
        prints: "checkpoints/.new-10")
    ) { call, writer in
      let folder = try writer.beginCheckpoint(step: try call.integer(2))
      do { try call.pushString(folder) } catch {
        try? CheckpointFolder.drop(folder: folder)  // the caller never learns of it
        throw error
      }
      return 1
    }
    writer.method(
      "finish_checkpoint",
      Page(
        "writer:finish_checkpoint(path, step, keep)",
        "Makes the files in the folder a checkpoint, with a manifest of their sizes and SHA-256, and "
          + "removes all but "
          + "the last `keep`. After a crash at any point the checkpoint is there whole, or the ones before "
          + "it are.",
        errors: "a file cannot be read or synced; the record cannot be written; keep is less than 1; "
          + closed,
        example: start + saved + "print(writer:newest_checkpoint())" + end,
        prints: "step-00000010\t10")
    ) { call, writer in
      let keep = try call.integer(4)
      if keep < 1 { throw call.bad(4, "expected at least 1 checkpoint to keep, got \(keep)") }
      try writer.checkpoint(try call.string(2), step: try call.integer(3), keep: keep)
      return 0
    }
    writer.method(
      "newest_checkpoint",
      Page(
        "writer:newest_checkpoint() -> name, step, damaged",
        "The newest checkpoint that is whole, and a list of what is wrong with newer ones, nil if there is "
          + "none; "
          + "nothing where there is no checkpoint.", errors: closed,
        example: start + saved + """
          require 'perilune.system'.write_file(writer.folder .. '/checkpoints/step-00000010/state', 'y')
          print(select(3, writer:newest_checkpoint())[1]:match 'state is damaged')
          """ + end, prints: "state is damaged")
    ) { call, writer in
      let (found, damaged) = try writer.newestCheckpoint()
      try call.push(found.map { .string($0.name) } ?? .nil)
      try call.push(found.map { .int($0.step) } ?? .nil)
      if damaged.isEmpty { return 2 }
      try call.push(.list(damaged.map { .string($0) }))
      return 3
    }
    writer.method(
      "cut",
      Page(
        "writer:cut(step, keep = nil)",
        "Removes what was recorded after a step, in one transaction, the checkpoints after it, and what a crash "
          + "has left; with `keep`, only the last so many checkpoints are kept.",
        errors: "keep is less than 1; the record cannot be written; " + closed,
        example: start + "for step = 1, 3 do writer:log(step, {x = step}) end\nwriter:cut(2)\n"
          + "print(#run.curve(runs .. '/a', 'x'))" + end, prints: "2")
    ) { call, writer in
      let keep = call.isNil(3) ? .max : try call.integer(3)
      if keep < 1 { throw call.bad(3, "expected at least 1 checkpoint to keep, got \(keep)") }
      try writer.cut(after: try call.integer(2), keep: keep)
      return 0
    }
  }

  private static func addEnd(_ writer: inout NativeClass<RunWriter>) {
    writer.method(
      "note",
      Page(
        "writer:note(what, text)", "Records what happens to the process of the run, in its history.",
        errors: "the record cannot be written; " + closed,
        example: start
          + "writer:note('moved', 'to another disk')\nprint(run.records(runs .. '/a', 'history')[2].what)"
          + end, prints: "moved")
    ) { call, writer in
      try writer.note(try call.string(2), try call.string(3))
      return 0
    }
    writer.method(
      "finish",
      Page(
        "writer:finish(status, message = nil)",
        "Records how the run ended, \"finished\", \"failed\" or \"interrupted\", and closes it.",
        errors: "the status is another; the record cannot be written; " + closed,
        example: start + "writer:finish('failed', 'no luck')\nprint(run.about(runs .. '/a').error)" + end,
        prints: "no luck")
    ) { call, writer in
      let given = try call.string(2)
      guard let status = RunWriter.Status(rawValue: given), status != .running, status != .lost else {
        throw call.bad(2, "expected finished, failed or interrupted, got '\(Quoted.name(given))'")
      }
      try writer.finish(status, error: call.isNil(3) ? nil : try call.string(3))
      return 0
    }
    writer.method(
      "close",
      Page(
        "writer:close()",
        "Writes what waits and frees the run, without saying how it ended; nothing where it is closed already.",
        example: start + "writer:close()\nprint(run.about(runs .. '/a').status)" + end, prints: "lost")
    ) { _, writer in
      writer.close()
      return 0
    }
    writer.metamethod("__tostring") { call in
      let writer = try call.object(1, as: RunWriter.self)
      try call.pushString("[RunWriter \(writer.id): step \(writer.step), attempt \(writer.attempt)]")
      return 1
    }
  }

  private static func addProperties(_ writer: inout NativeClass<RunWriter>) {
    func example(_ name: String) -> String { start + "print(writer.\(name))" + end }
    writer.property(
      "id", Page("writer.id", "The name of the run's folder.", example: example("id"), prints: "a")
    ) { .string($0.id) }
    writer.property(
      "folder",
      Page(
        "writer.folder", "The path of the run's folder.",
        example: start + "print(writer.folder == runs .. '/a')" + end, prints: "true")
    ) { .string($0.folder) }
    writer.property(
      "step", Page("writer.step", "The last step recorded.", example: example("step"), prints: "0")
    ) { .int($0.step) }
    writer.property(
      "attempt",
      Page(
        "writer.attempt", "1, and 1 more each time the run is resumed.", example: example("attempt"),
        prints: "1")
    ) { .int($0.attempt) }
    writer.property(
      "dropped",
      Page(
        "writer.dropped", "Figures that were given up because the disk refused a million of them.",
        example: example("dropped"), prints: "0")
    ) { .int($0.dropped) }
    writer.property(
      "problem",
      Page(
        "writer.problem",
        "Why the last commit failed, or nil. What it should have written waits for the next.",
        example: example("problem"), prints: "nil")
    ) { $0.problem.map { .string($0) } ?? .nil }
  }
}
