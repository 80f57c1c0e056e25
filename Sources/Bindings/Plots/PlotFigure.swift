/// A figure as Lua holds it: methods that add series or change words return the figure, so that they chain.
import Base
import LuaEngine
import Plots

final class PlotFigure {
  var figure: Figure
  init(_ figure: Figure) { self.figure = figure }

  static func declaration() -> LuaClass<PlotFigure> {
    var object = LuaClass<PlotFigure>("Figure")
    for kind in PlotSeries.kinds {
      object.method(kind.name) { call, object in
        let series = try kind.read(call)
        try series.check()
        object.figure.add(series)
        try call.pushArgument(1)
        return 1
      }
    }
    for name in PlotSettings.methods.map(\.name) {
      object.method(name) { call, object in
        try PlotSettings.apply(name, try PlotSettings.value(call, name), to: &object.figure) {
          call.bad(2, $0)
        }
        try call.pushArgument(1)
        return 1
      }
    }
    object.method("size") { call, object in
      (object.figure.width, object.figure.height) = (try call.integer(2), try call.integer(3))
      try call.pushArgument(1)
      return 1
    }
    object.method("save", save)
    object.method("svg") { call, object in
      try call.pushString(try object.figure.renderSVG())
      return 1
    }
    object.method("csv") { call, object in
      try call.pushString(try object.figure.csv())
      return 1
    }
    object.method("text", text)
    object.method("show") { call, _ in
      // Through Lua's print, so that whoever catches printed text catches figures.
      try call.lua.global("print").asFunction?.call([try call.value(1)], results: 0)
      try call.pushArgument(1)
      return 1
    }
    object.metamethod("__tostring") { call in
      let object = try call.object(1, as: PlotFigure.self)
      var text = try object.figure.renderText(
        width: Terminal.columns, color: Terminal.hasColor, unicode: Terminal.isUnicode)
      if text.hasSuffix("\n") { text.removeLast() }
      try call.pushString(text)
      return 1
    }
    return object
  }

  /// text{ width=, height=, color=, unicode= } -> the drawing in letters, each line ended.
  private static func text(_ call: Call, _ object: PlotFigure) throws -> Int {
    let options = try OptionTable(call, 2, textOptions)
    try call.pushString(
      try object.figure.renderText(
        width: try options.integer(ifGiven: "width") ?? Terminal.columns,
        height: try options.integer("height"),
        color: try options.flag("color"),
        unicode: try options.flag(ifGiven: "unicode") ?? Terminal.isUnicode))
    return 1
  }

  /// save(path): the ending of the name says what is written.
  private static func save(_ call: Call, _ object: PlotFigure) throws -> Int {
    let path = try call.string(2)
    let contents: String
    switch path.split(separator: ".").last.map({ $0.lowercased() }) {
    case "svg": contents = try object.figure.renderSVG()
    case "csv": contents = try object.figure.csv()
    case "txt": contents = try object.figure.renderText(width: 80)
    default: throw call.bad(2, "a name that ends in .svg, .csv or .txt expected, got \"\(path)\"")
    }
    try AtomicFile.write(Array(contents.utf8), to: path)
    try call.pushArgument(1)
    return 1
  }
}
