/// The program: a Lua interpreter with Perilune's native modules.
import Bindings
import CSystem
import Foundation
import Shell

shim_require_processor()
exit(
  Interpreter.main { lua, settings in
    let options = RunOptions(
      seed: settings.seed ?? 0, threads: settings.threads, memoryLimit: settings.maxMemory)
    try Bindings.install(into: lua, options: options)
  })
