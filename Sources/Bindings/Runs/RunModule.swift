/// `perilune.native.run`: the store of runs. `perilune.run` is what users see of it.
import Base
import LuaEngine
import Runs

enum RunModule {
  static func install(_ library: Library) throws {
    try library.add(RunWriterClass.declaration())
    try library.add(
      NativeModule("run", title: "native.run", prefix: "native.run.", group: "run") { module in
        addOpening(&module)
        addReading(&module)
        addCheckpoints(&module)
        addFolder(&module)
      })
  }

  /// How the examples begin.
  static let start = """
    run = require 'perilune.native.run'
    runs = os.tmpname() .. '.runs'
    writer = run.create{folder = runs, name = 'a', config = '{}', params = {beta = 0.1}, hash = 'h'}

    """
  static let end = "\nwriter:close()\nrun.remove(runs .. '/a')\nrun.remove_index(runs)"

  private static let aboutOptions = [
    Option("folder", required: .text, "the folder of runs"),
    Option("name", required: .text, "name of the run"),
    Option("config", required: .text, "configuration, as JSON"),
    Option("params", required: .any("a table"), "the configuration by path: numbers, texts, booleans"),
    Option("hash", required: .text, "hash of the configuration"),
    Option("code", optional: .text, "hash of the code"),
  ]

  private static func about(_ options: OptionTable) throws -> RunWriter.About {
    let params = try options.table("params").entries().map { key, value in
      guard let path = key.asString, let value = RunValue.sql(value) else {
        throw options.refusal("params", expected: "numbers, texts and booleans by name")
      }
      return (path: path, value: value)
    }
    return RunWriter.About(
      name: try options.text("name"), config: try options.text("config"), params: params,
      hash: try options.text("hash"), code: try options.text(ifGiven: "code"),
      kernel: SystemModule.kernelLevel)
  }

  private static func addOpening(_ module: inout NativeModule) {
    module.function(
      "create",
      Page(
        "native.run.create{options} -> RunWriter",
        "A new run in a folder; its id is the name, or name-2, name-3, ... where that is taken.",
        options: aboutOptions, errors: "the name is no name of a folder; the folder cannot be written",
        example: start + "print(writer.id, writer.step)" + end, prints: "a\t0"), optionsAt: 1
    ) { call, options in
      try call.pushObject(try RunWriter.create(in: try options.text("folder"), about(options)))
      return 1
    }
    module.function(
      "alone",
      Page(
        "native.run.alone(folder, f)",
        "Calls f() while no other process is in such a call for the folder of runs, which is made if it is not "
          + "there. Who looks for a run and begins it where there is none does both within.",
        errors: "those of f; the folder cannot be written, or its disk keeps no locks",
        example: start + "run.alone(runs, function() print(#run.list(runs, {}, {'id'})) end)" + end,
        prints: "1")
    ) { call in
      let body = try call.function(2)
      try RunLock.alone(in: try call.string(1)) { try body.call([], results: 0) }
      return 0
    }
    module.function(
      "open",
      Page(
        "native.run.open(path) -> RunWriter", "The writer of a run that exists, for another attempt.",
        errors:
          "there is no such run; it has a writer already, who is named; the store is of a later version",
        example: start + """
          print((pcall(run.open, runs .. '/a')))
          writer:close()
          again = run.open(runs .. '/a')
          print(again.attempt)
          again:close()
          """ + end, prints: "false\n2")
    ) { call in
      try call.pushObject(try RunWriter.resume(try call.string(1)))
      return 1
    }
    module.function(
      "fork",
      Page(
        "native.run.fork(path, step, {options}) -> RunWriter",
        "A new run that begins with the records of another up to a step, and with its checkpoint there.",
        options: aboutOptions, errors: "the run has no checkpoint of that step, or a damaged one",
        example: start + "print((pcall(run.fork, runs .. '/a', 3, {folder = runs, name = 'b', config = '{}', "
          + "params = {}, hash = 'h'})))" + end, prints: "false"), optionsAt: 3
    ) { call, options in
      try call.pushObject(
        try RunWriter.fork(
          try call.string(1), at: try call.integer(2), in: try options.text("folder"), about(options)))
      return 1
    }
  }

