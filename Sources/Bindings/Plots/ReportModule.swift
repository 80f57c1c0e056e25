/// `perilune.report.native`: reports as one HTML file. The words a script uses are in stdlib/report.lua.
import Base
import LuaEngine
import Plots

/// A report as Lua holds it; its methods return it, so that they chain.
final class ReportObject {
  var report: Report
  init(_ report: Report) { self.report = report }
}

enum ReportModule {
  static func install(into lua: Lua) throws {
    try lua.register(declaration())
    try lua.preload(
      "perilune.report.native",
      LuaModule { module in
        module.function("new") { call in
          let options = try OptionTable(call, 1, Self.options)
          try call.pushObject(
            ReportObject(
              Report(title: try options.text("title"), footer: try options.text("footer"))))
          return 1
        }
        module.function("csv") { call in
          let cells = try cells(call, try OptionTable(call, 1, csvOptions))
          try call.pushString(try CSV.text(header: cells.header, rows: cells.rows))
          return 1
        }
      })
  }

  private static func declaration() -> LuaClass<ReportObject> {
    var object = LuaClass<ReportObject>("Report")
    func adds(_ name: String, _ body: @escaping (Call, inout Report) throws -> Void) {
      object.method(name) { call, object in
        try body(call, &object.report)
        try call.pushArgument(1)
        return 1
      }
    }
    adds("heading") { call, report in
      report.add(heading: try text(call, 2), level: call.isNil(3) ? 2 : try call.integer(3))
    }
    adds("text") { call, report in report.add(paragraph: try text(call, 2)) }
    adds("code") { call, report in report.add(preformatted: try text(call, 2), as: .code) }
    adds("output") { call, report in report.add(preformatted: try text(call, 2), as: .output) }
    adds("error") { call, report in report.add(preformatted: try text(call, 2), as: .error) }
    adds("footer") { call, report in report.footer = try text(call, 2) }
    adds("figure") { call, report in
      let caption = call.isNil(3) ? "" : try text(call, 3)
      try report.add(figure: try call.object(2, as: PlotFigure.self).figure, caption: caption)
    }
    adds("table", table)
    object.method("html") { call, object in
      try call.pushString(object.report.renderHTML())
      return 1
    }
    adds("save") { call, report in
      try AtomicFile.write(Array(report.renderHTML().utf8), to: try call.string(2))
    }
    object.metamethod("__tostring") { call in
      try call.pushString("[Report \(try call.object(1, as: ReportObject.self).report.title)]")
      return 1
    }
    return object
  }

  /// A string, or what `tostring` makes of any value but nil.
  private static func text(_ call: Call, _ i: Int) throws -> String {
    if call.isNil(i) { return try call.string(i) }
    return try call.lua.text(try call.value(i))
  }

  /// The names of the columns and the rows of text in a table of options; a nil cell is empty.
  private static func cells(_ call: Call, _ options: OptionTable) throws -> (header: [String], rows: [[String]]) {
    let header = try options.table("header").list().map { try call.lua.text($0) }
    let rows = try options.table("rows").list().enumerated().map { position, value in
      guard let row = value.asTable else {
        throw Failure(.value, "row \(position + 1) is a \(value.typeName), expected a list of cells")
      }
      return try (1...max(header.count, try row.count, 1)).map { column in
        let cell = try row.get(column)
        return cell.isNil ? "" : try call.lua.text(cell)
      }
    }
    return (header, rows)
  }

  /// table{ header = {...}, rows = {{...}, ...}, caption =, align = {"left", "right"} }
  private static func table(_ call: Call, _ report: inout Report) throws {
    let options = try OptionTable(call, 2, tableOptions)
    let cells = try cells(call, options)
    let sides = try options["align"]?.asTable?.strings().map { name in
      guard let side = Report.Alignment(rawValue: name) else {
        throw call.bad(2, "option 'align': expected left, center or right, got \"\(name)\"")
      }
      return side
    }
    try report.add(
      table: cells.header, rows: cells.rows, caption: try options.text("caption"), alignment: sides ?? [])
  }
}
