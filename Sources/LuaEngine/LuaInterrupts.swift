/// Ctrl-C, for the program that owns the terminal.
///
/// The first press is an error a script may catch, the second one that it may not, the third ends the process (CShims/lua_interrupt.c).
import CLuaShims

extension Lua {
  /// Makes Ctrl-C stop this state, run by the calling thread.
  public func handleInterrupts() {
    shim_interrupt_target(state)
    shim_interrupt_install()
  }

  /// The top level has control again: presses so far no longer count.
  public func clearInterrupts() { shim_interrupt_reset() }
}
