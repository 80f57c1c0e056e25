/// The class ProgressBar: it remembers the times of recent steps, from which it estimates the remaining time.
import Base
import LuaEngine
import Plots

final class PlotProgress {
  private var bar = ProgressBar(unicode: Terminal.isUnicode)

  static func declaration() -> NativeClass<PlotProgress> {
    var object = NativeClass<PlotProgress>("ProgressBar", group: "figures")
    object.method(
      "text",
      Page(
        "bar:text{options}",
        "The progress bar as one line of text without a newline. The remaining time is estimated from the recent steps.",
        options: [
          Option("step", 0, "steps done"), Option("total", 0, "number of steps; 0 if unknown"),
          Option("elapsed", 0.0, "seconds since the start"), Option("label", "", "text before the bar"),
          Option("metrics", optional: .any("a table of numbers by name"), "metrics, shown sorted by name"),
          Option("width", optional: .integer, "width in characters", otherwise: "the terminal's"),
        ],
        example: """
          bar = require 'perilune.native.plot'.progress_bar()
          print(bar:text{step = 1, total = 4, label = 'sft'}:find('sft', 1, true) ~= nil)
          """, prints: "true"), optionsAt: 2, text)
    return object
  }

  private static func text(_ call: Call, _ object: PlotProgress, _ options: OptionTable) throws -> Int {
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
