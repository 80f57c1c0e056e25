/// `perilune.native.plot`: figures and progress bars. Scripts use stdlib/plot.lua and stdlib/progress.lua.
import Base
import LuaEngine
import Plots

enum PlotModule {
  static func install(_ library: Library) throws {
    try library.add(
      NativeModule("plot", prefix: "native.plot.", group: "figures") { module in
        module.function(
          "figure",
          Page(
            "native.plot.figure{options}", "An empty Figure; scripts call plot.figure.",
            options: PlotSettings.options,
            example: "print(#require 'perilune.native.plot'.figure{}:csv() > 0)", prints: "true")
        ) { call in
          try call.pushObject(PlotFigure(try PlotSettings.figure(call, 1)))
          return 1
        }
        module.function(
          "progress_bar",
          Page(
            "native.plot.progress_bar()", "A ProgressBar; scripts use perilune.progress.",
            example: """
              bar = require 'perilune.native.plot'.progress_bar()
              print(#bar:text{step = 1, total = 2} > 0)
              """, prints: "true")
        ) { call in
          try call.pushObject(PlotProgress())
          return 1
        }
        module.function(
          "columns",
          Page(
            "native.plot.columns()",
            "The width of printed figures in characters: $COLUMNS, else that of the terminal, else 80.",
            example: "print(require 'perilune.native.plot'.columns() > 0)", prints: "true")
        ) { call in
          try call.pushInteger(Terminal.columns)
          return 1
        }
        module.function(
          "text_width",
          Page(
            "native.plot.text_width(text)",
            "The columns that a text takes in a terminal: two for East Asian letters and emoji, none for marks.",
            example: "print(require 'perilune.native.plot'.text_width '語a')", prints: "3")
        ) { call in
          try call.pushInteger(TerminalText.width(try call.string(1)))
          return 1
        }
        module.function(
          "text_cut",
          Page(
            "native.plot.text_cut(text, columns)",
            "A text with a sign of the cut where it takes more columns of a terminal than these.",
            example: "print(#require 'perilune.native.plot'.text_cut('abc', 3))", prints: "3")
        ) { call in
          try call.pushString(
            TerminalText.cut(
              try call.string(1), to: try call.integer(2), unicode: TerminalGraphics.isUnicode))
          return 1
        }
        module.function(
          "rows",
          Page(
            "native.plot.rows()",
            "The height of the terminal in lines: $LINES, else what it reports, else 24.",
            example: "print(require 'perilune.native.plot'.rows() > 0)", prints: "true")
        ) { call in
          try call.pushInteger(Terminal.rows)
          return 1
        }
        module.function(
          "is_unicode",
          Page(
            "native.plot.is_unicode()", "Whether text may hold braille: by plot.terminal and the locale.",
            example: "print(type(require 'perilune.native.plot'.is_unicode()))", prints: "boolean")
        ) { call in
          try call.pushBoolean(TerminalGraphics.isUnicode)
          return 1
        }
        PlotPictures.add(to: &module)
        PlotScreen.add(to: &module)
        module.value("figure_options", .list(PlotSettings.names.map { .string($0) }))
        module.value("colors", .list(Palette.names.map { .string($0) }))
        module.value("markers", .list(Marker.allCases.map { .string($0.rawValue) }))
        module.value("styles", .list(LineStyle.allCases.map { .string($0.rawValue) }))
      })
    try library.add(PlotFigure.declaration())
    try library.add(PlotProgress.declaration())
    try library.add(PlotScreen.declaration())
  }
}
