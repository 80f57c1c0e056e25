/// T.time, T.profile and T.detect_anomaly: the time of a function, where it goes, and where NaN comes from.
///
///     profile = T.profile(function() loss():backward() end)
///     operation           calls    total ms      %       MB
///     matmul                 12       3.412   61.2      1.5
///     matmul backward        12       1.805   32.4      3.0
///     (other)                         0.357    6.4
///     in all                          5.574  100.0      4.5
///     profile:save "step.svg"
import Autograd
import Base
import Foundation
import LuaEngine
import Tensors

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
      let (rows, total) = try Profiler.measure { try function.call(arguments) }
      try call.lua.printLine(table(rows, total))
      try call.push(
        .list(
          rows.map { row in
            .record([
              ("name", .string(row.name)), ("calls", .int(row.calls)), ("ms", .number(row.seconds * 1e3)),
              ("percent", .number(total > 0 ? 100 * row.seconds / total : 0)), ("bytes", .int(row.bytes)),
            ])
          }))
      try call.pushNumber(total * 1e3)
      return 2
    }
  }

  static func addAnomalies(_ module: inout NativeModule) {
    module.function(
      "detect_anomaly",
      Page(
        "T.detect_anomaly(f, infinities = false)",
        "The results of f(), whose operations are checked one by one, forward and backward. What was NaN before is named as an argument.",
        parameters: [
          ("f", "function without arguments, such as a training step"),
          (
            "infinities",
            "boolean: where there is no NaN, the first infinity that an operation made of finite numbers is an error too"
          ),
        ],
        errors: "an operation gives NaN: the message names it and the place of the first such element",
        also: "optim.step, which calls it where a loss is not finite",
        example: "x = T({1, -1}, {requires_grad = true})\n"
          + "ok, problem = pcall(T.detect_anomaly, function() x:log():sum():backward() end)\nprint(problem.message)",
        prints: "log gave nan at [2] (1 of 2 elements)")
    ) { call in
      let function = try call.function(1)
      let infinities = try !call.isNil(2) && call.boolean(2)
      let results = try AnomalyDetector.watch(infinities: infinities) { try function.call([]) }
      for result in results { try call.push(result) }
      return results.count
    }
  }

  private static func table(_ rows: [Profiler.Row], _ total: Double) -> String {
    let width = max(16, rows.map(\.name.count).max() ?? 0)
    var lines = [left("operation", width) + "    calls    total ms       %          MB"]
    for row in rows {
      let percent = total > 0 ? 100 * row.seconds / total : 0
      lines.append(
        left(row.name, width) + right(row.calls == 0 ? "" : String(row.calls), 9)
          + right(row.seconds * 1e3, 3, 12)
          + right(percent, 1, 8) + (row.calls == 0 ? "" : right(Double(row.bytes) / 1e6, 3, 12)))
    }
    let bytes = rows.reduce(0) { $0 + $1.bytes }
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
    right(String(format: "%.\(decimals)f", value), width)
  }
}

extension Lua {
  /// Prints through Lua's own `print`, so that a report or a test that replaces it sees the text.
  func printLine(_ text: String) throws {
    guard case .function(let print) = try global("print") else { return }
    try print.call([.string(text)])
  }
}
