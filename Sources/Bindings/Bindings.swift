/// Everything that Lua sees of the numeric core, installed into a state.
///
/// Each area of the library is one installer: adding a line to `installers` is all it takes to add one.
///
///     let lua = try Lua()
///     try Bindings.install(into: lua, options: RunOptions(seed: 7))
///     try lua.run("print(require 'perilune.tensor' {1, 2})", name: "=example")
import Base
import LuaEngine
import Tensors

/// What a run is started with.
public struct RunOptions: Sendable {
  /// The seed of every random number that is not given one of its own.
  public var seed: UInt64
  /// Threads of the kernels; all cores unless given.
  public var threads: Int?
  /// The most bytes that tensors may hold together.
  public var memoryLimit: Int?

  public init(seed: UInt64 = 0, threads: Int? = nil, memoryLimit: Int? = nil) {
    self.seed = seed
    self.threads = threads
    self.memoryLimit = memoryLimit
  }
}

public enum Bindings {
  typealias Installer = (Lua, RunOptions) throws -> Void

  /// In this order, since a later one may use the classes of an earlier one.
  static let installers: [Installer] = [
    installTensors,
    installHelp,
    { lua, _ in try ModelModule.install(into: lua) },
    { lua, _ in try OptimModule.install(into: lua) },
    { lua, _ in try FormatsModule.install(into: lua) },
    { lua, _ in try SystemModule.install(into: lua) },
    { lua, _ in try PlotModule.install(into: lua) },
    { lua, _ in try ReportModule.install(into: lua) },
  ]

  /// Registers the classes and makes the native modules known to `require`.
  public static func install(into lua: Lua, options: RunOptions) throws {
    if let threads = options.threads { Parallel.threads = threads }
    MemoryAccount.limitBytes = options.memoryLimit ?? .max
    shareMemory(with: lua)
    for installer in installers { try installer(lua, options) }
    try lua.load(strictModules, name: "=perilune").call(lua.nativeModules.map { .string($0) })
  }

  /// Reading a name that a native module does not have is an error that suggests the near one, and calls the module as
  /// scripts do. `options.strict` does the same for modules in Lua, which these must work without.
  private static let strictModules = """
    for _, name in ipairs { ... } do
      local open = package.preload[name]
      package.preload[name] = function(...)
        local module = open(...)
        if getmetatable(module) == nil then
          local spoken = name:gsub("^perilune%.", ""):gsub("native%.", ""):gsub("%.native$", ""):gsub("^tensor$", "T")
          setmetatable(module, { __index = function(_, key)
            if type(key) ~= "string" then return nil end
            local names = {}
            for known in next, module do names[#names + 1] = known end
            local near = require "perilune.native.help".nearest(key, names)
            error(("%s has no '%s'%s"):format(spoken, key, near and ("; did you mean '%s'?"):format(near) or ""), 2)
          end })
        end
        return module
      end
    end
    """

  /// Lets tensors drive Lua's collector, and the collector free tensors before an allocation is refused.
  private static func shareMemory(with lua: Lua) {
    lua.nativeBytes = { MemoryAccount.footprint }
    let owner = Owner(lua: lua, thread: pthread_self())
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
