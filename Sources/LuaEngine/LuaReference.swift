/// A Lua value kept alive from Swift: a slot of Lua's registry.
///
/// Swift may drop the last reference anywhere, on another thread or inside a finalizer, where Lua must not be
/// touched. So a dropped slot is only noted, and given back the next time the engine has the state in hand.
import CLuaShims
import Foundation

public final class LuaReference {
  let registry: Registry
  let key: Int32

  init(registry: Registry, key: Int32) {
    self.registry = registry
    self.key = key
  }

  deinit { registry.drop(key) }

  func lua() throws -> Lua { try registry.lua() }
}

/// What the references of a state share: whether it is still open, and the slots to give back.
final class Registry {
  var state: UnsafeMutablePointer<shim_state>?
  private let lock = NSLock()
  private var dropped: [Int32] = []
  private var hasDropped = false

  init(state: UnsafeMutablePointer<shim_state>) { self.state = state }

  func drop(_ key: Int32) {
    lock.lock()
    dropped.append(key)
    hasDropped = true
    lock.unlock()
  }

  /// Gives dropped slots back; called by the thread that has the state.
  @inline(__always)
  func drain() {
    if hasDropped { drainNow() }
  }

  private func drainNow() {
    guard let state else { return }
    lock.lock()
    let keys = dropped
    dropped.removeAll(keepingCapacity: true)
    hasDropped = false
    lock.unlock()
    for key in keys { shim_unref(state.pointee.current, key) }
  }

  func lua() throws -> Lua {
    guard let owner = state?.pointee.owner else {
      throw LuaError(kind: "state", message: "the Lua state is closed")
    }
    return Unmanaged<Lua>.fromOpaque(owner).takeUnretainedValue()
  }
}
