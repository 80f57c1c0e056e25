/// The program: a Lua interpreter with Perilune's native modules.
import Bindings
import CSystem
import Foundation
import Shell

shim_require_processor()
shim_say_lost_output()
exit(Interpreter.main { lua, options in try Bindings.install(into: lua, options: options) })
