/// Asks whether the user pressed Ctrl-C, from inside a long native loop.
///
/// The signal handler (in C) only sets a flag. Native loops call `check()` between steps, where their state
/// is complete, so that an interrupted run keeps everything up to the last finished step.
import CSystem

public enum Interrupt {
  /// True after Ctrl-C until the interpreter has turned it into a Lua error.
  public static var isPending: Bool { shim_interrupt_pending() != 0 }

  /// True once Ctrl-C has ended long work early and the library has returned its results so far. A program
  /// without a prompt then exits with status 130, although the script went on.
  public nonisolated(unsafe) static var endedWork = false

  /// What native code throws in place of a result that Ctrl-C left incomplete.
  public static var failure: Failure { Failure(.interrupted, "interrupted!") }

  /// Throws a failure of kind `.interrupted` if Ctrl-C was pressed.
  public static func check() throws {
    if isPending { throw failure }
  }
}
