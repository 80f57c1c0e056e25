/// Help pages of figures and progress lines.
import Plots

private let drawn = "fig = require 'perilune.plot'.figure{title = 'Win rate'}:line{y = {0.5, 0.6}}\n"

extension PlotModule {
  static let pages = [
    HelpPage(
      "plot.native.figure", "figures", "native.figure{options}",
      "An empty Figure; scripts call it as plot.figure.",
      options: PlotSettings.options, errors: "an option is unknown or of another type",
      "print(#require 'perilune.plot.native'.figure{}:csv() > 0)", prints: "true"),
    HelpPage(
      "plot.native.progress_bar", "figures", "native.progress_bar()",
      "A ProgressBar, which scripts use through perilune.progress.",
      "bar = require 'perilune.plot.native'.progress_bar()\nprint(#bar:text{step = 1, total = 2} > 0)",
      prints: "true"),
    HelpPage(
      "plot.native.columns", "figures", "native.columns()",
      "The width of figures in letters: $COLUMNS, else that of the terminal, else 80.",
      "print(require 'perilune.plot.native'.columns() > 0)", prints: "true"),
  ]
}

extension PlotSettings {
  private static let limits = Option.Kind.any("{lower, upper}; an end that is false follows the data")
  private static let positions = LegendPosition.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")

  static let options = [
    Option("title", optional: .text, "text above the axes"),
    Option("xlabel", optional: .text, "text below the x axis"),
    Option("ylabel", optional: .text, "text beside the y axis"),
    Option("note", optional: .text, "text below the figure, such as settings and seeds"),
    Option("width", Figure().width, "width of the SVG in pixels"),
    Option("height", Figure().height, "height of the SVG in pixels"),
    Option("xlim", optional: limits, "ends of the x axis", otherwise: "the range of the data"),
    Option("ylim", optional: limits, "ends of the y axis", otherwise: "the range of the data"),
    Option("xscale", AxisScale.linear, "scale of the x axis"),
    Option("yscale", AxisScale.linear, "scale of the y axis"),
    Option(
      "legend", optional: .any("true, false, " + positions), "whether and where the legend is drawn",
      otherwise: "\"best\""),
    Option("grid", true, "whether grid lines are drawn at the ticks"),
  ]

  /// The settings that are methods too; width and height go together, as `size`.
  static var methods: [Option] { options.filter { $0.name != "width" && $0.name != "height" } }

  static let pages = methods.map { option in
    let (form, given): (String, String)
    switch option.name {
    case "xlim", "ylim": (form, given) = ("(lower, upper)", "(0, 1)")
    case "xscale", "yscale": (form, given) = ("(scale)", " 'linear'")
    case "legend": (form, given) = ("(where = true)", " 'outside'")
    case "grid": (form, given) = ("(wanted = true)", "(false)")
    default: (form, given) = ("(text)", " 'words'")
    }
    return HelpPage(
      "Figure:\(option.name)", "figures", "fig:\(option.name)\(form)",
      "Sets \(option.name), as the option of plot.figure: \(option.text). Gives the figure.",
      errors: "the value is of another type or word",
      drawn + "print(rawequal(fig:\(option.name)\(given), fig))", prints: "true")
  }
}

extension PlotFigure {
  static let textOptions = [
    Option("width", optional: .integer, "width in characters", otherwise: "the terminal's"),
    Option("height", 20, "height in lines"), Option("color", false, "whether to use terminal colours"),
    Option(
      "unicode", optional: .flag, "whether to use braille and box-drawing characters",
      otherwise: "by the locale"),
  ]

  static let pages = [
    HelpPage(
      "Figure:size", "figures", "fig:size(width, height)",
      "Sets the size of the SVG in pixels. Gives the figure.",
      drawn + "print(fig:size(640, 360):svg():find('640', 1, true) ~= nil)", prints: "true"),
    HelpPage(
      "Figure:save", "figures", "fig:save(path)",
      "Writes the figure as .svg, .csv (the numbers behind it) or .txt, by the end of the name. Gives the figure.",
      errors: "the name ends otherwise; the file cannot be written",
      drawn
        + "path = os.tmpname() .. '.csv'\nfig:save(path)\nprint(#io.open(path):read 'a' > 0)\nos.remove(path)",
      prints: "true"),
    HelpPage(
      "Figure:svg", "figures", "fig:svg()", "The figure as the text of an SVG file.",
      errors: "the axes cannot be drawn, such as a log scale of a number that is not positive",
      drawn + "print(fig:svg():find('<svg', 1, true) ~= nil)", prints: "true"),
    HelpPage(
      "Figure:csv", "figures", "fig:csv()",
      "The numbers behind the figure, as comma-separated lines under a header.",
      drawn + "print(select(2, fig:csv():gsub('\\n', '')))", prints: "3"),
    HelpPage(
      "Figure:text", "figures", "fig:text{options}",
      "The figure drawn in letters, each line ended. print(fig) draws it too.",
      options: textOptions, errors: "an option is unknown or of another type",
      drawn + "print(fig:text{width = 60}:find('Win rate', 1, true) ~= nil)", prints: "true"),
    HelpPage(
      "Figure:show", "figures", "fig:show()", "Prints the figure in letters. Gives the figure.",
      "fig = require 'perilune.plot'.figure{title = 'Win rate'}:line{y = {0.5, 0.6}}\n"
        + "local print, shown = print; _G.print = function(f) shown = tostring(f) end\nfig:show()\n"
        + "_G.print = print; print(#shown > 0)", prints: "true"),
  ]
}

extension PlotProgress {
  static let options = [
    Option("step", 0, "steps done"), Option("total", 0, "number of steps; 0 if unknown"),
    Option("elapsed", 0.0, "seconds since the start"), Option("label", "", "text before the bar"),
    Option("metrics", optional: .any("a table of numbers by name"), "metrics, shown sorted by name"),
    Option("width", optional: .integer, "width in characters", otherwise: "the terminal's"),
  ]

  static let pages = [
    HelpPage(
      "ProgressBar:text", "figures", "bar:text{options}",
      "The progress line for this moment, without a line end. The time left goes by the speed of late steps.",
      options: options, errors: "an option is unknown or of another type",
      "bar = require 'perilune.plot.native'.progress_bar()\n"
        + "print(bar:text{step = 1, total = 4, label = 'sft'}:find('sft', 1, true) ~= nil)", prints: "true")
  ]
}
