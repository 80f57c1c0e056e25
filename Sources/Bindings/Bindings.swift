/// Everything that Lua sees of the numeric core, installed into a state.
///
/// An area of the library is one line of `areas`.
///
///     let lua = try Lua()
///     try Bindings.install(into: lua, options: RunOptions(seed: 7))
///     try lua.run("print(require 'perilune.tensor' {1, 2})", name: "=example")
import Base
import LuaEngine
import Tensors

public enum Bindings {
  /// An area of the library: the part of the manual that its pages belong to, and what it adds.
  typealias Area = (part: String, install: (Library) throws -> Void)

  /// In the order of the manual. An area may use the classes of those before it.
  static let areas: [Area] = [
    ("Tensors", installTensors), ("Models", ModelModule.install), ("Optimizers", OptimModule.install),
    ("Files", FormatsModule.install), ("Many processes", MPIModule.install),
    ("Figures and reports", PlotModule.install), ("Figures and reports", ReportModule.install),
    ("Figures and reports", NotebookModule.install),
    ("Runs", RunModule.install),
    ("System", SystemModule.install), ("Errors", documentErrors), ("Help", installHelp),
  ]

  /// Registers the classes and makes the native modules known to `require`.
  public static func install(into lua: Lua, options: RunOptions) throws {
    if let threads = options.threads { Parallel.threads = threads }
    MemoryAccount.limitBytes = options.memoryLimit ?? .max
    shareMemory(with: lua)
    let manual = Manual()
    for area in areas {
      try area.install(Library(lua: lua, options: options, manual: manual, part: area.part))
    }
    try lua.load(PackageResources.public_names_lua, name: "=perilune").call([])
  }

  /// Reading a name that a native module does not have is an error that suggests the nearest one; `options.strict` does
  /// the same for modules in Lua.
  static func makeStrict(_ module: NativeModule, in lua: Lua) throws {
    try lua.load(PackageResources.strict_module_lua, name: "=perilune")
      .call([.string(module.path), .string(module.title)])
  }

  /// Lets tensors drive Lua's collector, and the collector free tensors before an allocation is refused.
  private static func shareMemory(with lua: Lua) {
    lua.nativeBytes = { MemoryAccount.footprint }
    let owner = Owner(lua: lua, thread: pthread_self())
    MemoryAccount.otherBytes = { owner.lua?.usedBytes ?? 0 }
    MemoryAccount.onPressure {
      // A worker thread must not touch the state that its own thread is using.
      if pthread_equal(owner.thread, pthread_self()) != 0 { owner.lua?.reclaim() }
    }
  }

  private final class Owner: @unchecked Sendable {
    weak var lua: Lua?
    let thread: pthread_t
    init(lua: Lua, thread: pthread_t) {
      self.lua = lua
      self.thread = thread
    }
  }
}
