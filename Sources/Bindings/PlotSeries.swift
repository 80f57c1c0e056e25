/// Reads series from tables of Lua: `fig:line{ x = , y = , label = }`. Numbers come as lists or as tensors.
import Autograd
import Base
import LuaEngine
import Plots

enum PlotSeries {
  static let readers: [(name: String, read: (Call) throws -> Series)] = [
    ("line", { call in
      try series(call, ["x", "y"]) { table in
        let y = try table.needed("y")
        return .line(x: try table.numbers("x") ?? table.positions(y), y: y)
      }
    }),
    ("scatter", { call in
      try series(call, ["x", "y"]) { table in
        let y = try table.needed("y")
        return .scatter(x: try table.numbers("x") ?? table.positions(y), y: y)
      }
    }),
    ("errorbar", { call in
      try series(call, ["x", "y", "xerr", "yerr"]) { table in
        let y = try table.needed("y")
        return .errorbar(
          x: try table.numbers("x") ?? table.positions(y), y: y, xerr: try table.errors("xerr", y.count),
          yerr: try table.errors("yerr", y.count))
      }
    }),
    ("band", { call in
      try series(call, ["x", "lower", "upper"]) { table in
        let lower = try table.needed("lower")
        return .band(x: try table.numbers("x") ?? table.positions(lower), lower: lower, upper: try table.needed("upper"))
      }
    }),
    ("hist", { call in
      try series(call, ["values", "bins", "density"]) { table in
        .histogram(
          values: try table.needed("values"), bins: try table.options.integer("bins"),
          density: try table.options.flag("density") ?? false)
      }
    }),
    ("heatmap", { call in
      try series(call, ["matrix", "rows", "columns"]) { table in
        .heatmap(
          matrix: try table.matrix("matrix"), rows: try table.words("rows") ?? [], columns: try table.words("columns") ?? [])
      }
    }),
    ("bars", { call in
      try series(call, ["labels", "values", "errors"]) { table in
        let values = try table.needed("values")
        let labels = try table.words("labels") ?? values.indices.map { "\($0 + 1)" }
        return .bars(labels: labels, values: values, errors: try table.errors("errors", values.count))
      }
    }),
    ("hline", { call in try series(call, ["y"]) { table in .hline(try table.number("y")) } }),
    ("vline", { call in try series(call, ["x"]) { table in .vline(try table.number("x")) } }),
  ]

  private static func series(_ call: Call, _ keys: [String], _ shape: (Reader) throws -> Series.Shape) throws -> Series {
    let options = try OptionTable(call, 2, allowed: keys + ["label", "color", "marker", "style"])
    let reader = Reader(call: call, options: options)
    return Series(
      try shape(reader), label: try options.text("label") ?? "", color: try options.text("color"),
      marker: try options.choice("marker", Marker.self), style: try options.choice("style", LineStyle.self))
  }

  /// The numbers among the options of a series.
  struct Reader {
    let call: Call
    let options: OptionTable

    func refusal(_ name: String, _ wanted: String, _ value: LuaValue) -> LuaError {
      call.bad(2, "option '\(name)': expected \(wanted), got \(OptionTable.describe(value))")
    }

    func positions(_ values: [Double]) -> [Double] { values.indices.map { Double($0 + 1) } }

    func needed(_ name: String) throws -> [Double] {
      if let numbers = try numbers(name) { return numbers }
      throw call.bad(2, "option '\(name)' is needed: a list of numbers or a Tensor")
    }

    func number(_ name: String) throws -> Double {
      if let number = try options.number(name) { return number }
      throw call.bad(2, "option '\(name)' is needed: a number")
    }

    func numbers(_ name: String) throws -> [Double]? {
      guard let value = options[name] else { return nil }
      return try numbers(value, name)
    }

    private func numbers(_ value: LuaValue, _ name: String) throws -> [Double] {
      switch value {
      case .table(let table):
        do { return try table.numbers() } catch let problem as Failure {
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
      guard let value = options[name] else { throw call.bad(2, "option '\(name)' is needed: rows of numbers") }
      switch value {
      case .table(let table): return try table.list().map { try numbers($0, name) }
      case .object(let object as Variable) where object.value.rank == 2:
        let (flat, width) = (try object.value.doubles(), object.value.shape[1])
        return (0..<object.value.shape[0]).map { Array(flat[$0 * width..<($0 + 1) * width]) }
      default: throw refusal(name, "a list of rows or a Tensor of two dimensions", value)
      }
    }

    func words(_ name: String) throws -> [String]? {
      guard let value = options[name] else { return nil }
      guard let table = value.asTable else { throw refusal(name, "a list of strings", value) }
      return try table.list().map { try call.lua.text($0) }
    }

    /// One number for all points, a list, or `{ lower = , upper = }`: distances, as matplotlib's `yerr`.
    func errors(_ name: String, _ count: Int) throws -> ErrorBars? {
      guard let value = options[name] else { return nil }
      if let same = value.asNumber { return ErrorBars([Double](repeating: same, count: count)) }
      if let table = value.asTable {
        let (lower, upper) = (try table.get("lower"), try table.get("upper"))
        if !lower.isNil || !upper.isNil {
          return ErrorBars(lower: try numbers(lower, name + ".lower"), upper: try numbers(upper, name + ".upper"))
        }
      }
      return ErrorBars(try numbers(value, name))
    }
  }
}
