/// A profile of a function: calls, time and bytes of each operation.
///
///     profile = T.profile(function() loss():backward() end)
///     operation           calls    total ms      %       MB
///     matmul                 12       3.412   61.2      1.5
///     matmul backward        12       1.805   32.4      3.0
///     (other)                         0.357    6.4
///     in all                          5.574  100.0      4.5
///     profile:save "step.svg"
///
/// Times are an operation's own: what a composed operation spends in others is counted there. `(other)` is Lua and
/// whatever else is no operation; the rows add up to the time on the clock. Bytes are those of results.
import Autograd
import Base
import LuaEngine
import Tensors

final class Profile: OpObserver {
  struct Row {
    var calls = 0
    var seconds = 0.0
    var bytes = 0
  }

  private(set) var rows: [String: Row] = [:]
  private var running: [(name: String, start: ContinuousClock.Instant, inside: Double)] = []
  private let clock = ContinuousClock()

  func begin(_ name: String, isBackward: Bool) {
    running.append((isBackward ? name + " backward" : name, clock.now, 0))
  }

  func end(bytes: Int) {
    guard let (name, start, inside) = running.popLast() else { return }
    let whole = (clock.now - start).seconds
    rows[name, default: Row()].calls += 1
    rows[name, default: Row()].seconds += max(0, whole - inside)
    rows[name, default: Row()].bytes += bytes
    if !running.isEmpty { running[running.count - 1].inside += whole }
  }

  /// The rows, the slowest first, and the time outside of all.
  func report(total: Double) -> [(name: String, row: Row)] {
    var sorted = rows.map { (name: $0.key, row: $0.value) }
    sorted.sort { ($1.row.seconds, $0.name) < ($0.row.seconds, $1.name) }
    let known = sorted.reduce(0) { $0 + $1.row.seconds }
    sorted.append((name: "(other)", row: Row(calls: 0, seconds: max(0, total - known), bytes: 0)))
    return sorted
  }
}

extension Duration {
  var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}

extension Bindings {
  static func addProfile(_ module: inout NativeModule) {
    module.function(
      "time",
      Page(
        "T.time(f, ...) -> seconds, ...",
        "The duration of f(...) in seconds, followed by its results. At the prompt, `%time` before an input.",
        example: """
          seconds, y = T.time(function(x) return x:exp() end, T{0})
          print(seconds < 1, y:item())
          """,
        prints: "true\t1.0")
    ) { call in
      let function = try call.function(1)
      let arguments = try (2..<max(call.count + 1, 2)).map(call.value)
      let clock = ContinuousClock()
      let start = clock.now
      let results = try function.call(arguments)
      try call.pushNumber((clock.now - start).seconds)
      for result in results { try call.push(result) }
      return results.count + 1
    }
    module.function(
      "profile",
      Page(
        "T.profile(f, ...)",
        "Runs f(...), prints a table of its operations and returns it: a list of {name, calls, ms, percent, bytes}, slowest first, with the total time in field ms. Times are those of the operation itself, bytes those of its results. profile:plot(count = 16) draws the slowest, profile:save 'name.svg' saves the drawing.",
        example: """
          local print = print; _G.print = function() end
          p = T.profile(function() return T{1}:exp() end)
          _G.print = print; print(p[1].calls, type(p:plot()))
          """,
        prints: "1\tuserdata")
    ) { call in
      let function = try call.function(1)
      let arguments = try (2..<max(call.count + 1, 2)).map(call.value)
      let profile = Profile()
      let before = Op.observer
      let clock = ContinuousClock()
      let start = clock.now
      Op.observer = profile
      defer { Op.observer = before }
      try function.call(arguments)
      Op.observer = before
      let total = (clock.now - start).seconds
      let report = profile.report(total: total)
      try call.lua.printLine(table(report, total))
      try call.push(
        .list(
          report.map { name, row in
            .record([
              ("name", .string(name)), ("calls", .int(row.calls)), ("ms", .number(row.seconds * 1e3)),
              ("percent", .number(total > 0 ? 100 * row.seconds / total : 0)), ("bytes", .int(row.bytes)),
            ])
          }))
      try call.pushNumber(total * 1e3)
      return 2
    }
  }

  private static func table(_ report: [(name: String, row: Profile.Row)], _ total: Double) -> String {
    let width = max(16, report.map(\.name.count).max() ?? 0)
    var lines = [left("operation", width) + "    calls    total ms       %          MB"]
    for (name, row) in report {
      let percent = total > 0 ? 100 * row.seconds / total : 0
      lines.append(
        left(name, width) + right(row.calls == 0 ? "" : String(row.calls), 9)
          + right(row.seconds * 1e3, 3, 12)
          + right(percent, 1, 8) + (row.calls == 0 ? "" : right(Double(row.bytes) / 1e6, 3, 12)))
    }
    let bytes = report.reduce(0) { $0 + $1.row.bytes }
    lines.append(
      left("in all", width) + right("", 9) + right(total * 1e3, 3, 12) + right(100, 1, 8)
        + right(Double(bytes) / 1e6, 3, 12))
    return lines.joined(separator: "\n")
  }

  private static func left(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }

  private static func right(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }

  private static func right(_ value: Double, _ decimals: Int, _ width: Int) -> String {
    right(TensorPrinter.fixed(value, decimals), width)
  }
}

extension Lua {
  /// Prints through Lua's own `print`, so that a report or a test that replaces it sees the text.
  func printLine(_ text: String) throws {
    guard case .function(let print) = try global("print") else { return }
    try print.call([.string(text)])
  }
}
