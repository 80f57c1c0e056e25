/// How a run closes the sandbox: after the program has opened what it needs, before anything of the user runs.
import Base
import Foundation
import LuaEngine

extension Run {
  /// Only the script's own text is read before; it is compiled and not run. Everything else, LUA_INIT and -e and -l
  /// included, runs inside.
  func enterSandbox() throws {
    let refusal = try lua.function("refusal") { call in
      guard let reason = Sandbox.takeRefusal() else { return 0 }
      try call.pushString(reason)
      return 1
    }
    let roots = options.run.roots
    try lua.restrict {
      let library = try lua.load(PackageResources.sandbox_lua, name: "=perilune").call([
        .function(refusal), roots.first.map { .string($0) } ?? .nil, .integer(standardLibrary == nil ? 2 : 3),
      ])
      return library.first ?? .nil
    }
    if options.script < arguments.count { script = try loadScript() }
    for root in roots { try Sandbox.allow(root) }
    if let library = standardLibrary { try Sandbox.allow(library, isReadOnly: true) }
    try Sandbox.enter(outputBytes: options.run.maxOutput ?? Limits.sandboxOutputBytes)
  }
}