  private static func addReading(_ module: inout NativeModule) {
    module.function(
      "about",
      Page(
        "native.run.about(path) -> table",
        "The columns of a run: name, status, step, config (as JSON), hash, host, ... The status is running, "
          + "finished, "
          + "failed, interrupted, or lost: that of a run without a writer that has not said how it ended.",
        errors: "there is no such run",
        example: start
          + "print(run.about(runs .. '/a').status)\nwriter:close()\nprint(run.about(runs .. '/a').status)"
          + end, prints: "running\nlost")
    ) { call in
      try call.push(RunValue.record(try RunReader(try call.string(1)).about().map { ($0.column, $0.value) }))
      return 1
    }
    module.function(
      "curve",
      Page(
        "native.run.curve(path, name, points = \"quick\") -> steps, values",
        "The values of a figure by step, as two lists: \"all\" of them; at most about so many at equal "
          + "distances; or \"quick\", all up to 5,000, and of a longer curve 500.",
        errors: "there is no such run; points is less than 2",
        example: start + "for step = 1, 3 do writer:log(step, {loss = 1 / step}) end\nwriter:commit()\n"
          + "steps, values = run.curve(runs .. '/a', 'loss')\nprint(#steps, values[2])" + end,
        prints: "3\t0.5")
    ) { call in
      let curve = try RunReader(try call.string(1)).curve(try call.string(2), try extent(call, 3))
      try call.pushIntegers(curve.steps)
      try call.push(.list(curve.values.map { .number($0) }))
      return 2
    }
    module.function(
      "value",
      Page(
        "native.run.value(path, name, take) -> number",
        "One value over the steps of a figure, NaN left out: \"max\", \"min\" or \"mean\". Nil where there is "
          + "none.",
        errors: "there is no such run; take is another",
        example: start + "for step = 1, 3 do writer:log(step, {loss = step}) end\nwriter:commit()\n"
          + "print(run.value(runs .. '/a', 'loss', 'mean'))" + end, prints: "2.0")
    ) { call in
      let given = try call.string(3)
      guard let take = RunReader.Take.allCases.first(where: { "\($0)" == given }) else {
        throw call.bad(3, "expected max, min or mean, got '\(Quoted.name(given))'")
      }
      let value = try RunReader(try call.string(1)).value(try call.string(2), take)
      try call.push(value.map { .number($0) } ?? .nil)
      return 1
    }
    module.function(
      "figures",
      Page(
        "native.run.figures(path) -> table, table",
        "The last value of every figure by step, and the figures of the whole run, by name.",
        errors: "there is no such run",
        example: start + "writer:log(1, {loss = 2})\nwriter:set('peak', 3)\nwriter:commit()\n"
          + "last, whole = run.figures(runs .. '/a')\nprint(last.loss, whole.peak)" + end, prints: "2.0\t3")
    ) { call in
      let reader = try RunReader(try call.string(1))
      try call.push(.record(try reader.last().map { ($0.name, .number($0.value)) }))
      try call.push(RunValue.record(try reader.summary()))
      return 2
    }
    module.function(
      "records",
      Page(
        "native.run.records(path, kind) -> list of tables",
        "What a run has recorded of a kind: \"event\", \"file\", \"tick\" (the time of each step), or "
          + "\"history\" (what "
          + "happened to its processes).", errors: "there is no such run or kind",
        example: start + "writer:event(1, 'evaluated', 'fine')\nwriter:commit()\n"
          + "print(run.records(runs .. '/a', 'event')[1].text, run.records(runs .. '/a', 'history')[1].what)"
          + end,
        prints: "fine\tstarted")
    ) { call in
      let kinds = RunReader.Records.allCases.map(\.rawValue)
      let given = try call.string(2)
      guard let kind = RunReader.Records(rawValue: given) else {
        throw call.bad(2, "expected one of \(kinds.joined(separator: ", ")), got '\(Quoted.name(given))'")
      }
      let records = try RunReader(try call.string(1)).records(of: kind)
      try call.push(.list(records.map { RunValue.record($0) }))
      return 1
    }
    module.function(
      "dump",
      Page(
        "native.run.dump(path) -> text",
        "All that a run is, as sorted lines, without times: two runs of the same settings have the same "
          + "text, however "
          + "often one was cut.", errors: "there is no such run",
        example: start
          + "writer:log(1, {loss = 2})\nwriter:commit()\nprint((run.dump(runs .. '/a'):gsub('%s+$', '')))"
          + end,
        prints: "run\ta\th\t1\nparam\tbeta\t0.1\nfigure\tloss\t1\t2.0")
    ) { call in
      try call.pushString(try RunReader(try call.string(1)).dump())
      return 1
    }
  }

