import Base
import Foundation
import FoundationXML
import Testing

@testable import Plots

/// Reads XML and keeps every element with its attributes.
final class Elements: NSObject, XMLParserDelegate {
  var all: [(name: String, attributes: [String: String])] = []
  var text = ""

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String] = [:]
  ) { all.append((name, attributes)) }

  func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }

  static func parse(_ xml: String) -> Elements? {
    let elements = Elements()
    let parser = XMLParser(data: Data(xml.utf8))
    parser.delegate = elements
    return parser.parse() ? elements : nil
  }
}

private let hard: [Double] = [
  0, -0.0, 1, -1, .nan, .infinity, -.infinity, 1e-300, 1e300, -1e300, .leastNonzeroMagnitude,
  .greatestFiniteMagnitude, 1e306, 0.1, 1e16,
]

@Test func everyFigureIsWellFormedXMLWithoutNanOrInfinity() throws {
  for (name, figure) in Gallery.all {
    let svg = try figure.renderSVG()
    let elements = try #require(Elements.parse(svg), "\(name)")
    #expect(elements.all.first?.name == "svg")
    for (element, attributes) in elements.all {
      for (key, value) in attributes where key != "role" {
        #expect(!value.contains("nan") && !value.contains("inf"), "\(name): <\(element) \(key)=\"\(value)\">")
      }
    }
  }
}

@Test func pointsStandWhereTheyBelong() throws {
  let figure = Figure(
    width: 400, height: 300, xlimits: AxisRange(0, 10), ylimits: AxisRange(0, 1),
    series: [.line(x: [0, 5, 10], y: [0, 1, 0.25])])
  let plot = SVGPlot(scene: try Scene(figure), id: "t")
  #expect(plot.place(Point(x: 0, y: 0)) == Point(x: plot.left, y: plot.bottom))
  #expect(plot.place(Point(x: 10, y: 1)) == Point(x: plot.right, y: plot.top))
  #expect(
    plot.place(Point(x: 5, y: 0.5)) == Point(x: (plot.left + plot.right) / 2, y: (plot.top + plot.bottom) / 2)
  )
  let n = SVGWriter.number
  let (middle, low) = ((plot.left + plot.right) / 2, plot.bottom + 0.25 * (plot.top - plot.bottom))
  let path =
    "M\(n(plot.left)) \(n(plot.bottom))L\(n(middle)) \(n(plot.top)) \(n(plot.right)) \(n(low))"
  #expect(try figure.renderSVG().contains("d=\"\(path)\""))
}

@Test func logPointsStandEvenly() throws {
  let figure = Figure(xscale: .log, series: [.scatter(x: [0.01, 1, 100], y: [0, 1, 2])])
  let plot = SVGPlot(scene: try Scene(figure), id: "t")
  #expect(abs(plot.place(Point(x: 1, y: 1)).x - (plot.left + plot.right) / 2) < 1e-9)
}

@Test func textIsEscaped() throws {
  let nasty = "<script>&\"'\u{0}\u{1B}]]> π"
  let figure = Figure(
    title: nasty, xlabel: nasty, ylabel: nasty, note: nasty,
    series: [.line(x: [0, 1], y: [0, 1], label: nasty), .bars([nasty], [1], label: nasty + "2")])
  let elements = try #require(Elements.parse(try figure.renderSVG()))
  #expect(!elements.all.contains { $0.name == "script" })
  #expect(elements.text.contains("<script>&\"'"))
  #expect(try figure.renderText(unicode: false).utf8.allSatisfy { $0 == 10 || (32..<127).contains($0) })
}

/// Every kind of series over numbers chosen to break arithmetic; nothing may trap, every SVG must parse.
@Test func hardNumbersNeverTrap() throws {
  for a in hard {
    for b in hard {
      let (x, y) = ([a, b, 0.5], [b, a, 2])
      let list: [Series] = [
        .line(x: x, y: y, label: "l"), .scatter(x: x, y: y), .band(x: x, lower: y, upper: x),
        .errorbar(x: x, y: y, xerr: ErrorBars(x.map { abs($0) }), yerr: ErrorBars(y.map { abs($0) })),
        .histogram(x, bins: 7), .histogram(y, density: true),
        .bars(["a", "b", "c"], y, errors: ErrorBars(x.map { abs($0) })),
      ]
      for scale in AxisScale.allCases {
        for one in list { try draw(Figure(xscale: scale, yscale: scale, series: [one])) }
        try draw(Figure(xscale: scale, yscale: scale, series: list))
      }
      try draw(Figure(series: [.heatmap([x, y])]))
    }
  }
}

private func draw(_ figure: Figure) throws {
  let svg = try figure.renderSVG()
  #expect(Elements.parse(svg) != nil)
  for unicode in [true, false] {
    #expect(try figure.renderText(width: 40, height: 10, unicode: unicode).hasSuffix("\n"))
  }
  _ = try figure.csv()
}

