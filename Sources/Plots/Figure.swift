/// A figure as plain values: what is drawn, on which axes, with which title and labels.
///
/// The same figure is drawn as text for a terminal and as SVG for a paper. The names are those of matplotlib.
import Base

/// A figure.
///
///     var figure = Figure(title: "Win rate against KL", xlabel: "KL to SFT (nats)", ylabel: "win rate")
///     figure.add(.line(x: [0, 1, 2, 4], y: [0.5, 0.62, 0.70, 0.66], label: "online"))
///     figure.add(.line(x: [0, 1, 2, 4], y: [0.5, 0.56, 0.58, 0.51], label: "offline"))
///     figure.add(.hline(0.5, label: "chance"))
///     print(try figure.renderText(), terminator: "")
///     let svg = try figure.renderSVG()
public struct Figure: Sendable {
  public var title: String
  public var xlabel: String
  public var ylabel: String
  /// Small text under the figure. What had to be left out is added to it.
  public var note: String
  /// Size of the SVG in pixels.
  public var width: Int
  public var height: Int
  public var xlimits: AxisRange
  public var ylimits: AxisRange
  public var xscale: AxisScale
  public var yscale: AxisScale
  public var legend: LegendPosition
  public var grid: Bool
  public var series: [Series]

  /// SVG sides, in pixels, that still hold axes and that a browser still draws.
  static let sides = 120...10_000

  public init(
    title: String = "", xlabel: String = "", ylabel: String = "", note: String = "", width: Int = 640,
    height: Int = 420, xlimits: AxisRange = AxisRange(), ylimits: AxisRange = AxisRange(),
    xscale: AxisScale = .linear,
    yscale: AxisScale = .linear, legend: LegendPosition = .best, grid: Bool = true, series: [Series] = []
  ) {
    self.title = title
    self.xlabel = xlabel
    self.ylabel = ylabel
    self.note = note
    self.width = width
    self.height = height
    self.xlimits = xlimits
    self.ylimits = ylimits
    self.xscale = xscale
    self.yscale = yscale
    self.legend = legend
    self.grid = grid
    self.series = series
  }

  /// Adds a series above those already there.
  public mutating func add(_ series: Series) { self.series.append(series) }

  /// Throws a `Failure` when the figure cannot be drawn; drawing calls it first.
  public func check() throws {
    guard Figure.sides.contains(width), Figure.sides.contains(height) else {
      throw Failure(
        .value,
        "figure: size \(width)x\(height); sides from \(Figure.sides.lowerBound) to \(Figure.sides.upperBound) are wanted"
      )
    }
    try xlimits.check("xlim", xscale)
    try ylimits.check("ylim", yscale)
    for one in series { try one.check() }
    if series.count > 1, let map = series.first(where: { $0.kind == .heatmap }) {
      throw Failure(
        .argument,
        "figure: heatmap '\(map.label)' among \(series.count) series; a heatmap is drawn alone")
    }
  }
}

/// The ends of an axis; an end left nil follows the data.
///
///     AxisRange(0, 1)            // both
///     AxisRange(lower: 0)        // from 0 to what the data need
public struct AxisRange: Sendable, Equatable {
  public var lower: Double?
  public var upper: Double?

  public init(lower: Double? = nil, upper: Double? = nil) {
    self.lower = lower
    self.upper = upper
  }

  public init(_ lower: Double, _ upper: Double) { self.init(lower: lower, upper: upper) }

  func check(_ name: String, _ scale: AxisScale) throws {
    for end in [lower, upper] {
      guard let end else { continue }
      if !isDrawable(end) { throw Failure(.value, "figure: \(name) has \(end), which cannot be drawn") }
      if scale == .log, end <= 0 {
        throw Failure(.value, "figure: \(name) has \(end); a log axis needs ends above 0")
      }
    }
    if let lower, let upper, lower >= upper {
      throw Failure(.value, "figure: \(name) from \(lower) to \(upper); the first must be the smaller")
    }
  }
}

/// How values map to places along an axis.
public enum AxisScale: String, CaseIterable, Sendable {
  case linear, log
}

/// Where the legend of an SVG stands; text has it under the title. The raw values are matplotlib's words.
public enum LegendPosition: String, CaseIterable, Sendable {
  /// The corner that hides nothing; beside the axes when every corner would.
  case best
  case upperLeft = "upper left"
  case upperRight = "upper right"
  case lowerLeft = "lower left"
  case lowerRight = "lower right"
  /// Beside the axes.
  case outside
  case none
}
