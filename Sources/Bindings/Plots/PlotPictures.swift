/// Figures and SVG as PNG, PDF and escape sequences of terminals.
import Base
import LuaEngine
import Plots

enum PlotPictures {
  static let scale = Option(
    "scale", 1.0, "pixels for each pixel of the figure; also the size of a PDF", above: 0)
  static let background = Option(
    "background", "white", "\"white\", \"none\", \"#rrggbb\" or a name in plot.colors")

  /// What a file of a figure holds.
  enum Format: String, CaseIterable {
    case svg, png, pdf, csv, txt

    /// The format that a path ends in.
    init?(path: String) {
      let name = path.split(separator: "/").last ?? ""
      guard let dot = name.lastIndex(of: ".") else { return nil }
      self.init(rawValue: name[name.index(after: dot)...].lowercased())
    }

    static let endings = ".svg, .png, .pdf, .csv or .txt"
  }

  static func bytes(_ figure: Figure, _ format: Format, _ options: OptionTable) throws -> [UInt8] {
    let (ground, scale) = (try options.text("background"), try options.number("scale"))
    return try Detached.run {
      switch format {
      case .svg: return Array(try figure.renderSVG(background: ground).utf8)
      case .png: return try Picture(svg: figure.renderSVG(background: ground)).png(scale: scale)
      case .pdf: return try Picture(svg: figure.renderSVG(background: ground)).pdf(scale: scale)
      case .csv: return Array(try figure.csv().utf8)
      case .txt: return Array(try figure.renderText(width: 80).utf8)
      }
    }
  }

  static func add(to object: inout NativeClass<PlotFigure>, drawn: String) {
    for format in [Format.png, .pdf] {
      let name = format.rawValue
      object.method(
        name,
        Page(
          "fig:\(name){options}", "The figure as the bytes of a \(name.uppercased()) file.",
          options: [scale, background],
          errors:
            "librsvg is missing, and the message says how to install it; the picture has no pixels or too many",
          example: drawn + "print(#fig:\(name){scale = 2} > 1000)", prints: "true"), optionsAt: 2
      ) { call, object, options in
        try call.push(.bytes(try bytes(object.figure, format, options)))
        return 1
      }
    }
    object.method(
      "escape",
      Page(
        "fig:escape{options}",
        "The bytes that draw the figure as a picture in the terminal, and the lines that it takes; nil where the terminal "
          + "shows no pictures or is too small.",
        options: [
          Option(
            "by", optional: GraphicsProtocol.self, "the protocol", otherwise: "what the terminal answers"),
          Option("number", 0, "kitty replaces the picture of this number", least: 0),
          Option("rows", optional: .integer, "most lines", otherwise: "those of the terminal", least: 1),
        ],
        example: drawn + "print(fig:escape{by = 'sixel'}:match('^\\n*\\27%[%d+A\\0277\\27P0;1;0q') ~= nil)",
        prints: "true"), optionsAt: 2
    ) { call, object, options in
      var given: GraphicsProtocol? = try options.choice(ifGiven: "by")
      if given == nil, case .picture(let way) = try TerminalGraphics.way() { given = way }
      let drawn = try given.flatMap {
        try TerminalGraphics.escape(
          object.figure, by: $0, number: try options.integer("number"),
          rowsMax: try options.integer(ifGiven: "rows"))
      }
      guard let drawn else {
        try call.pushNil()
        return 1
      }
      try call.push(.bytes(drawn.bytes))
      try call.pushInteger(drawn.rows)
      return 2
    }
  }

  static func add(to module: inout NativeModule) {
    module.function(
      "terminal",
      Page(
        "native.plot.terminal()", "How figures are drawn: plot.terminal.",
        example: "print(require 'perilune.native.plot'.terminal())", prints: "auto")
    ) { call in
      try call.pushString(TerminalGraphics.mode.rawValue)
      return 1
    }
    module.function(
      "set_terminal",
      Page(
        "native.plot.set_terminal(mode)", "Sets how figures are drawn: plot.terminal.",
        errors: "the mode is none of \"auto\", \"kitty\", \"sixel\", \"iterm\", \"braille\", \"letters\"",
        example: "print(pcall(require 'perilune.native.plot'.set_terminal, 'vt52'))",
        prints: """
          false\tplot.terminal must be one of "auto", "kitty", "sixel", "iterm", "braille", "letters", not "vt52"
          """)
    ) { call in
      let given = try call.value(1)
      guard let mode = given.asString.flatMap(TerminalGraphics.Mode.init(rawValue:)) else {
        let known = TerminalGraphics.Mode.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: ", ")
        throw Failure(.value, "plot.terminal must be one of \(known), not \(OptionTable.describe(given))")
      }
      TerminalGraphics.mode = mode
      return 0
    }
    module.function(
      "has_pictures",
      Page(
        "native.plot.has_pictures()", "Whether PNG and PDF can be made here: whether librsvg is installed.",
        example: "print(type(require 'perilune.native.plot'.has_pictures()))", prints: "boolean")
    ) { call in
      try call.pushBoolean(Picture.isPossible)
      return 1
    }
    module.function(
      "picture_escape",
      Page(
        "native.plot.picture_escape(picture)",
        "The bytes that draw an SVG or the bytes of a PNG file in the terminal; nil where it shows no pictures.",
        errors: "the picture cannot be read",
        example: "print(require 'perilune.native.plot'.picture_escape '<svg/>')", prints: "nil")
    ) { call in
      let bytes = try call.bytes(1)
      guard case .picture(let way) = try TerminalGraphics.way() else {
        try call.pushNil()
        return 1
      }
      let svg = Picture.svg(ofPNG: bytes) ?? String(decoding: bytes, as: UTF8.self)
      try call.push(.bytes(try TerminalGraphics.escape(svg: svg, by: way)))
      return 1
    }
  }
}
