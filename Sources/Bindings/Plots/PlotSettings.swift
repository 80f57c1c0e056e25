/// The texts and axes of a figure, under matplotlib's names: options of `plot.figure{...}` and methods of a Figure.
import LuaEngine
import Plots

enum PlotSettings {
  private static let limits = Option.Kind.any("{lower, upper}; an end that is false follows the data")
  private static let positions = LegendPosition.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")

  static let options = [
    Option("title", optional: .text, "text above the axes"),
    Option("xlabel", optional: .text, "text below the x axis"),
    Option("ylabel", optional: .text, "text beside the y axis"),
    Option("note", optional: .text, "text below the figure, such as settings and seeds"),
    Option("width", Figure().width, "width of the SVG in pixels"),
    Option("height", Figure().height, "height of the SVG in pixels"),
    Option("xlim", optional: limits, "ends of the x axis", otherwise: "the range of the data"),
    Option("ylim", optional: limits, "ends of the y axis", otherwise: "the range of the data"),
    Option("xscale", AxisScale.linear, "scale of the x axis"),
    Option("yscale", AxisScale.linear, "scale of the y axis"),
    Option(
      "legend", optional: .any("true, false, " + positions), "whether and where the legend is drawn",
      otherwise: "\"best\""),
    Option("grid", true, "whether grid lines are drawn at the ticks"),
  ]

  /// The settings that are methods too; width and height go together, as `size`.
  static var methods: [Option] { options.filter { $0.name != "width" && $0.name != "height" } }

  /// The page of a setting's method.
  static func page(_ option: Option) -> Page {
    let (form, given): (String, String)
    switch option.name {
    case "xlim", "ylim": (form, given) = ("(lower, upper)", "(0, 1)")
    case "xscale", "yscale": (form, given) = ("(scale)", " 'linear'")
    case "legend": (form, given) = ("(where = true)", " 'outside'")
    case "grid": (form, given) = ("(wanted = true)", "(false)")
    default: (form, given) = ("(text)", " 'text'")
    }
    return Page(
      "fig:\(option.name)\(form)",
      "Sets the option \(option.name) of plot.figure: \(option.text). Returns the figure.",
      errors: "the value has another type, or is not one of the choices",
      example: """
        fig = require 'perilune.plot'.figure{title = 'Win rate'}:line{y = {0.5, 0.6}}
        print(rawequal(fig:\(option.name)\(given), fig))
        """, prints: "true")
  }

  static var names: [String] { options.map(\.name) }

  /// The figure that a table of settings describes.
  static func figure(_ call: Call, _ i: Int) throws -> Figure {
    let options = try OptionTable(call, i, Self.options)
    var figure = Figure()
    (figure.width, figure.height) = (try options.integer("width"), try options.integer("height"))
    for option in methods {
      guard let value = options[option.name] else { continue }
      try apply(option.name, value, to: &figure) { call.bad(i, "option '\(option.name)': \($0)") }
    }
    return figure
  }

  /// The argument of a method: one value, or two ends for xlim and ylim.
  static func value(_ call: Call, _ name: String) throws -> LuaValue {
    guard name == "xlim" || name == "ylim", call.kind(2) != .table else { return try call.value(2) }
    return .list([try call.value(2), try call.value(3)])
  }

  /// Sets one of the settings that are methods too.
  static func apply(
    _ name: String, _ value: LuaValue, to figure: inout Figure, refuse: (String) -> LuaError
  ) throws {
    func text() throws -> String {
      if let text = value.asString { return text }
      throw refuse("expected a string, got \(OptionTable.describe(value))")
    }
    func one<C: RawRepresentable & CaseIterable>(of type: C.Type) throws -> C where C.RawValue == String {
      if let found = C(rawValue: try text()) { return found }
      let known = C.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
      throw refuse("expected one of \(known), got \(OptionTable.describe(value))")
    }
    switch name {
    case "title": figure.title = try text()
    case "xlabel": figure.xlabel = try text()
    case "ylabel": figure.ylabel = try text()
    case "note": figure.note = try text()
    case "xlim": figure.xlimits = try ends(value, refuse)
    case "ylim": figure.ylimits = try ends(value, refuse)
    case "xscale": figure.xscale = try one(of: AxisScale.self)
    case "yscale": figure.yscale = try one(of: AxisScale.self)
    case "legend":
      switch value {
      case .boolean(let wanted): figure.legend = wanted ? .best : .none
      case .nil: figure.legend = .best
      default: figure.legend = try one(of: LegendPosition.self)
      }
    default:
      switch value {
      case .boolean(let wanted): figure.grid = wanted
      case .nil: figure.grid = true
      default: throw refuse("expected true or false, got \(OptionTable.describe(value))")
      }
    }
  }

  /// `{ lower, upper }`; an end that is nil or false follows the data.
  private static func ends(_ value: LuaValue, _ refuse: (String) -> LuaError) throws -> AxisRange {
    let pair: [LuaValue]
    switch value {
    case .list(let given): pair = given
    case .table(let table): pair = [try table.get(1), try table.get(2)]
    default: throw refuse("expected { lower, upper }, got \(OptionTable.describe(value))")
    }
    func end(_ value: LuaValue) throws -> Double? {
      if !value.isTrue { return nil }
      if let number = value.asNumber { return number }
      throw refuse("expected { lower, upper } of numbers, got \(OptionTable.describe(value))")
    }
    return AxisRange(lower: try end(pair[0]), upper: try end(pair[1]))
  }
}
