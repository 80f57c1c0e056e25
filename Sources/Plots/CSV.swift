/// Tables as comma-separated text, quoted as RFC 4180 says.
import Base

public enum CSV {
  /// The header and the rows, each line ended by CR LF.
  ///
  ///     try CSV.text(header: ["name", "win rate"], rows: [["online, ipo", "0.71"]])
  ///     // name,win rate\r\n"online, ipo",0.71\r\n
  ///
  /// A row with another number of fields than the header is a `Failure`.
  public static func text(header: [String], rows: [[String]]) throws -> String {
    if let i = rows.firstIndex(where: { $0.count != header.count }) {
      throw Failure(.shape, "csv: the header has \(header.count) fields, row \(i + 1) has \(rows[i].count)")
    }
    return ([header] + rows).map { $0.map(quoted).joined(separator: ",") + "\r\n" }.joined()
  }

  /// A field, in quotes when it holds a comma, a quote or a line end, or blanks that a reader may trim.
  ///
  /// A spreadsheet takes a text that begins with `=`, `+`, `-`, `@`, a tab or a carriage return as a formula: such a text
  /// gets an apostrophe in front (OWASP, "CSV Injection"). Numbers stay as they are.
  public static func quoted(_ field: String) -> String {
    let isFormula =
      field.unicodeScalars.first.map { formulaStarts.contains($0) } == true && Double(field) == nil
    let safe = isFormula ? "'" + field : field
    let needsQuotes =
      safe.unicodeScalars.contains { [",", "\"", "\n", "\r"].contains($0) } || safe.hasPrefix(" ")
      || safe.hasSuffix(" ")
    return needsQuotes ? "\"" + safe.replacing("\"", with: "\"\"") + "\"" : safe
  }

  private static let formulaStarts: [Unicode.Scalar] = ["=", "+", "-", "@", "\t", "\r"]

  /// A number as the shortest text that reads back as the same number: `0.1`, `400`, `1e-05`, `nan`, `inf`.
  public static func number(_ value: Double) -> String {
    if value == value.rounded(), abs(value) < 1e15, !(value == 0 && value.sign == .minus) {
      return "\(Int(value))"
    }
    return "\(value)"
  }
}

extension Figure {
  /// The numbers behind the figure, one line for each point: series, kind, x, y, and the ends of error bars or bands.
  ///
  /// All points are there, also those that the drawing leaves out.
  public func csv() throws -> String {
    try check()
    var rows: [[String]] = []
    let number = CSV.number
    for one in series {
      func add(_ x: String, _ y: String, _ rest: [String] = ["", "", "", ""]) {
        rows.append([one.label, one.kind.rawValue, x, y] + rest)
      }
      func ends(_ center: [Double], _ bars: ErrorBars?, _ i: Int) -> [String] {
        bars.map { [number(center[i] - $0.lower[i]), number(center[i] + $0.upper[i])] } ?? ["", ""]
      }
      switch one.shape {
      case .line(let x, let y), .scatter(let x, let y):
        for (x, y) in zip(x, y) { add(number(x), number(y)) }
      case .errorbar(let x, let y, let xerr, let yerr):
        for i in x.indices { add(number(x[i]), number(y[i]), ends(x, xerr, i) + ends(y, yerr, i)) }
      case .band(let x, let lower, let upper):
        for i in x.indices { add(number(x[i]), "", ["", "", number(lower[i]), number(upper[i])]) }
      case .histogram(let values, _, _):
        for value in values { add(number(value), "") }
      case .heatmap(let matrix, let rowNames, let columnNames):
        let map = HeatmapData(matrix, rowNames, columnNames)
        rows.append(
          contentsOf: zip(map.rows, matrix).flatMap { name, row in
            zip(map.columns, row).map { [name, one.kind.rawValue, $0, number($1), "", "", "", ""] }
          })
      case .bars(let labels, let values, let errors):
        for i in labels.indices { add(labels[i], number(values[i]), ["", ""] + ends(values, errors, i)) }
      case .hline(let y): add("", number(y))
      case .vline(let x): add(number(x), "")
      }
    }
    return try CSV.text(
      header: ["series", "kind", "x", "y", "x_lower", "x_upper", "y_lower", "y_upper"], rows: rows)
  }
}
