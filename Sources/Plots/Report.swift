/// A report: headings, paragraphs, tables, figures and output, as one HTML file that needs nothing else.
///
/// It is built like a notebook, from top to bottom. Figures are drawn when they are added, so that a bad one fails at
/// its own line.
import Base

/// A report under construction.
///
///     var report = Report(title: "The gap")
///     report.add(heading: "Win rate")
///     report.add(paragraph: "Two runs from the same start.")
///     try report.add(table: ["method", "win rate"], rows: [["online", "0.71"], ["offline", "0.58"]],
///       caption: "After 400 steps", alignment: [.left, .right])
///     try report.add(figure: Figure(series: [.line(x: [0, 1], y: [0.5, 0.7])]))
///     let html = report.renderHTML()
public struct Report: Sendable {
  /// Where the text of a table's column stands.
  public enum Alignment: String, Sendable { case left, center, right }

  /// What a preformatted text is.
  public enum Preformatted: String, Sendable { case plain, code, output, error }

  public var title: String
  /// Small text at the end: date, commit, command.
  public var footer: String
  private var blocks: [String] = []
  private var figures = 0

  public init(title: String, footer: String = "") {
    self.title = title
    self.footer = footer
  }

  /// A heading; level 2 is a section, up to 4.
  public mutating func add(heading: String, level: Int = 2) {
    let name = "h\(min(max(level, 2), 4))"
    blocks.append("<\(name)>\(SVGWriter.escaped(heading))</\(name)>")
  }

  /// Text; an empty line begins another paragraph.
  public mutating func add(paragraph: String) {
    let lines = paragraph.split(separator: "\n", omittingEmptySubsequences: false)
    let pieces = lines.split { line in line.allSatisfy(\.isWhitespace) }
    for piece in pieces { blocks.append("<p>\(SVGWriter.escaped(piece.joined(separator: "\n")))</p>") }
  }

  /// A table. Columns without an alignment stand right if all their cells are numbers, else left.
  public mutating func add(
    table header: [String], rows: [[String]], caption: String = "", alignment: [Alignment] = []
  ) throws {
    if let i = rows.firstIndex(where: { $0.count != header.count }) {
      throw Failure(.shape, "table: the header has \(header.count) cells, row \(i + 1) has \(rows[i].count)")
    }
    if !alignment.isEmpty, alignment.count != header.count {
      throw Failure(.shape, "table: the header has \(header.count) cells, alignment has \(alignment.count)")
    }
    let sides = header.indices.map { column -> Alignment in
      if !alignment.isEmpty { return alignment[column] }
      let isNumeric = rows.allSatisfy { Double($0[column]) != nil || $0[column].isEmpty }
      return isNumeric && !rows.isEmpty ? .right : .left
    }
    func cell(_ name: String, _ text: String, _ column: Int, _ scope: String) -> String {
      let side = sides[column] == .left ? "" : " class=\"\(sides[column].rawValue)\""
      return "<\(name)\(scope)\(side)>\(SVGWriter.escaped(text))</\(name)>"
    }
    var html = "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\""
    html += "\(SVGWriter.escaped(caption.isEmpty ? "table" : caption))\">\n<table>\n"
    if !caption.isEmpty { html += "<caption>\(SVGWriter.escaped(caption))</caption>\n" }
    html += "<thead><tr>" + header.enumerated().map { cell("th", $1, $0, " scope=\"col\"") }.joined()
    html += "</tr></thead>\n<tbody>\n"
    for row in rows {
      // The first cell names its row.
      html +=
        "<tr>"
        + row.enumerated().map { $0 == 0 ? cell("th", $1, $0, " scope=\"row\"") : cell("td", $1, $0, "") }
        .joined()
        + "</tr>\n"
    }
    blocks.append(html + "</tbody>\n</table>\n</div>")
  }

  /// A figure, drawn now, with a caption under it.
  public mutating func add(figure: Figure, caption: String = "") throws {
    figures += 1
    var html = "<figure>\n" + (try figure.svgElement(id: "figure\(figures)"))
    if !caption.isEmpty { html += "<figcaption>\(SVGWriter.escaped(caption))</figcaption>\n" }
    blocks.append(html + "</figure>")
  }

