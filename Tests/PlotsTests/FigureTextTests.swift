import Foundation
import Plots
import Testing

private func textLines(_ figure: Figure, _ width: Int = 40, _ height: Int = 12, unicode: Bool = true) throws
  -> [String]
{
  try figure.renderText(width: width, height: height, unicode: unicode).split(
    separator: "\n", omittingEmptySubsequences: false
  )
  .dropLast().map(String.init)
}

@Test func aSmallLineIsDrawnExactly() throws {
  let figure = Figure(
    title: "gap", xlabel: "step", ylabel: "win rate",
    series: [
      .line(x: [0, 1, 2, 3], y: [0, 1, 0.5, 1], label: "online"), .line(x: [0, 3], y: [0, 0], label: "off"),
    ])
  #expect(
    try "\n" + figure.renderText(width: 30, height: 11, unicode: false) == """

                      gap
      o online   ^ off
      win rate
      1.0 +      oo         oo
          |    oo  ooo   ooo
      0.5 +   o       ooo
          | oo
      0.0 +^^^^^^^^^^^^^^^^^^^
          ++-----------+-----------+
           0           2           4
                     step

      """)
  #expect(
    try "\n" + figure.renderText(width: 30, height: 11) == """

                      gap
      ● online   ▲ off
      win rate
      1.0 ┤     ⡰●⠢⣀       ⢀⠔●
          │    ⡜    ⠑⠤⡀ ⢀⡠⠊⠁
      0.5 ┤  ⢀⠎       ⠈●⠁
          │ ⢠⠃
      0.0 ┤▲⣁⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀▲
          └┬───────────┬───────────┬
           0           2           4
                     step

      """)
}

@Test func plainTextIsAsciiWithoutColourAndEndsInANewline() throws {
  for (name, figure) in Gallery.all {
    let text = try figure.renderText(width: 60, height: 18, unicode: false)
    #expect(text.utf8.allSatisfy { $0 == 10 || (32..<127).contains($0) }, "\(name)")
    #expect(text.hasSuffix("\n") && !text.hasSuffix("\n\n"))
    #expect(try !figure.renderText().contains("\u{1B}"))
  }
}

@Test func noLineIsWiderThanAsked() throws {
  for (name, figure) in Gallery.all {
    for width in [24, 31, 48, 72, 133] {
      for unicode in [true, false] {
        for line in try textLines(figure, width, 16, unicode: unicode) {
          #expect(line.count <= width, "\(name) at \(width): \(line)")
          #expect(!line.hasSuffix(" "), "\(name) at \(width): \(line)")
        }
      }
    }
  }
}

@Test func everySeriesHasItsOwnSignInTheLegendAndInThePlot() throws {
  var figure = Figure()
  for i in 0..<8 {
    figure.add(.scatter(x: [Double(i)], y: [Double(i % 3)], label: "s\(i)"))
  }
  for unicode in [true, false] {
    let lines = try textLines(figure, 60, 14, unicode: unicode)
    let legend = lines.prefix(1).joined(separator: " ")
    let signs = legend.split(separator: " ").filter { $0.count == 1 }
    #expect(Set(signs).count == 8)
    let body = lines.joined()
    for sign in signs where !"+".contains(sign) {
      #expect(body.split(separator: sign, omittingEmptySubsequences: false).count == 3)
    }
  }
}

/// The text without ESC [ ... m.
private func withoutColours(_ text: String) -> String {
  text.split(separator: "\u{1B}[", omittingEmptySubsequences: false).enumerated()
    .map { $0 == 0 ? String($1) : String($1.drop { $0 != "m" }.dropFirst()) }.joined()
}

@Test func colourIsWrittenOnlyWhenAskedForAndChangesNoCharacter() throws {
  for (_, figure) in Gallery.all
  where figure.series.first.map({ if case .heatmap = $0.shape { false } else { true } }) ?? true {
    let plain = try figure.renderText(color: false)
    let colored = try figure.renderText(color: true)
    #expect(colored.contains("\u{1B}[38;5;"))
    #expect(withoutColours(colored) == plain)
  }
}

@Test func whatCannotBeDrawnIsCountedInANote() throws {
  let figure = Figure(
    yscale: .log,
    series: [.line(x: [1, 2, 3, .nan, 5, 6], y: [1, .infinity, 10, 1, 0, -1], label: "a")])
  let text = try figure.renderText(width: 60)
  #expect(text.contains("a: 2 of 6 points skipped (not finite)"))
  #expect(text.contains("a: 2 of 6 points skipped (not above 0 on a log axis)"))
  #expect(try figure.renderSVG().contains("a: 2 of 6 points skipped (not finite)"))
}

@Test func aNanBreaksALine() throws {
  let figure = Figure(series: [.line(x: [0, 1, 2, 3, 4], y: [1, 1, .nan, 1, 1])])
  let svg = try figure.renderSVG()
  let path = svg.split(separator: "\n").first { $0.contains("stroke-linecap") } ?? ""
  #expect(path.filter { $0 == "M" }.count == 2)
}

@Test func emptyFiguresSayNoData() throws {
  for figure in [
    Figure(), Figure(series: [.line(x: [], y: [], label: "none")]), Figure(series: [.histogram([])]),
    Figure(series: [.heatmap([])]), Figure(series: [.heatmap([[], []])]), Figure(series: [.bars([], [])]),
    Figure(series: [.scatter(x: [.nan], y: [1])]),
  ] {
    #expect(try figure.renderText().contains("no data"))
    #expect(try figure.renderSVG().contains("no data"))
  }
}

@Test func aSmallHistogramIsDrawnExactly() throws {
  let figure = Figure(series: [.histogram([0.5, 1.5, 1.5, 2.5, 2.5, 2.5, 3.5], bins: 3)])
  #expect(
    try "\n" + figure.renderText(width: 30, height: 10) == """

      count
      4 ┤                ███████
        │                ███████
        │                ███████
      2 ┤          ▄▄▄▄▄▄███████
        │          █████████████
        │   ▆▆▆▆▆▆▆█████████████
      0 ┤   ████████████████████
        └┬────────────┬────────────┬
         0            2            4

      """)
}
