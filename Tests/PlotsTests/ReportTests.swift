import Base
import Foundation
import Testing

@testable import Plots

@Test func csvQuotesAsTheStandardSays() throws {
  let text = try CSV.text(header: ["a", "b,c"], rows: [["1", "say \"hi\""], ["two\nlines", " x"]])
  #expect(text == "a,\"b,c\"\r\n1,\"say \"\"hi\"\"\"\r\n\"two\nlines\",\" x\"\r\n")
  for text in ["=1+2", "+x", "-x", "@SUM(A1)", "\tx"] { #expect(CSV.quoted(text) == "'" + text) }
  for number in ["-1", "+0.5", "-1e-05", "-inf"] { #expect(CSV.quoted(number) == number) }
  #expect(CSV.quoted("=\"a\"") == "\"'=\"\"a\"\"\"")
  #expect(CSV.quoted("a\r\nb") == "\"a\r\nb\"")
}

@Test func csvNumbersReadBackTheSame() {
  for value in [0.1, 400, -3, 1e-5, 1e300, .leastNonzeroMagnitude, -0.0, .nan, .infinity, 123_456_789.125] {
    let back = Double(CSV.number(value)) ?? 42
    #expect(back == value || (back.isNaN && value.isNaN), "\(value)")
  }
  #expect(CSV.number(400) == "400" && CSV.number(0.1) == "0.1")
}

@Test func csvRefusesRowsOfAnotherLength() {
  #expect { try CSV.text(header: ["a"], rows: [["1"], ["1", "2"]]) } throws: {
    "\($0)" == "csv: the header has 1 fields, row 2 has 2"
  }
}

@Test func aFigureGivesItsNumbers() throws {
  let figure = Figure(series: [
    .errorbar(x: [1], y: [0.5], yerr: ErrorBars(lower: [0.25], upper: [0.125]), label: "on, line"),
    .hline(0.5, label: "chance"),
  ])
  #expect(
    try figure.csv() == "series,kind,x,y,x_lower,x_upper,y_lower,y_upper\r\n"
      + "\"on, line\",errorbar,1,0.5,,,0.25,0.625\r\nchance,hline,,0.5,,,,\r\n")
}

@Test func aReportIsOneFileThatLoadsNothing() throws {
  var report = Report(title: "A <gap>", footer: "x & y")
  report.add(heading: "Win rate")
  report.add(paragraph: "one <b>\n\ntwo")
  try report.add(
    table: ["method", "win rate"], rows: [["online", "0.71"], ["<off>", "0.58"]], caption: "After 400 steps")
  for (_, figure) in Gallery.all { try report.add(figure: figure, caption: figure.title) }
  report.add(preformatted: "\u{1B}[31mred\u{1B}[0m <x>\n  indented", as: .error)
  let html = report.renderHTML()
  #expect(html.hasPrefix("<!DOCTYPE html>") && html.hasSuffix("</html>\n"))
  #expect(html.contains("<p>one &lt;b&gt;</p>\n<p>two</p>"))
  #expect(html.contains("<caption>After 400 steps</caption>"))
  #expect(html.contains("<th scope=\"col\">method</th><th scope=\"col\" class=\"right\">win rate</th>"))
  #expect(html.contains("<th scope=\"row\">&lt;off&gt;</th><td class=\"right\">0.58</td>"))
  #expect(html.contains("<pre class=\"error\">red &lt;x&gt;\n  indented</pre>"))
  #expect(
    !html.contains("<?xml") && !html.contains("<script") && !html.contains("src=") && !html.contains("href="))
  let ids = html.components(separatedBy: " id=\"").dropFirst().map { $0.prefix { $0 != "\"" } }
  #expect(Set(ids).count == ids.count && ids.count == 5)
  // Apart from the void elements of the head, the page is also well-formed XML.
  let body = html.components(separatedBy: "<body>")[1].components(separatedBy: "</html>")[0]
  #expect(Elements.parse("<body>" + body) != nil)
}

@Test func aTableOfUnequalRowsIsRefused() {
  var report = Report(title: "t")
  #expect { try report.add(table: ["a", "b"], rows: [["1"]]) } throws: {
    "\($0)" == "table: the header has 2 cells, row 1 has 1"
  }
}

@Test func aProgressLineIsExact() {
  var bar = ProgressBar()
  _ = bar.text(step: 0, total: 400, elapsedSeconds: 0, label: "sft")
  let line = bar.text(
    step: 248, total: 400, elapsedSeconds: 20, label: "sft", metrics: [("loss", 0.213)], width: 60)
  #expect(line == "sft  ▕█████████▎     ▏ 62%  248/400  0:12 left  loss 0.213", "\(line)")
  var plain = ProgressBar(unicode: false)
  _ = plain.text(step: 0, total: 400, elapsedSeconds: 0, label: "sft")
  let ascii = plain.text(
    step: 248, total: 400, elapsedSeconds: 20, label: "sft", metrics: [("loss", 0.213)], width: 60)
  #expect(ascii == "sft  [#########......] 62%  248/400  0:12 left  loss 0.213", "\(ascii)")
}

@Test func progressFitsAnyWidthAndTakesAnyNumbers() {
  for unicode in [true, false] {
    var bar = ProgressBar(unicode: unicode)
    for width in [0, 1, 5, 10, 20, 40, 80, 200] {
      for (step, total) in [
        (0, 0), (5, 0), (3, 10), (10, 10), (20, 10), (-1, 10), (Int.max, Int.max), (1, Int.max), (5, -5),
      ] {
        for seconds in [0, 1, -1, .nan, .infinity, 1e300] {
          let line = bar.text(
            step: step, total: total, elapsedSeconds: seconds, label: "β run\n",
            metrics: [("loss", .nan), ("kl", .infinity), ("x", 1e300)], width: width)
          #expect(line.count <= max(width, 1) && !line.contains("\n"))
          if !unicode { #expect(line.utf8.allSatisfy { $0 < 127 }) }
        }
      }
    }
  }
}

@Test func progressShowsNanAndTheEnd() {
  var bar = ProgressBar()
  #expect(
    bar.text(step: 12, total: 10, elapsedSeconds: 61, metrics: [("loss", .nan)]).hasSuffix(
      "100%  12/10  in 1:01  loss nan"))
  #expect(bar.text(step: 399, total: 400, elapsedSeconds: 61).contains(" 99%"))
}

@Test func theTimeLeftFollowsTheRecentRateAndIgnoresResumedSteps() {
  var bar = ProgressBar()
  _ = bar.text(step: 1000, total: 2000, elapsedSeconds: 0)  // resumed at step 1000
  for i in 1...100 { _ = bar.text(step: 1000 + i, total: 2000, elapsedSeconds: Double(i)) }
  #expect(bar.text(step: 1100, total: 2000, elapsedSeconds: 100).contains("15:00 left"))
  for i in 1...200 { _ = bar.text(step: 1100 + i, total: 2000, elapsedSeconds: 100 + 3 * Double(i)) }
  let line = bar.text(step: 1300, total: 2000, elapsedSeconds: 700)
  // Seven hundred steps at three seconds are 35 minutes; the whole run's mean would say 27.
  #expect(line.contains("34:") || line.contains("35:"), "\(line)")
}
