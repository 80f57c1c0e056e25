/// One thing drawn in a figure: its numbers, its name in the legend, and how it looks.
///
/// The numbers are a case of `Series.Shape`, so that an error bar without a point or a heatmap with an x cannot be
/// written. Looks left unset follow from the position in the figure; series that carry the same label (a line and the
/// band around it) share one colour, one marker and one legend entry.
import Base

/// A named set of numbers in a figure.
///
///     let online = Series.line(x: [0, 1, 2], y: [0.5, 0.7, 0.8], label: "online")
///     let spread = Series.band(x: [0, 1, 2], lower: [0.4, 0.6, 0.7], upper: [0.6, 0.8, 0.9], label: "online")
///     let chance = Series.hline(0.5, label: "chance")
public struct Series: Sendable {
  /// What is drawn, with the numbers it needs.
  public enum Shape: Sendable {
    case line(x: [Double], y: [Double])
    case scatter(x: [Double], y: [Double])
    case errorbar(x: [Double], y: [Double], xerr: ErrorBars?, yerr: ErrorBars?)
    case band(x: [Double], lower: [Double], upper: [Double])
    /// `bins` nil lets the data decide; `density` makes the area one.
    case histogram(values: [Double], bins: Int?, density: Bool)
    /// `matrix` is a list of rows, the first row at the top; empty label lists mean positions from 1.
    case heatmap(matrix: [[Double]], rows: [String], columns: [String])
    case bars(labels: [String], values: [Double], errors: ErrorBars?)
    case hline(Double)
    case vline(Double)
  }

  public var shape: Shape
  /// The name in the legend; an empty label has no entry.
  public var label: String
  /// A name of `Palette.names` or `#rrggbb`; nil takes the next of the palette.
  public var color: String?
  public var marker: Marker?
  public var style: LineStyle?

  public init(
    _ shape: Shape, label: String = "", color: String? = nil, marker: Marker? = nil, style: LineStyle? = nil
  ) {
    self.shape = shape
    self.label = label
    self.color = color
    self.marker = marker
    self.style = style
  }
}

/// Distances, never negative, from each point down to `lower` and up to `upper`, as matplotlib's `yerr`.
///
///     ErrorBars(lower: [0.1, 0.2], upper: [0.1, 0.3])
///     ErrorBars([0.1, 0.2])                             // the same both ways
public struct ErrorBars: Sendable, Equatable {
  public var lower: [Double]
  public var upper: [Double]

  public init(lower: [Double], upper: [Double]) {
    self.lower = lower
    self.upper = upper
  }

  public init(_ both: [Double]) { self.init(lower: both, upper: both) }
}

/// The sign of a point. The raw value is the name a script uses.
public enum Marker: String, CaseIterable, Sendable {
  case circle, square, triangle, diamond
  case triangleDown = "triangle down"
  case plus, cross, star
  case none
}

/// How the line through the points is drawn. The raw value is the name a script uses.
public enum LineStyle: String, CaseIterable, Sendable {
  case solid, dashed, dotted, none
}

extension Series {
  public static func line(x: [Double], y: [Double], label: String = "") -> Series {
    Series(.line(x: x, y: y), label: label)
  }

  public static func scatter(x: [Double], y: [Double], label: String = "") -> Series {
    Series(.scatter(x: x, y: y), label: label)
  }

  /// Points with error bars, unjoined unless `style` says otherwise.
  public static func errorbar(
    x: [Double], y: [Double], xerr: ErrorBars? = nil, yerr: ErrorBars? = nil, label: String = ""
  ) -> Series {
    Series(.errorbar(x: x, y: y, xerr: xerr, yerr: yerr), label: label)
  }

  public static func band(x: [Double], lower: [Double], upper: [Double], label: String = "") -> Series {
    Series(.band(x: x, lower: lower, upper: upper), label: label)
  }

  public static func histogram(
    _ values: [Double], bins: Int? = nil, density: Bool = false, label: String = ""
  ) -> Series {
    Series(.histogram(values: values, bins: bins, density: density), label: label)
  }

  public static func heatmap(
    _ matrix: [[Double]], rows: [String] = [], columns: [String] = [], label: String = ""
  ) -> Series {
    Series(.heatmap(matrix: matrix, rows: rows, columns: columns), label: label)
  }

  public static func bars(
    _ labels: [String], _ values: [Double], errors: ErrorBars? = nil, label: String = ""
  ) -> Series {
    Series(.bars(labels: labels, values: values, errors: errors), label: label)
  }

  public static func hline(_ y: Double, label: String = "") -> Series { Series(.hline(y), label: label) }
  public static func vline(_ x: Double, label: String = "") -> Series { Series(.vline(x), label: label) }

  /// A copy that looks as said; what is not said stays.
  ///
  ///     Series.line(x: x, y: y, label: "sft").with(color: "black", style: .dashed)
  public func with(color: String? = nil, marker: Marker? = nil, style: LineStyle? = nil) -> Series {
    var copy = self
    copy.color = color ?? self.color
    copy.marker = marker ?? self.marker
    copy.style = style ?? self.style
    return copy
  }
}
