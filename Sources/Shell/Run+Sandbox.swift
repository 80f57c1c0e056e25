/// How a run closes the sandbox: after the program has opened what it needs, before anything of the user runs.
import Base
import Foundation
import LuaEngine

extension Run {
  /// Only the script's own text is read before; it is not run. Everything else, LUA_INIT and -e and -l
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
    if isNotebook {
      notebook = notebookText()
    } else if options.script < arguments.count {
      script = try loadScript()
    }
    for root in roots { try Sandbox.allow(root) }
    if let library = standardLibrary { try Sandbox.allow(library, isReadOnly: true) }
    try Sandbox.enter(outputBytes: options.run.maxOutput ?? Limits.sandboxOutputBytes)
  }

  /// The text of the notebook; nil where it is read later: the standard input, what is converted, no file.
  private func notebookText() -> LuaValue? {
    guard !options.run.converts, options.script < arguments.count else { return nil }
    let path = String(decoding: arguments[options.script], as: UTF8.self)
    if path == "-" { return nil }
    return FileManager.default.contents(atPath: path).map { .bytes(Array($0)) }
  }
}
