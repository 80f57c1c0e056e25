/// `perilune.native.report`: reports as one HTML file. Scripts use stdlib/report.lua.
import Base
import LuaEngine
import Plots

/// A report as Lua holds it; its methods return it, so that they chain.
final class ReportObject {
  var report: Report
  init(_ report: Report) { self.report = report }
}

enum ReportModule {
  static func install(_ library: Library) throws {
    try library.add(
      NativeModule("report", prefix: "native.report.", group: "reports") { module in
        module.function(
          "new",
          Page(
            "native.report.new{options}", "An empty Report; scripts call report.new.",
            options: [
              Option("title", "Report", "first heading and title of the page"),
              Option("footer", "", "text at the end, such as date, commit and command"),
            ],
            example: "print(require 'perilune.native.report'.new{title = 'The gap'})",
            prints: "[Report The gap]"), optionsAt: 1
        ) { call, options in
          try call.pushObject(
            ReportObject(Report(title: try options.text("title"), footer: try options.text("footer"))))
          return 1
        }
        module.function(
          "csv",
          Page(
            "native.report.csv{options}",
            "A table as comma-separated text, quoted as in RFC 4180. Text that a spreadsheet would take for a formula, such "
              + "as text that begins with =, is prefixed with an apostrophe. Scripts call csv.encode.",
            options: cellOptions, errors: "a row has more cells than the header",
            example: """
              csv = require 'perilune.native.report'.csv
              text = csv{header = {'side', 'win rate'}, rows = {{'online, ipo', 0.71}}}
              print((text:match '\\n(.-)\\r'))
              """, prints: "\"online, ipo\",0.71"), optionsAt: 1
        ) { call, options in
          let cells = try cells(call, options)
          try call.pushString(try CSV.text(header: cells.header, rows: cells.rows))
          return 1
        }
      })
    try library.add(declaration())
  }

  private static let cellOptions = [
    Option("header", required: .list("strings"), "names of the columns"),
    Option("rows", required: .list("rows, each a list of cells"), "cells of each row; nil is an empty cell"),
  ]
  private static let new = "r = require 'perilune.report'.new{title = 'The gap'}\n"

  /// The page of a method whose HTML the example finds in the report.
  private static func page(_ form: String, _ summary: String, _ call: String, gives html: String) -> Page {
    Page(
      "r:\(form)", summary + " Returns the report.",
      example: new + "print(r:\(call):html():find('\(html)', 1, true) ~= nil)", prints: "true")
  }

  private static func declaration() -> NativeClass<ReportObject> {
    var object = NativeClass<ReportObject>("Report", group: "reports")
    object.chained(
      "heading", page("heading(text, level = 2)", "Adds a heading.", "heading('Win rate', 3)", gives: "<h3")
    ) { call, object in
      object.report.add(heading: try text(call, 2), level: call.isNil(3) ? 2 : try call.integer(3))
    }
    object.chained(
      "text",
      page(
        "text(text)", "Adds text; an empty line starts a new paragraph.", "text 'Two runs.'",
        gives: "<p>Two runs.</p>")
    ) { call, object in object.report.add(paragraph: try text(call, 2)) }
    object.chained("code", page("code(text)", "Adds source code.", "code 'x = 1'", gives: "x = 1")) {
      call, object in object.report.add(preformatted: try text(call, 2), as: .code)
    }
    object.chained(
      "output", page("output(text)", "Adds the output of a program.", "output '42'", gives: "42")
    ) { call, object in object.report.add(preformatted: try text(call, 2), as: .output) }
    object.chained(
      "error",
      page("error(text)", "Adds an error message.", "error 'no such file'", gives: "no such file")
    ) { call, object in object.report.add(preformatted: try text(call, 2), as: .error) }
    object.chained(
      "footer", page("footer(text)", "Sets the text at the end.", "footer 'seed 7'", gives: "seed 7")
    ) { call, object in object.report.footer = try text(call, 2) }
    object.chained(
      "figure",
      Page(
        "r:figure(fig, caption = nil)", "Adds a Figure as SVG. Returns the report.",
        errors: "fig is no Figure, or cannot be drawn",
        example: new + """
          fig = require 'perilune.plot'.line{y = {1, 2}}
          print(r:figure(fig, 'Loss'):html():find('<svg', 1, true) ~= nil)
          """, prints: "true")
    ) { call, object in
      let caption = call.isNil(3) ? "" : try text(call, 3)
      try object.report.add(figure: try call.object(2, as: PlotFigure.self).figure, caption: caption)
    }
    addTable(&object)
    object.method(
      "html",
      Page(
        "r:html()", "The report as the text of one HTML file without external resources.",
        example: new + "print(r:html():sub(1, 15))", prints: "<!DOCTYPE html>")
    ) { call, object in
      try call.pushString(object.report.renderHTML())
      return 1
    }
    object.chained(
      "save",
      Page(
        "r:save(path)", "Writes the report as one HTML file. Returns the report.",
        errors: "the file cannot be written",
        example: new + """
          path = os.tmpname()
          r:save(path)
          print(io.open(path):read 'a' == r:html())
          os.remove(path)
          """, prints: "true")
    ) { call, object in
      try AtomicFile.write(Array(object.report.renderHTML().utf8), to: try call.string(2))
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

  private static func addTable(_ object: inout NativeClass<ReportObject>) {
    object.method(
      "table",
      Page(
        "r:table{options}", "Adds a table. Returns the report.",
        options: cellOptions + [
          Option("caption", "", "text above the table"),
          Option(
            "align", optional: .list("\"left\", \"center\" or \"right\""), "alignment of each column",
            otherwise: "numbers right, text left"),
        ], errors: "a row has more cells than the header",
        example: new + """
          r:table{header = {'method', 'win rate'}, rows = {{'online', 0.71}}}
          print(r:html():find('<td class="right">0.71</td>', 1, true) ~= nil)
          """, prints: "true"), optionsAt: 2
    ) { call, object, options in
      // The cells are read before the report is touched: their `__tostring` may use the report itself.
      let add = try table(options, call)
      try add(&object.report)
      try call.pushArgument(1)
      return 1
    }
  }

  /// The names of the columns and the rows of text in a table of options; a nil cell is empty.
  private static func cells(_ call: Call, _ options: OptionTable) throws -> (
    header: [String], rows: [[String]]
  ) {
    let header = try options.table("header").list().map { try call.lua.text($0) }
    let rows = try options.table("rows").list().enumerated().map { position, value in
      guard let row = value.asTable else {
        throw Failure(.value, "row \(position + 1) is a \(value.typeName), expected a list of cells")
      }
      return try (1...max(header.count, try row.rawCount, 1)).map { column in
        let cell = try row.get(column)
        return cell.isNil ? "" : try call.lua.text(cell)
      }
    }
    return (header, rows)
  }

  private static func table(_ options: OptionTable, _ call: Call) throws -> (inout Report) throws -> Void {
    let cells = try cells(call, options)
    let sides = try options["align"]?.asTable?.strings().map { name in
      guard let side = Report.Alignment(rawValue: name) else {
        throw call.bad(2, "option 'align': expected left, center or right, got \"\(name)\"")
      }
      return side
    }
    let caption = try options.text("caption")
    return { try $0.add(table: cells.header, rows: cells.rows, caption: caption, alignment: sides ?? []) }
  }
}