  /// How much of a curve an argument asks for.
  private static func extent(_ call: Call, _ position: Int) throws -> RunReader.Extent {
    if call.isNil(position) { return .quick }
    switch try call.value(position) {
    case .string("quick"): return .quick
    case .string("all"): return .all
    default:
      let points = try call.integer(position)
      if points < 2 { throw call.bad(position, "expected at least 2 points, got \(points)") }
      return .points(points)
    }
  }

  private static func addFolder(_ module: inout NativeModule) {
    module.function(
      "list",
      Page(
        "native.run.list(folder, filters, columns) -> list of tables, problems",
        "The runs of a folder that have the value given for every name, in the order in which they were "
          + "made. A name is "
          + "\"id\", a column of native.run.about, a path of the configuration or the name of a figure, of "
          + "which the "
          + "last value counts. The index `runs.sqlite` of the folder is brought up to date first; `problems` is a "
          + "list of what is wrong with runs that cannot be read.",
        errors: "there is no such folder",
        example: start + "print(run.list(runs, {beta = 0.1}, {'id', 'status'})[1].status)" + end,
        prints: "running")
    ) { call in
      let index = try RunIndex(try call.string(1))
      let problems = try index.refresh()
      let filters = try call.table(2).entries().map { key, value in
        guard let name = key.asString else {
          throw call.bad(2, "expected numbers, texts and booleans by name, got one by a \(key.typeName)")
        }
        guard let value = RunValue.sql(value) else {
          throw call.bad(2, "expected numbers, texts and booleans by name, got a \(value.typeName)")
        }
        return (name: name, value: value)
      }
      let columns = try call.table(3).strings()
      let rows = try index.list(where: filters, columns: columns)
      try call.push(.list(rows.map { RunValue.record(Array(zip(columns, $0))) }))
      try call.push(.list(problems.map { .string($0) }))
      return 2
    }
    module.function(
      "names",
      Page(
        "native.run.names(folder) -> list", "The names that native.run.list takes.",
        errors: "there is no such folder",
        example: start + "names = run.names(runs)\nprint(names[1], names[#names])" + end, prints: "id\tbeta")
    ) { call in
      let index = try RunIndex(try call.string(1))
      try index.refresh()
      try call.push(.list(try index.names().map { .string($0) }))
      return 1
    }
    module.function(
      "trackio",
      Page(
        "native.run.trackio(paths, file)",
        "Adds runs to a file in the layout of trackio, whose dashboard shows it: a database a project.",
        errors: "there is no such run; the file cannot be written",
        source: "trackio, docs/source/storage_schema.md",
        example: start
          + "writer:log(1, {loss = 2})\nwriter:commit()\nrun.trackio({runs .. '/a'}, runs .. '/p.db')\n"
          + "print(require 'perilune.system'.exists(runs .. '/p.db'))\nos.remove(runs .. '/p.db')" + end,
        prints: "true")
    ) { call in
      try TrackioStore.add(try call.table(1).strings(), to: try call.string(2))
      return 0
    }
    module.function(
      "remove",
      Page(
        "native.run.remove(path)", "Removes a run with its checkpoints.",
        errors: "there is no such run; it has a writer",
        example: start + "print((pcall(run.remove, runs .. '/a')))" + end, prints: "false")
    ) { call in
      try RunWriter.remove(try call.string(1))
      return 0
    }
    module.function(
      "remove_index",
      Page(
        "native.run.remove_index(folder)",
        "Removes the index of a folder of runs, which the next listing makes anew, and the folder if it is "
          + "empty.",
        example: start + "run.remove_index(runs)\nprint(#run.list(runs, {}, {'id'}))" + end, prints: "1")
    ) { call in
      RunIndex.remove(in: try call.string(1))
      return 0
    }
  }
}

/// Values between Lua and the store.
enum RunValue {
  /// Nil for what no column holds. A NaN is NULL.
  static func sql(_ value: LuaValue) -> SQLValue? {
    switch value {
    case .boolean(let flag): return .flag(flag)
    case .integer(let value): return .integer(Int(value))
    case .number(let value): return value.isNaN ? .null : .real(value)
    case .string(let text): return .text(text)
    default: return nil
    }
  }

  static func lua(_ value: SQLValue) -> LuaValue {
    switch value {
    case .null: return .nil
    case .integer(let value): return .int(value)
    case .real(let value): return .number(value)
    case .text(let text): return .string(text)
    case .flag(let flag): return .boolean(flag)
    }
  }

  static func record(_ fields: [(String, SQLValue)]) -> LuaValue {
    .record(fields.map { ($0.0, lua($0.1)) })
  }
}
