/// One Lua 5.4 state that a Swift program can use without fear: no Lua error ever jumps over a Swift frame.
///
/// An operation that can raise runs in C under `lua_pcall` (CLuaShims/protected.c) and comes back as a thrown
/// `LuaError`. What a native function throws is raised by C after the Swift function has returned. A state
/// belongs to one thread at a time.
///
///     let lua = try Lua()
///     try lua.preload("greet", LuaModule { $0.function("hello") { call in
///       try call.push(.string("hello " + call.string(1)))
///       return 1
///     } })
///     try lua.run("return require('greet').hello 'moon'", name: "=example")   // [.string("hello moon")]
import Base
import CLua
import CLuaShims

public final class Lua {
  /// Tells the engine how many native bytes (tensors) are alive, so that they can drive Lua's collector.
  @exclusivity(unchecked) public var nativeBytes: () -> Int = { 0 }
  /// The globals that the library's own chunks see in the sandbox, where the program's are fewer.
  public internal(set) var libraryEnvironment: LuaValue?
  /// The names of the modules that `preload` made known, in order.
  public internal(set) var nativeModules: [String] = []

  let registry: Registry
  let state: UnsafeMutablePointer<shim_state>
  var classes: [ObjectIdentifier: ClassRecord] = [:]
  var classByType: [ObjectIdentifier: ClassRecord] = [:]
  var pendingError: ErrorObject?
  @exclusivity(unchecked) var nativeBytesAtCollection = 0
  @exclusivity(unchecked) private var objectsUntilCollection = EngineLimits.objectsPerCollection
  @exclusivity(unchecked) private var lastClass: (type: ObjectIdentifier, record: ClassRecord)?

  /// "Lua 5.4.x  Copyright (C) ...", of the library that is linked.
  public static var copyright: String { String(cString: shim_lua_copyright()) }

  /// "5.4.x", of the library that is linked.
  public static var release: String {
    copyright.split(separator: " ").dropFirst().first.map(String.init) ?? "5.4"
  }

  /// Opens a state; `memoryLimit` bounds the bytes of the Lua heap and the native bytes together, counted from after the
  /// libraries were opened. `ignoreEnvironment` leaves LUA_PATH and its like unread, as `lua -E`.
  public init(memoryLimit: Int? = nil, standardLibraries: Bool = true, ignoreEnvironment: Bool = false) throws
  {
    installCallbacks
    guard let state = shim_lua_new() else {
      throw Failure(.memory, "not enough memory for a Lua state")
    }
    self.state = state
    self.registry = Registry(state: state)
    state.pointee.owner = Unmanaged.passUnretained(self).toOpaque()
    try check(
      shim_lua_open(state, !standardLibraries ? 0 : ignoreEnvironment ? 2 : 1), on: state.pointee.main)
    try registerErrorClass()
    self.memoryLimit = memoryLimit
  }

  deinit { close() }

  /// Ends the state: to-be-closed values and finalizers run. Tables and functions kept in Swift become
  /// unusable.
  public func close() {
    guard registry.state != nil else { return }
    if state.pointee.is_restricted == 0 { state.pointee.limit_bytes = 0 }
    registry.state = nil
    shim_lua_close(state)
  }

  /// The limit on the bytes of the Lua heap and the native bytes together; beyond it, Lua code gets the catchable error "not enough
  /// memory".
  public var memoryLimit: Int? {
    get { state.pointee.limit_bytes == 0 ? nil : Int(state.pointee.limit_bytes) }
    set { state.pointee.limit_bytes = newValue.map { max($0, 1) } ?? 0 }
  }

  /// For code that is not trusted: chunks are text, patterns have a limit, and the library's own chunks get the globals
  /// that `prepare` gives.
  public func restrict(_ prepare: () throws -> LuaValue) throws {
    shim_lua_restrict(state)
    libraryEnvironment = try prepare()
  }

  /// The bytes of the Lua heap in use.
  public var usedBytes: Int { Int(state.pointee.used_bytes) }

  /// The thread (main or coroutine) that is running now.
  var current: OpaquePointer { state.pointee.current }

  // MARK: Running code

  /// Compiles a chunk without running it. `name` is Lua's chunk name: "@file.lua" or "=stdin".
  public func load(_ source: [UInt8], name: String, textOnly: Bool = false) throws -> LuaFunction {
    try use { L in
      let status = source.withUnsafeBytes {
        shim_load(L, $0.baseAddress, $0.count, name, textOnly ? "t" : "bt")
      }
      try check(status, on: L)
      let chunk = LuaFunction(try reference(L))
      if let libraryEnvironment, name == "=perilune" { try setEnvironment(of: chunk, libraryEnvironment) }
      return chunk
    }
  }

  public func load(_ source: String, name: String, textOnly: Bool = false) throws -> LuaFunction {
    try load(Array(source.utf8), name: name, textOnly: textOnly)
  }

  /// Compiles a file, or standard input for nil, exactly as the stand-alone interpreter does. A path is
  /// bytes, as the system has it.
  public func loadFile(_ path: [UInt8]?) throws -> LuaFunction {
    try use { L in
      let status: Int32
      if let path {
        status = (path + [0]).withUnsafeBytes {
          shim_load_file(L, $0.baseAddress?.assumingMemoryBound(to: CChar.self))
        }
      } else {
        status = shim_load_file(L, nil)
      }
      try check(status, on: L)
      return LuaFunction(try reference(L))
    }
  }

