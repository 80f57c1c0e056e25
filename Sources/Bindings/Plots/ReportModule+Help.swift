/// Help pages of reports.
extension ReportModule {
  static let options = [
    Option("title", "Report", "first heading and title of the page"),
    Option("footer", "", "text at the end, such as date, commit and command"),
  ]
  static let csvOptions = [
    Option("header", required: .list("strings"), "names of the columns"),
    Option("rows", required: .list("rows, each a list of cells"), "cells of each row; nil is an empty cell"),
  ]
  static let tableOptions = csvOptions + [
    Option("caption", "", "text above the table"),
    Option(
      "align", optional: .list("\"left\", \"center\" or \"right\""), "alignment of each column",
      otherwise: "numbers right, text left"),
  ]

  private static let new = "r = require 'perilune.report'.new{title = 'The gap'}\n"

  private static func page(_ name: String, _ form: String, _ summary: String, _ call: String, _ shown: String)
    -> HelpPage
  {
    HelpPage(
      "Report:\(name)", "reports", "r:\(name)(\(form))", summary + " Gives the report.",
      new + "print(r:\(name)\(call):html():find('\(shown)', 1, true) ~= nil)", prints: "true")
  }

  static let pages = [
    HelpPage(
      "report.native.new", "reports", "native.new{options}",
      "An empty Report; scripts call it as report.new.",
      options: options, errors: "an option is unknown or of another type",
      "print(require 'perilune.report.native'.new{title = 'The gap'})", prints: "[Report The gap]"),
    HelpPage(
      "report.native.csv", "reports", "native.csv{options}",
      "A table as comma-separated text, quoted as RFC 4180 says. A text that a spreadsheet would take for a formula, such as "
        + "one that begins with =, gets an apostrophe in front. Scripts call it as report.csv.",
      options: csvOptions, errors: "a row has more cells than the header; header or rows are missing",
      "text = require 'perilune.report.native'.csv{header = {'side', 'win rate'}, rows = {{'online, ipo', 0.71}}}\n"
        + "print((text:match '\n(.-)\r'))", prints: "\"online, ipo\",0.71"),
    page("heading", "text, level = 2", "Adds a heading.", "('Win rate', 3)", "<h3"),
    page(
      "text", "words", "Adds words; an empty line begins another paragraph.", " 'Two runs.'",
      "<p>Two runs.</p>"),
    page("code", "text", "Adds a program as it is written.", " 'x = 1'", "x = 1"),
    page("output", "text", "Adds what a program printed.", " '42'", "42"),
    page("error", "text", "Adds an error message.", " 'no such file'", "no such file"),
    page("footer", "text", "Sets the words at the end.", " 'seed 7'", "seed 7"),
    HelpPage(
      "Report:figure", "reports", "r:figure(fig, caption = nil)", "Adds a Figure as SVG. Gives the report.",
      errors: "fig is no Figure, or cannot be drawn",
      new
        + "fig = require 'perilune.plot'.line{y = {1, 2}}\nprint(r:figure(fig, 'Loss'):html():find('<svg', 1, true) ~= nil)",
      prints: "true"),
    HelpPage(
      "Report:table", "reports", "r:table{options}", "Adds a table. Gives the report.", options: tableOptions,
      errors: "a row has more cells than the header; header or rows are missing",
      new + "r:table{header = {'method', 'win rate'}, rows = {{'online', 0.71}}}\n"
        + "print(r:html():find('<td class=\"right\">0.71</td>', 1, true) ~= nil)", prints: "true"),
    HelpPage(
      "Report:html", "reports", "r:html()",
      "The report as the text of one HTML file that needs nothing else.",
      new + "print(r:html():sub(1, 15))", prints: "<!DOCTYPE html>"),
    HelpPage(
      "Report:save", "reports", "r:save(path)", "Writes the report as one HTML file. Gives the report.",
      errors: "the file cannot be written",
      new + "path = os.tmpname()\nr:save(path)\nprint(io.open(path):read 'a' == r:html())\nos.remove(path)",
      prints: "true"),
  ]
}
