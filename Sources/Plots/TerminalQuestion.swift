/// Asks the terminal what it can draw, once a process, when the first figure is shown.
///
/// It is asked only where keys and text are those of one terminal, by a process in its foreground. Keys that are typed
/// meanwhile are kept for whoever reads next; an answer that comes late is taken out of what is typed.
import Base
import CSystem
import Foundation

public enum TerminalQuestion {
  /// How long the answer is waited for.
  static let patience_ms = 120

  nonisolated(unsafe) private static var answers: TerminalAnswers?

  /// What the terminal has answered; nil where it cannot be asked.
  public static func answered() -> TerminalAnswers? {
    if answers == nil, canAsk { ask() }
    return answers
  }

  private static var canAsk: Bool {
    guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1 else { return false }
    return !["dumb", "linux"].contains(Terminal.name) && tcgetpgrp(STDIN_FILENO) == getpgrp()
  }

  /// The answers a cell's size comes with, where the terminal says nothing by itself.
  public static var cell: (width: Int, height: Int)? { Terminal.cell ?? answers?.cell }

  private static func ask() {
    var settings = termios()
    guard tcgetattr(STDIN_FILENO, &settings) == 0 else { return }
    answers = TerminalAnswers()
    fflush(stdout)
    var raw = settings
    raw.c_lflag &= ~tcflag_t(ICANON | ECHO)
    withUnsafeMutableBytes(of: &raw.c_cc) { keys in
      (keys[Int(VMIN)], keys[Int(VTIME)]) = (0, 0)
    }
    // Not TCSAFLUSH, which would drop what is typed.
    guard tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0 else { return }
    defer { tcsetattr(STDIN_FILENO, TCSANOW, &settings) }
    let questions = Array(TerminalAnswers.questions.utf8)
    guard write(STDOUT_FILENO, questions, questions.count) == questions.count else { return }
    let end = ContinuousClock.now + .milliseconds(patience_ms)
    while answers?.isComplete == false {
      let left = (end - ContinuousClock.now).components
      let wait_ms = left.seconds * 1000 + left.attoseconds / 1_000_000_000_000_000
      if wait_ms < 0 || !read(wait_ms: Int32(clamping: wait_ms)) { break }
    }
    settle()
  }

  /// Reads what has arrived. Returns false if nothing did, or a signal came.
  private static func read(wait_ms: Int32) -> Bool {
    var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
    guard poll(&input, 1, wait_ms) > 0 else { return false }
    var bytes = [UInt8](repeating: 0, count: 1024)
    let count = Foundation.read(STDIN_FILENO, &bytes, bytes.count)
    guard count > 0 else { return false }
    answers?.take(Array(bytes[..<count]))
    return true
  }

  /// Keeps the keys among what was read; what is to come is filtered until the last answer.
  private static func settle() {
    guard let found = answers else { return }
    answers?.forgetKeys()
    shim_keys_keep(found.keys, found.keys.count)
    shim_keys_expect(found.isComplete ? nil : { TerminalQuestion.collect() })
    if found.isComplete {
      let rest = answers?.takeRest() ?? []
      shim_keys_keep(rest, rest.count)
    }
    shim_keys_give_to_stdin()
  }

  /// Called by the prompt when keys are there and an answer is still to come.
  private static func collect() {
    while read(wait_ms: answers?.rest.isEmpty == false ? 30 : 0) {}
    if answers?.rest.isEmpty == false {
      let keys = answers?.takeRest() ?? []  // the key Escape, or a sequence that does not end
      shim_keys_keep(keys, keys.count)
    }
    settle()
  }
}
