/// Ctrl-C, for the program that owns the terminal.
///
/// The first press is an error that a script may catch, the second one that it may not, the third ends the
/// process (CLuaShims/interrupt.c).
import Base
import CLuaShims

/// What SIGUSR2 and SIGTERM do.
public enum StopMode: Int32 {
  /// They end the process, as they do by default.
  case ends
  /// They raise the error of Ctrl-C.
  case raises
  /// They are noted until a step is complete, and so is Ctrl-C; the same one again raises the error.
  case waits
}

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

  /// At a prompt, where the user waits: the first press also ends code that catches its error and goes on, unless that
  /// code has recognised the error.
  public static func insistOnInterrupts(_ on: Bool) { shim_interrupt_insist(on ? 1 : 0) }

  /// Code has asked whether an error is that of Ctrl-C.
  public static func interruptWasRecognised() { shim_interrupt_recognised() }

  /// True once `--max-time` is over.
  public static var timeIsOver: Bool { shim_limit_reached() != 0 }

  /// Watches the limits from now on: seconds, and bytes that the process may have in memory beyond those of now.
  public static func startLimits(seconds: Double?, bytes: Int?) throws {
    let status = shim_limits_start(seconds ?? 0, Int64(bytes ?? 0))
    if status != 0 { throw Failure(.state, "cannot watch the limits: \(String(cString: strerror(status)))") }
  }

  /// The third press no longer ends the process: the clients of a kernel press again and again.
  public static func neverEndByInterrupt() { shim_interrupt_never_ends() }

  /// A press on behalf of a client, from any thread; it reaches child processes too.
  public static func interruptFromThread() { shim_interrupt_from_thread() }

  /// A library has handled the error of the first press and goes on: the next press is the first again.
  public func interruptWasHandled() { shim_interrupt_handled() }

  /// The top level has control again: earlier presses no longer count.
  public func clearInterrupts() { shim_interrupt_reset() }

  /// What SIGUSR2 and SIGTERM do to this process.
  public static var stopMode: StopMode {
    get { StopMode(rawValue: shim_stop_mode()) ?? .ends }
    set { shim_stop_handle(newValue.rawValue) }
  }

  /// The number of the signal that asked the process to stop, or nil.
  public static var stopSignal: Int32? { shim_stop_signal() == 0 ? nil : shim_stop_signal() }

  /// The signal is about to be raised as an error.
  public static func stopWasRaised() { shim_stop_raised() }

  /// The exit status after an error of Ctrl-C, of a signal or of the time limit: 124 where the time is over, 75, "run me
  /// again" (EX_TEMPFAIL of sysexits.h), after SIGUSR2, else 130.
  public static var interruptStatus: Int32 { timeIsOver ? 124 : stopSignal == SIGUSR2 ? 75 : 130 }
}
