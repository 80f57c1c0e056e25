/// The class Figure. Methods that add series or change settings return the figure, so that calls chain.
import Base
import LuaEngine
import Plots

final class PlotFigure {
  var figure: Figure
  init(_ figure: Figure) { self.figure = figure }

  /// What `draw` makes of the figure as it is now; Ctrl-C ends the wait for it.
  func rendered<T>(_ draw: @escaping (Figure) throws -> T) throws -> T {
    let figure = figure
    return try Detached.run { try draw(figure) }
  }

  private static let drawn =
    "fig = require 'perilune.plot'.figure{title = 'Win rate'}:line{y = {0.5, 0.6}}\n"

  static func declaration() -> NativeClass<PlotFigure> {
    var object = NativeClass<PlotFigure>("Figure", group: "figures")
    for kind in PlotSeries.kinds {
      object.chained(kind.name, kind.page) { call, object in
        let series = try kind.read(call)
        try series.check()
        object.figure.add(series)
      }
    }
    for option in PlotSettings.methods {
      object.chained(option.name, PlotSettings.page(option)) { call, object in
        try PlotSettings.apply(option.name, try PlotSettings.value(call, option.name), to: &object.figure) {
          call.bad(2, $0)
        }
      }
    }
    object.chained(
      "size",
      Page(
        "fig:size(width, height)", "Sets the size of the SVG in pixels. Returns the figure.",
        example: drawn + "print(fig:size(640, 360):svg():find('640', 1, true) ~= nil)", prints: "true")
    ) { call, object in
      (object.figure.width, object.figure.height) = (try call.integer(2), try call.integer(3))
    }
    addOutput(&object)
    PlotPictures.add(to: &object, drawn: drawn)
    object.metamethod("__tostring") { call in
      let object = try call.object(1, as: PlotFigure.self)
      let isUnicode = TerminalGraphics.isUnicode
      var text = try object.rendered {
        try $0.renderText(width: Terminal.columns, color: Terminal.hasColor, unicode: isUnicode)
      }
      if text.hasSuffix("\n") { text.removeLast() }
      try call.pushString(text)
      return 1
    }
    return object
  }

  private static func addOutput(_ object: inout NativeClass<PlotFigure>) {
    object.chained(
      "save",
      Page(
        "fig:save(path, {options})",
        "Writes the figure; the extension of path is the format: .svg, .png, .pdf, .csv (the data of the figure) or .txt. "
          + "Returns the figure.", options: [PlotPictures.scale, PlotPictures.background],
        errors: "the extension is another; the file cannot be written; PNG and PDF: librsvg is missing",
        example: drawn + """
          path = os.tmpname() .. '.csv'
          fig:save(path)
          print(#io.open(path):read 'a' > 0)
          os.remove(path)
          """, prints: "true"), save)
    object.method(
      "svg",
      Page(
        "fig:svg()", "The figure as the text of an SVG file.",
        errors: "an axis cannot be drawn, such as a log scale of a number that is not positive",
        example: drawn + "print(fig:svg():find('<svg', 1, true) ~= nil)", prints: "true")
    ) { call, object in
      try call.pushString(try object.rendered { try $0.renderSVG() })
      return 1
    }
    object.method(
      "csv",
      Page(
        "fig:csv()", "The data of the figure as comma-separated lines with a header.",
        example: drawn + "print(select(2, fig:csv():gsub('\\n', '')))", prints: "3")
    ) { call, object in
      try call.pushString(try object.rendered { try $0.csv() })
      return 1
    }
    object.method(
      "text",
      Page(
        "fig:text{options}", "The figure drawn with characters, as print(fig) shows it.",
        options: [
          Option("width", optional: .integer, "width in characters", otherwise: "the terminal's"),
          Option("height", 20, "height in lines"), Option("color", false, "whether to use terminal colours"),
          Option(
            "unicode", optional: .flag, "whether to use braille and box-drawing characters",
            otherwise: "by plot.terminal and the locale"),
        ],
        example: drawn + "print(fig:text{width = 60}:find('Win rate', 1, true) ~= nil)", prints: "true"),
      optionsAt: 2, text)
    object.method(
      "show",
      Page(
        "fig:show()",
        "Prints the figure with characters. Returns nothing, so that the prompt does not print it again.",
        example: drawn + """
          local print, shown = print; _G.print = function(f) shown = tostring(f) end
          fig:show()
          _G.print = print; print(#shown > 0)
          """, prints: "true")
    ) { call, _ in
      // Lua's print is called, so that a script that replaces it receives figures too.
      try call.lua.global("print").asFunction?.call([try call.value(1)], results: 0)
      return 0
    }
  }

  private static func text(_ call: Call, _ object: PlotFigure, _ options: OptionTable) throws -> Int {
    let width = try options.integer(ifGiven: "width") ?? Terminal.columns
    let (height, color) = (try options.integer("height"), try options.flag("color"))
    let unicode = try options.flag(ifGiven: "unicode") ?? TerminalGraphics.isUnicode
    try call.pushString(
      try object.rendered { try $0.renderText(width: width, height: height, color: color, unicode: unicode) })
    return 1
  }

  private static func save(_ call: Call, _ object: PlotFigure) throws {
    let path = try call.string(2)
    guard let format = PlotPictures.Format(path: path) else {
      throw call.bad(2, "a name that ends in \(PlotPictures.Format.endings) expected, got \"\(path)\"")
    }
    let options = try OptionTable(call, 3, [PlotPictures.scale, PlotPictures.background])
    let contents = try PlotPictures.bytes(object.figure, format, options)
    try AtomicFile.write(contents, to: path)
  }
}
