/// Refuses series whose numbers do not fit together, before anything is drawn.
///
/// Every message names the series, and both lengths when two lists differ.
import Base

extension Series {
  /// Bins beyond this say nothing a screen can show.
  static let binsMax = 10_000

  /// The shape without its numbers; the raw value is the name in messages and files.
  enum Kind: String {
    case line, scatter, errorbar, band, histogram, heatmap, bars, hline, vline
  }

  var kind: Kind {
    switch shape {
    case .line: return .line
    case .scatter: return .scatter
    case .errorbar: return .errorbar
    case .band: return .band
    case .histogram: return .histogram
    case .heatmap: return .heatmap
    case .bars: return .bars
    case .hline: return .hline
    case .vline: return .vline
    }
  }

  private var name: String { label.isEmpty ? kind.rawValue : "\(kind.rawValue) '\(label)'" }

  /// Throws a `Failure` that names what differs; drawing calls it too.
  public func check() throws {
    if let color { _ = try RGB(named: color) }
    switch shape {
    case .line(let x, let y), .scatter(let x, let y):
      try equal("x", x.count, "y", y.count)
    case .errorbar(let x, let y, let xerr, let yerr):
      try equal("x", x.count, "y", y.count)
      try check(xerr, "xerr", points: x.count)
      try check(yerr, "yerr", points: y.count)
    case .band(let x, let lower, let upper):
      try equal("x", x.count, "lower", lower.count)
      try equal("x", x.count, "upper", upper.count)
    case .histogram(_, let bins, _):
      if let bins, !(1...Series.binsMax).contains(bins) {
        throw Failure(.value, "\(name): \(bins) bins; from 1 to \(Series.binsMax) are wanted")
      }
    case .heatmap(let matrix, let rows, let columns):
      let width = matrix.first?.count ?? 0
      for (i, row) in matrix.enumerated() where row.count != width {
        throw Failure(.shape, "\(name): row 1 has \(width) values, row \(i + 1) has \(row.count)")
      }
      if !rows.isEmpty { try equal("rows of the matrix", matrix.count, "row labels", rows.count) }
      if !columns.isEmpty { try equal("columns of the matrix", width, "column labels", columns.count) }
    case .bars(let labels, let values, let errors):
      try equal("labels", labels.count, "values", values.count)
      try check(errors, "errors", points: values.count)
    case .hline(let value), .vline(let value):
      if !isDrawable(value) { throw Failure(.value, "\(name): \(value) is not a number that can be drawn") }
    }
  }

  private func equal(_ first: String, _ a: Int, _ second: String, _ b: Int) throws {
    if a != b { throw Failure(.shape, "\(name): \(first) has \(a) values, \(second) has \(b)") }
  }

  private func check(_ bars: ErrorBars?, _ what: String, points: Int) throws {
    guard let bars else { return }
    try equal("y", points, "\(what) lower", bars.lower.count)
    try equal("y", points, "\(what) upper", bars.upper.count)
    for list in [bars.lower, bars.upper] {
      // Rounding may leave a distance a hair below zero; anything more is an end given in place of a distance.
      if let i = list.firstIndex(where: { $0 < -1e-9 }) {
        throw Failure(
          .value,
          "\(name): \(what) has \(list[i]) at point \(i + 1); distances from the point, not below 0, are wanted"
        )
      }
    }
  }
}

/// The largest size of number that is drawn: sums and spans of such numbers stay finite.
let drawableMax = 1e306

/// True for finite numbers whose sums and differences stay finite.
func isDrawable(_ value: Double) -> Bool { abs(value) <= drawableMax }
