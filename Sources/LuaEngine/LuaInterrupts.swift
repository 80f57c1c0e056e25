/// Ctrl-C, for the program that owns the terminal.
///
/// The first press is an error that a script may catch, the second one that it may not, the third ends the
/// process (CLuaShims/interrupt.c).
import CLuaShims

extension Lua {
  /// Makes Ctrl-C stop this state, run by the calling thread.
  public func handleInterrupts() {
    shim_interrupt_target(state)
    shim_interrupt_install()
  }

  /// True while the prompt waits for a line: a press then clears the line.
  public var isAtPrompt: Bool {
    get { shim_interrupt_is_at_prompt() != 0 }
    set { shim_interrupt_at_prompt(newValue ? 1 : 0) }
  }

  /// A library has handled the error of the first press and goes on: the next press is the first again.
  public func interruptWasHandled() { shim_interrupt_handled() }

  /// The top level has control again: earlier presses no longer count.
  public func clearInterrupts() { shim_interrupt_reset() }
}
