// Figures like those of the paper, for people to look at: PLOTS_GALLERY=dir writes them there.
import Foundation
import Plots
import Testing

/// A small repeatable source of numbers; the tests depend on nothing but this file.
struct Noise {
  var state: UInt64 = 88_172_645_463_325_252
  mutating func uniform() -> Double {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return Double(state >> 11) / 9_007_199_254_740_992
  }
  mutating func normal() -> Double { (0..<12).reduce(-6) { sum, _ in sum + uniform() } }
}

enum Gallery {
  static func frontier() -> Figure {
    var noise = Noise()
    var figure = Figure(
      title: "Win rate against KL", xlabel: "KL(π, π_sft) (nats)",
      ylabel: "win rate against the golden policy",
      note: "Each point is one checkpoint; bars are 95 % intervals over 5 seeds.")
    for (name, peak, height) in [
      ("online", 5.0, 0.34), ("offline", 3.0, 0.16), ("offline, shuffled", 3.5, 0.21),
    ] {
      func curve(_ x: Double) -> Double { 0.12 + height * (x / peak) * exp(1 - x / peak) }
      let x = (0..<120).map { _ in noise.uniform() * 12 }
      figure.add(.scatter(x: x, y: x.map { curve($0) + 0.02 * noise.normal() }, label: name))
      let at = (0...8).map { 0.2 + 1.4 * Double($0) }
      figure.add(
        .errorbar(x: at, y: at.map(curve), yerr: ErrorBars(at.map { 0.01 + 0.003 * $0 }), label: name)
          .with(style: .solid))
    }
    return figure
  }

  static func accuracy() -> Figure {
    var noise = Noise()
    var figure = Figure(
      title: "Accuracy on golden pairs", xlabel: "gradient step", ylabel: "accuracy",
      ylimits: AxisRange(0.4, 0.75))
    let steps = (0...200).map { Double($0) * 20 }
    for (name, gain) in [("offline", 0.17), ("online", -0.02), ("shuffled", 0.04)] {
      let y = steps.map { 0.5 + gain * (1 - exp(-$0 / 900)) + 0.006 * noise.normal() }
      figure.add(.band(x: steps, lower: y.map { $0 - 0.025 }, upper: y.map { $0 + 0.025 }, label: name))
      figure.add(.line(x: steps, y: y, label: name))
    }
    figure.add(.hline(0.5, label: "chance"))
    return figure
  }

  static func histogram() -> Figure {
    var noise = Noise()
    let a = (0..<2000).map { _ in noise.normal() * 1.2 + 1 }
    let b = (0..<2000).map { _ in noise.normal() * 0.8 - 0.6 }
    return Figure(
      title: "Reward margins", xlabel: "margin",
      series: [
        .histogram(a, bins: 40, label: "online"), .histogram(b, bins: 40, label: "offline"),
        .vline(0, label: "no preference"),
      ])
  }

  static func heatmap() -> Figure {
    let names = ["sft", "offline", "shuffled", "online 800", "online 4k"]
    let matrix = (0..<5).map { i -> [Double] in
      (0..<5).map { j -> Double in i == j ? Double.nan : 0.5 + 0.09 * Double(i - j) }
    }
    return Figure(
      title: "Row beats column", xlabel: "opponent", ylabel: "policy",
      series: [.heatmap(matrix, rows: names, columns: names, label: "win rate")])
  }

  static func bars() -> Figure {
    Figure(
      title: "Peak win rate", ylabel: "win rate",
      series: [
        .bars(
          ["IPO", "DPO", "SLiC", "Bo2"], [0.46, 0.44, 0.41, 0.33],
          errors: ErrorBars([0.02, 0.02, 0.03, 0.01]),
          label: "online"),
        .bars(
          ["IPO", "DPO", "SLiC", "Bo2"], [0.28, 0.31, 0.25, 0.27],
          errors: ErrorBars([0.02, 0.02, 0.03, 0.01]),
          label: "offline"), .hline(0.12, label: "SFT"),
      ])
  }

  static func logarithmic() -> Figure {
    let x = (0...60).map { pow(10, -3 + Double($0) / 12) }
    return Figure(
      title: "Loss against learning rate", xlabel: "learning rate", ylabel: "loss", xscale: .log,
      yscale: .log,
      series: [
        .line(x: x, y: x.map { 1e-4 + 1e-7 / $0 + 1e-3 * $0 * $0 }, label: "small"),
        .line(x: x, y: x.map { 3e-5 + 2e-7 / $0 + 4e-3 * $0 * $0 }, label: "large").with(style: .dashed),
      ])
  }

  static var all: [(String, Figure)] {
    [
      ("frontier", frontier()), ("accuracy", accuracy()), ("histogram", histogram()), ("heatmap", heatmap()),
      ("bars", bars()), ("log", logarithmic()),
    ]
  }
}

@Test func everyGalleryFigureIsDrawnInAllWays() throws {
  var report = Report(title: "Gallery", footer: "drawn by the tests")
  let folder = ProcessInfo.processInfo.environment["PLOTS_GALLERY"]
  var text = ""
  for (name, figure) in Gallery.all {
    let svg = try figure.renderSVG()
    text += try figure.renderText() + "\n" + figure.renderText(unicode: false) + "\n"
    report.add(heading: figure.title)
    report.add(paragraph: "As text:")
    report.add(preformatted: try figure.renderText(color: true), as: .output)
    try report.add(figure: figure, caption: "\(name), as drawn for a paper")
    if let folder { try svg.write(toFile: "\(folder)/\(name).svg", atomically: true, encoding: .utf8) }
  }
  try report.add(
    table: ["method", "win rate", "KL"], rows: [["online", "0.46", "5.0"], ["offline", "0.28", "3.1"]],
    caption: "At the peak")
  if let folder {
    try text.write(toFile: "\(folder)/plots.txt", atomically: true, encoding: .utf8)
    try report.renderHTML().write(toFile: "\(folder)/report.html", atomically: true, encoding: .utf8)
  }
}