  /// Makes `environment` the `_ENV` of a chunk just compiled.
  public func setEnvironment(of chunk: LuaFunction, _ environment: LuaValue) throws {
    try use { L in
      try push(chunk.reference, on: L)
      try push(environment, on: L)
      if lua_setupvalue(L, -2, 1) == nil { throw Failure(.state, "the chunk has no environment") }
    }
  }

  /// The function that keeps the locals of the chunk that calls it (see `LuaFunction.callKeepingLocals`).
  public func localsKeeper() throws -> LuaFunction {
    try use { L in
      shim_push_keeper(L)
      return LuaFunction(try reference(L))
    }
  }

  /// Compiles and runs a chunk; gives its results.
  @discardableResult
  public func run(_ source: String, name: String) throws -> [LuaValue] {
    try load(source, name: name).call([])
  }

  public func setGlobal(_ name: String, _ value: LuaValue) throws {
    try use { L in
      try push(value, on: L)
      try check(shim_set_global(L, name), on: L)
    }
  }

  public func global(_ name: String) throws -> LuaValue {
    try use { L in
      try check(shim_get_global(L, name), on: L)
      return try pop(L)
    }
  }

  /// A fresh, empty table.
  public func table() throws -> LuaTable {
    try use { L in
      try check(shim_push_table(L, 0, 0), on: L)
      return LuaTable(try reference(L))
    }
  }

  /// A native function as a Lua value; the body lives as long as the value does.
  public func function(_ name: String, _ body: @escaping NativeBody) throws -> LuaFunction {
    try use { L in
      try pushFunction(name, body, on: L)
      return LuaFunction(try reference(L))
    }
  }

  /// The text of a value as Lua's `tostring` gives it, `__tostring` included.
  public func text(_ value: LuaValue) throws -> String {
    try use { L in
      try push(value, on: L)
      try check(shim_to_string(L, -1), on: L)
      defer { lua_settop(L, -2) }
      return topText(L)
    }
  }

  /// Sends a message to the warning system, `@on` and `@off` included.
  public func warn(_ message: String) { lua_warning(state.pointee.main, message, 0) }

  // MARK: Memory

  /// A full collection.
  public func collect() {
    guard registry.state != nil else { return }
    registry.drain()
    let L = current
    if shim_lua_collect(L) != LUA_OK { lua_settop(L, -2) }
    nativeBytesAtCollection = nativeBytes()
    objectsUntilCollection = max(
      EngineLimits.objectsPerCollection, usedBytes / EngineLimits.heapBytesPerObject)
  }

  /// A full collection for the tensor allocator, before it gives up at its limit.
  public func reclaim() { collect() }

  /// Called after an object was pushed: native bytes are invisible to Lua's collector, so their growth starts
  /// it, and so does the number of objects.
  ///
  /// The step is 32 MB, or the size of the Lua heap if that is more: marking a big heap must not be done for
  /// every small gain. Objects too are counted against the heap. Lua's own pace would not do: it takes objects that
  /// wait for their finalizer for live ones, so that each of its cycles lets more garbage gather than the one before.
  @inline(__always)
  func collectIfNativeBytesGrew() {
    let bytes = nativeBytes()
    objectsUntilCollection -= 1
    if bytes < nativeBytesAtCollection { nativeBytesAtCollection = bytes }
    if objectsUntilCollection < 0
      || bytes - nativeBytesAtCollection > max(EngineLimits.nativeBytesPerCollection, usedBytes)
    {
      collect()
    }
  }

  // MARK: Inside

  /// Runs `body` with the running thread and a clean stack afterwards.
  func use<R>(_ body: (OpaquePointer) throws -> R) throws -> R {
    guard registry.state != nil else { throw Failure(.state, "the Lua state is closed") }
    let L = current
    guard lua_checkstack(L, 16) != 0 else { throw Failure(.memory, "Lua stack overflow") }
    registry.drain()
    let top = lua_gettop(L)
    defer { lua_settop(L, top) }
    return try body(L)
  }

  /// Throws the error that a protected operation left on the stack.
  @inline(__always)
  func check(_ status: Int32, on L: OpaquePointer) throws {
    if status != LUA_OK { throw error(status, on: L) }
  }

  func classRecord(of object: AnyObject) -> ClassRecord? {
    let type = ObjectIdentifier(Swift.type(of: object))
    if let last = lastClass, last.type == type { return last.record }
    guard let record = classByType[type] ?? classes.values.first(where: { $0.matches(object) }) else {
      return nil
    }
    classByType[type] = record
    lastClass = (type, record)
    return record
  }
}

/// The bounds of the engine, each with its reason.
enum EngineLimits {
  /// Native bytes may grow by this much between two full collections: 33 MB at the peak for dropped 80 KB
  /// tensors, measured.
  static let nativeBytesPerCollection = 32 << 20
  /// Objects that are made between two full collections, at least: so many small tensors stay within a core's
  /// cache, where a loop over them is 1.5 times as fast as in 20 MB of garbage, measured.
  static let objectsPerCollection = 4096
  /// Bytes of the Lua heap after a collection for each of them, 64 bytes of it for an object that waits to be
  /// freed: marking the rest costs some 0.1 us an object.
  static let heapBytesPerObject = 192
  /// Nesting of a Swift value turned into Lua tables; Lua's own limit on nested C calls is 200.
  static let valueDepth = 180
}
