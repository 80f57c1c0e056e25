/// A progress line as Lua holds it: it remembers how fast steps went, so that the time left is that of late steps.
import Base
import LuaEngine
import Plots

final class PlotProgress {
  private var bar = ProgressBar(unicode: Terminal.isUnicode)

  static func declaration() -> LuaClass<PlotProgress> {
    var object = LuaClass<PlotProgress>("ProgressBar")
    object.method("text", text)
    return object
  }

  /// text{ step=, total=, elapsed=, label=, metrics=, width= } -> the line for this moment, without a line end.
  private static func text(_ call: Call, _ object: PlotProgress) throws -> Int {
    let options = try OptionTable(call, 2, Self.options)
    let metrics = try options["metrics"]?.asTable?.entries().compactMap { entry -> (String, Double)? in
      guard let name = entry.key.asString, let value = entry.value.asNumber else { return nil }
      return (name, value)
    }
    try call.pushString(
      object.bar.text(
        step: try options.integer("step"), total: try options.integer("total"),
        elapsedSeconds: try options.number("elapsed"), label: try options.text("label"),
        metrics: (metrics ?? []).sorted { $0.0 < $1.0 },
        width: try options.integer(ifGiven: "width") ?? Terminal.columns))
    return 1
  }
}
