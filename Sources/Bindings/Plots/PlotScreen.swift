/// The class Screen: the whole terminal for a program that is driven by keys.
import Base
import CSystem
import Foundation
import LuaEngine
import Plots

final class PlotScreen {
  private var keys = Keys()
  private var isOpen = true
  private var size = (Terminal.columns, Terminal.rows)

  private static let opened = "ok, screen = pcall(require 'perilune.native.plot'.screen)\n"

  /// A screen of its own for the program. Throws a `Failure` where input or output is no terminal.
  init() throws {
    guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1 else {
      throw Failure(.state, "a screen needs a terminal for input and output")
    }
    fflush(stdout)
    if shim_screen_enter() != 0 { throw FileCalls.failure("use", "the terminal") }
  }

  deinit { close() }

  func close() {
    if !isOpen { return }
    isOpen = false
    fflush(stdout)
    shim_screen_leave()
  }

  /// Bytes that belong to one key arrive within this.
  private static let gap_ms: Int32 = 30

  /// The name of the next key; "resize" where the terminal's size changed, nil after `seconds` without a key. Ctrl-C is
  /// an error of kind "interrupted".
  func key(within seconds: Double) throws -> String? {
    guard isOpen else { throw Failure(.state, "screen:key: the screen is closed") }
    let end = ContinuousClock.now + .seconds(seconds)
    var isAtRest = false
    while true {
      if let key = keys.next(isAtRest: isAtRest) { return key }
      try Interrupt.check()
      if (Terminal.columns, Terminal.rows) != size {
        size = (Terminal.columns, Terminal.rows)
        return "resize"
      }
      if ContinuousClock.now > end { return nil }
      var input = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
      let typed = shim_keys_next()
      if typed >= 0 {
        keys.take([UInt8(truncatingIfNeeded: typed)])
        continue
      }
      let ready = poll(&input, 1, keys.isEmpty ? 100 : Self.gap_ms)
      isAtRest = ready == 0
      if ready <= 0 { continue }
      var bytes = [UInt8](repeating: 0, count: 256)
      let count = read(STDIN_FILENO, &bytes, bytes.count)
      // The terminal is gone: as if it were closed by its key.
      if count <= 0, input.revents & Int16(POLLHUP | POLLERR) != 0 || count < 0 && errno != EINTR {
        return "gone"
      }
      if count > 0 { keys.take(Array(bytes[..<count])) }
    }
  }

  static func declaration() -> NativeClass<PlotScreen> {
    var object = NativeClass<PlotScreen>("Screen", group: "figures")
    object.method(
      "key",
      Page(
        "screen:key(seconds)",
        "The next key: a letter, or \"up\", \"down\", \"left\", \"right\", \"enter\", \"escape\", \"tab\", \"backtab\", "
          + "\"backspace\", \"delete\", \"home\", \"end\", \"pageup\", \"pagedown\"; \"\" for another key, \"resize\" where "
          + "the terminal's size changed, \"gone\" where it is gone, nil where no key came within so many seconds.",
        errors: "the screen is closed; Ctrl-C is an error of kind \"interrupted\"",
        example: opened + "if ok then screen:key(0) screen:close() end\nprint(ok or screen.kind == 'state')",
        prints: "true")
    ) { call, screen in
      guard let key = try screen.key(within: try call.number(2)) else { return 0 }
      try call.pushString(key)
      return 1
    }
    object.method(
      "close",
      Page(
        "screen:close()", "Gives the terminal back as it was; a second call does nothing.",
        example: opened + "if ok then screen:close() screen:close() end\nprint(ok or screen.kind == 'state')",
        prints: "true")
    ) { _, screen in
      screen.close()
      return 0
    }
    object.metamethod("__close") { call in
      try call.object(1, as: PlotScreen.self).close()
      return 0
    }
    return object
  }

  static func add(to module: inout NativeModule) {
    module.function(
      "screen",
      Page(
        "native.plot.screen()",
        "Takes the whole terminal: another buffer without a cursor, keys one by one. The end of the process gives it back.",
        errors: "input or output is no terminal",
        example: opened + "if ok then screen:close() end print(ok or screen.kind == 'state')", prints: "true")
    ) { call in
      try call.pushObject(try PlotScreen())
      return 1
    }
    module.function(
      "keep_output",
      Page(
        "native.plot.keep_output(on)",
        "Whether Ctrl-C leaves what was written to the terminal and is not shown yet: a picture that is redrawn in its "
          + "place would be cut. The end of the process turns it off, and so does the prompt.",
        example: "print(select('#', require 'perilune.native.plot'.keep_output(false)))", prints: "0")
    ) { call in
      fflush(stdout)
      shim_output_keep(try call.boolean(1) ? 1 : 0)
      return 0
    }
  }
}
