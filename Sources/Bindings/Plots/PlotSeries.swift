/// The series of a figure: `fig:line{x =, y =, label =}`. Numbers are lists or tensors.
import Autograd
import Base
import LuaEngine
import Plots

enum PlotSeries {
  /// A kind of series: the name of its method, its options with their page, and how they are read.
  struct Kind {
    let name: String
    let summary: String
    let options: [Option]
    /// The options of the page's example.
    let example: String
    let shape: (Reader) throws -> Series.Shape

    var page: Page {
      Page(
        "fig:\(name){options}", summary + " Returns the figure.", options: options + PlotSeries.looks,
        errors: "lists differ in length",
        example: """
          fig = require 'perilune.plot'.figure{}
          print(rawequal(fig:\(name){\(example)}, fig))
          """, prints: "true")
    }

    func read(_ call: Call) throws -> Series {
      let table = try OptionTable(call, 2, options + PlotSeries.looks)
      return Series(
        try shape(Reader(call: call, options: table)), label: try table.text("label"),
        color: try table.text(ifGiven: "color"), marker: try table.choice(ifGiven: "marker"),
        style: try table.choice(ifGiven: "style"))
    }
  }

  private static let looks = [
    Option("label", "", "text in the legend"),
    Option(
      "color", optional: .text, "\"#rrggbb\" or a name in plot.colors", otherwise: "the next of the palette"),
    Option("marker", optional: Marker.self, "shape of the points", otherwise: "by kind"),
    Option("style", optional: LineStyle.self, "pattern of the line", otherwise: "\"solid\""),
  ]
  private static let numbers = Option.Kind.any("a list of numbers or a Tensor")
  private static let xOption = Option("x", optional: numbers, "positions", otherwise: "1, 2, 3, ...")
  private static let yOption = Option("y", required: numbers, "heights")
  private static func errorOption(_ name: String) -> Option {
    Option(
      name, optional: .any("a number, a list or {lower =, upper =}"),
      "lengths of the error bars from the point")
  }

  static let kinds: [Kind] = [
    Kind(
      name: "line", summary: "A line through points.", options: [xOption, yOption], example: "y = {0.5, 0.6}"
    ) { table in
      let y = try table.needed("y")
      return .line(x: try table.numbers("x") ?? table.positions(y), y: y)
    },
    Kind(
      name: "scatter", summary: "Points.", options: [xOption, yOption], example: "x = {1, 2}, y = {0.5, 0.6}"
    ) { table in
      let y = try table.needed("y")
      return .scatter(x: try table.numbers("x") ?? table.positions(y), y: y)
    },
    Kind(
      name: "errorbar", summary: "Points with error bars.",
      options: [
        xOption, yOption, errorOption("xerr"), errorOption("yerr"),
      ],
      example: "y = {0.5, 0.6}, yerr = 0.1"
    ) { table in
      let y = try table.needed("y")
      return .errorbar(
        x: try table.numbers("x") ?? table.positions(y), y: y, xerr: try table.errors("xerr", y.count),
        yerr: try table.errors("yerr", y.count))
    },
    Kind(
      name: "band", summary: "The area between two lines.",
      options: [
        xOption, Option("lower", required: numbers, "lower line"),
        Option("upper", required: numbers, "upper line"),
      ], example: "lower = {0.4, 0.5}, upper = {0.6, 0.7}"
    ) { table in
      let lower = try table.needed("lower")
      return .band(
        x: try table.numbers("x") ?? table.positions(lower), lower: lower, upper: try table.needed("upper"))
    },
    Kind(
      name: "hist", summary: "A histogram with bins of equal width.",
      options: [
        Option("values", required: numbers, "values"),
        Option("bins", optional: .integer, "number of bins", otherwise: "by the values"),
        Option("density", false, "whether to scale the total area to 1"),
      ], example: "values = {1, 2, 2, 3}, bins = 3"
    ) { table in
      .histogram(
        values: try table.needed("values"), bins: try table.options.integer(ifGiven: "bins"),
        density: try table.options.flag("density"))
    },
    Kind(
      name: "heatmap", summary: "A matrix as colours.",
      options: [
        Option("matrix", required: .any("a list of rows or a Tensor of two dimensions"), "rows of numbers"),
        Option("rows", [], of: "strings", "labels of the rows"),
        Option("columns", [], of: "strings", "labels of the columns"),
      ], example: "matrix = {{1, 2}, {3, 4}}"
    ) { table in
      .heatmap(
        matrix: try table.matrix("matrix"), rows: try table.words("rows") ?? [],
        columns: try table.words("columns") ?? [])
    },
    Kind(
      name: "bars", summary: "A bar for each value.",
      options: [
        Option("labels", optional: .list("strings"), "labels of the bars", otherwise: "1, 2, 3, ..."),
        Option("values", required: numbers, "values"),
        errorOption("errors"),
      ], example: "labels = {'a', 'b'}, values = {1, 2}"
    ) { table in
      let values = try table.needed("values")
      let labels = try table.words("labels") ?? values.indices.map { "\($0 + 1)" }
      return .bars(labels: labels, values: values, errors: try table.errors("errors", values.count))
    },
    Kind(
      name: "hline", summary: "A horizontal line from side to side.",
      options: [Option("y", required: .number, "height")],
      example: "y = 0.5"
    ) { table in .hline(try table.options.number("y")) },
    Kind(
      name: "vline", summary: "A vertical line from top to bottom.",
      options: [Option("x", required: .number, "position")],
      example: "x = 2"
    ) { table in .vline(try table.options.number("x")) },
  ]