  /// Text whose blanks and line ends count: source, output, a traceback. Colour codes of terminals are taken out.
  public mutating func add(preformatted: String, as kind: Preformatted = .plain) {
    let text = Report.withoutEscapes(preformatted)
    let inner = kind == .code ? "<code>\(SVGWriter.escaped(text))</code>" : SVGWriter.escaped(text)
    blocks.append("<pre class=\"\(kind.rawValue)\">\(inner)</pre>")
  }

  /// The whole report, one file of HTML 5 without scripts and without addresses to load.
  public func renderHTML() -> String {
    let name = SVGWriter.escaped(title)
    let end = footer.isEmpty ? "" : "<footer>\(SVGWriter.escaped(footer))</footer>\n"
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <meta name="color-scheme" content="light dark">
      <title>\(name)</title>
      <style>
      \(Report.style)</style>
      </head>
      <body>
      <main>
      <h1>\(name)</h1>
      \(blocks.map { $0 + "\n" }.joined())\(end)</main>
      </body>
      </html>

      """
  }

  /// Takes out terminal escape sequences: ESC [ up to its final letter, and ESC with one other character.
  static func withoutEscapes(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    var state = 0  // 0 text, 1 after ESC, 2 inside ESC [
    for scalar in text.unicodeScalars {
      switch state {
      case 1: state = scalar == "[" ? 2 : 0
      case 2: if (0x40...0x7E).contains(scalar.value) { state = 0 }
      default: if scalar.value == 0x1B { state = 1 } else { result.append(scalar) }
      }
    }
    return String(result)
  }

  /// Figures keep their white ground on a dark page, as a sheet of paper would. A table may be wider than the text.
  private static let style = """
    :root { --ink: #1f2328; --quiet: #59636e; --ground: #ffffff; --rule: #d1d9e0; --soft: #f6f8fa; --bad: #b3261e; }
    @media (prefers-color-scheme: dark) {
      :root { --ink: #e6e9ec; --quiet: #9aa4ae; --ground: #14171a; --rule: #363d44; --soft: #1d2125; --bad: #ff8a80; }
    }
    body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.55 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
    main { max-width: 46rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
    h1 { font-size: 1.8rem; line-height: 1.2; margin: 0 0 1.5rem; }
    h2 { font-size: 1.3rem; margin: 2.5rem 0 .75rem; padding-bottom: .3rem; border-bottom: 1px solid var(--rule); }
    h3, h4 { margin: 1.75rem 0 .5rem; }
    figure { margin: 1.5rem 0; }
    figure svg { display: block; max-width: 100%; height: auto; margin: 0 auto; border-radius: 6px; }
    figcaption, caption, footer { color: var(--quiet); font-size: .875rem; }
    figcaption { margin-top: .5rem; text-align: center; }
    .wide { position: relative; left: 50%; transform: translateX(-50%); width: max-content; min-width: 100%; max-width: min(84rem, 100vw - 2.5rem); overflow-x: auto; margin: 1.25rem 0; }
    table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
    caption { text-align: left; padding-bottom: .4rem; }
    th, td { padding: .3rem .9rem .3rem 0; text-align: left; font-weight: normal; border-bottom: 1px solid var(--rule); }
    thead th { font-weight: 600; border-bottom: 2px solid var(--rule); }
    .right { text-align: right; padding: .3rem 0 .3rem .9rem; }
    .center { text-align: center; }
    pre { overflow-x: auto; margin: 1rem 0; padding: .75rem 1rem; background: var(--soft); border-radius: 6px; font: .85rem/1.45 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
    pre.output { background: none; border-left: 3px solid var(--rule); border-radius: 0; }
    pre.error { border-left: 3px solid var(--bad); color: var(--bad); border-radius: 0; }
    footer { margin-top: 3rem; padding-top: .75rem; border-top: 1px solid var(--rule); }
    @media print { main { max-width: none; } pre, figure, table { break-inside: avoid; } }

    """
}
