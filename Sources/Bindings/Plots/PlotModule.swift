/// `perilune.plot.native`: figures and progress lines for Lua. The words a script uses are in stdlib/plot.lua.
import Base
import LuaEngine
import Plots

enum PlotModule {
  static func install(into lua: Lua) throws {
    try lua.register(PlotFigure.declaration())
    try lua.register(PlotProgress.declaration())
    try lua.preload(
      "perilune.plot.native",
      LuaModule { module in
        module.function("figure") { call in
          try call.pushObject(PlotFigure(try PlotSettings.figure(call, 1)))
          return 1
        }
        module.function("progress_bar") { call in
          try call.pushObject(PlotProgress())
          return 1
        }
        module.function("columns") { call in
          try call.pushInteger(Terminal.columns)
          return 1
        }
        module.value("figure_options", .list(PlotSettings.names.map { .string($0) }))
        module.value("colors", .list(Palette.names.map { .string($0) }))
        module.value("markers", .list(Marker.allCases.map { .string($0.rawValue) }))
        module.value("styles", .list(LineStyle.allCases.map { .string($0.rawValue) }))
      })
  }
}