@Test func limitsFarFromTheDataNeverTrap() throws {
  for limits in [
    AxisRange(1e5, 1e6), AxisRange(-1e306, -1e305), AxisRange(1e-300, 2e-300), AxisRange(lower: 1e10),
    AxisRange(upper: 1e-9),
  ] {
    for scale in AxisScale.allCases where scale == .linear || (limits.lower ?? 1) > 0 {
      for one in [
        Series.line(x: [1, 2, 3], y: [3, 1, 2]), .histogram([1, 2, 3]), .bars(["a"], [1]),
        .band(x: [1, 2], lower: [0, 0], upper: [1, 1]),
        .errorbar(x: [1, 2], y: [1, 2], xerr: ErrorBars([1, 1]), yerr: ErrorBars([3, 1])),
      ] {
        try draw(
          Figure(
            xlimits: limits, ylimits: limits, xscale: scale, yscale: scale,
            series: [one, .hline(1), .vline(2)]))
      }
    }
  }
}

@Test func aLegendHidesNothingThatIsDrawn() throws {
  let corners = Figure(series: [.scatter(x: [0, 0, 1, 1, 0.5], y: [0, 1, 0, 1, 0.5], label: "corners")])
  #expect(!SVGLegend(plot: SVGPlot(scene: try Scene(corners), id: "t")).isInTheWay)
  let x = (0..<900).map { Double($0 % 30) }
  let all = Figure(series: [.scatter(x: x, y: (0..<900).map { Double($0 / 30) }, label: "everywhere")])
  #expect(SVGLegend(plot: SVGPlot(scene: try Scene(all), id: "t")).isInTheWay)
}

@Test func manyPointsStaySmall() throws {
  var noise = Noise()
  let x = (0..<200_000).map { Double($0) }
  let y = x.map { _ in noise.normal() }
  let figure = Figure(series: [
    .line(x: x, y: y), .scatter(x: x, y: y), .band(x: x, lower: y, upper: y.map { $0 + 1 }),
  ])
  let svg = try figure.renderSVG()
  #expect(svg.utf8.count < 20_000_000)
  #expect(try Figure(series: [.line(x: x, y: y)]).renderSVG().utf8.count < 100_000)
  _ = try figure.renderText()
}

@Test func mistakesAreNamed() throws {
  func message(_ figure: Figure) -> String {
    do {
      _ = try figure.renderSVG()
      return "no failure"
    } catch { return "\(error)" }
  }
  func message(_ series: Series...) -> String { message(Figure(series: series)) }
  #expect(message(.line(x: [1, 2], y: [1], label: "a")) == "line 'a': x has 2 values, y has 1")
  #expect(message(.band(x: [1], lower: [1], upper: [])) == "band: x has 1 values, upper has 0")
  #expect(message(.bars(["a"], [])) == "bars: labels has 1 values, values has 0")
  #expect(
    message(.errorbar(x: [1], y: [1], yerr: ErrorBars([1, 2]), label: "a"))
      == "errorbar 'a': y has 1 values, yerr lower has 2")
  #expect(
    message(.errorbar(x: [1], y: [1], yerr: ErrorBars([-0.2])))
      == "errorbar: yerr has -0.2 at point 1; distances from the point, not below 0, are wanted")
  #expect(message(.heatmap([[1, 2], [1]])) == "heatmap: row 1 has 2 values, row 2 has 1")
  #expect(message(.histogram([1], bins: 0)) == "histogram: 0 bins; from 1 to 10000 are wanted")
  #expect(message(.hline(.nan)) == "hline: nan is not a number that can be drawn")
  #expect(
    message(Series.hline(1).with(color: "pink\"")).hasPrefix("color 'pink\"': '#rrggbb' or one of blue,"))
  #expect(
    message(.heatmap([[1]], label: "m"), .hline(1))
      == "figure: heatmap 'm' among 2 series; a heatmap is drawn alone")
  #expect(message(Figure(width: 5)) == "figure: size 5x420; sides from 120 to 10000 are wanted")
  #expect(
    message(Figure(xlimits: AxisRange(1, 1)))
      == "figure: xlim from 1.0 to 1.0; the first must be the smaller"
  )
  #expect(
    message(Figure(ylimits: AxisRange(0, 1), yscale: .log))
      == "figure: ylim has 0.0; a log axis needs ends above 0")
}

@Test func histogramsOfOneFigureShareTheirEdges() throws {
  let scene = try Scene(
    Figure(series: [.histogram([0, 1, 2, 3], bins: 4), .histogram([2, 2, 4], bins: 4)]))
  #expect(scene.layers.map { $0.boxes.map(\.left) } == [[0, 1, 2, 3], [0, 1, 2, 3]])
  #expect(scene.layers.map { $0.boxes.map(\.height) } == [[1, 1, 1, 1], [0, 0, 2, 1]])
}

@Test func aHistogramOfWholeNumbersInIntervalsOfOneIsFlat() throws {
  // As numpy.histogram (2.4.6): an edge belongs to the interval it starts, and the last edge to the last interval.
  for bins in 2...119 {
    let values = (0...bins).flatMap { [Double](repeating: Double($0), count: 10) }
    let scene = try Scene(Figure(series: [.histogram(values, bins: bins)]))
    #expect(scene.layers[0].boxes.dropLast().allSatisfy { $0.height == 10 }, "\(bins) bins")
    #expect(scene.layers[0].boxes.last?.height == 20, "\(bins) bins")
  }
}