  /// The numbers among the options of a series.
  struct Reader {
    let call: Call
    let options: OptionTable

    func refusal(_ name: String, _ wanted: String, _ value: LuaValue) -> LuaError {
      call.bad(2, "option '\(name)': expected \(wanted), got \(OptionTable.describe(value))")
    }

    func positions(_ values: [Double]) -> [Double] { values.indices.map { Double($0 + 1) } }

    func needed(_ name: String) throws -> [Double] { try numbers(options.value(name), name) }

    func numbers(_ name: String) throws -> [Double]? {
      guard let value = options[name] else { return nil }
      return try numbers(value, name)
    }

    private func numbers(_ value: LuaValue, _ name: String) throws -> [Double] {
      switch value {
      case .table(let table):
        do { return try table.numbers() } catch let problem as Failure where problem.isRefusal {
          throw call.bad(2, "option '\(name)': \(problem.message)")
        }
      case .object(let object as Variable):
        guard object.value.rank <= 1 else {
          throw call.bad(2, "option '\(name)': expected a Tensor of one dimension, got \(object.value.shape)")
        }
        return try object.value.doubles()
      default: throw refusal(name, "a list of numbers or a Tensor", value)
      }
    }

    /// Rows of numbers: a list of lists, or a tensor of two dimensions.
    func matrix(_ name: String) throws -> [[Double]] {
      let value = try options.value(name)
      switch value {
      case .table(let table): return try table.list().map { try numbers($0, name) }
      case .object(let object as Variable) where object.value.rank == 2:
        let (flat, width) = (try object.value.doubles(), object.value.shape[1])
        return (0..<object.value.shape[0]).map { Array(flat[$0 * width..<($0 + 1) * width]) }
      default: throw refusal(name, "a list of rows or a Tensor of two dimensions", value)
      }
    }

    func words(_ name: String) throws -> [String]? {
      try options.table(ifGiven: name)?.list().map { try call.lua.text($0) }
    }

    /// One number for all points, a list, or `{ lower = , upper = }`: distances, as matplotlib's `yerr`.
    func errors(_ name: String, _ count: Int) throws -> ErrorBars? {
      guard let value = options[name] else { return nil }
      if let same = value.asNumber { return ErrorBars([Double](repeating: same, count: count)) }
      if let table = value.asTable {
        let (lower, upper) = (try table.get("lower"), try table.get("upper"))
        if !lower.isNil || !upper.isNil {
          return ErrorBars(
            lower: try numbers(lower, name + ".lower"), upper: try numbers(upper, name + ".upper"))
        }
      }
      return ErrorBars(try numbers(value, name))
    }
  }
}
