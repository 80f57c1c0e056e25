/// What the prompt shows of an input: its values, the time it took, its error.
import Base
import Foundation
import LuaEngine

extension Prompt {
  func show(_ results: [LuaValue], text: String) {
    guard !results.isEmpty else { return }
    do {
      if isTerminal {
        let silent = text.trimmingCharacters(in: .whitespacesAndNewlines).hasSuffix(";")
        try parts.show.call([.boolean(silent)] + results)
        fflush(stdout)
      } else {
        let print = try lua.load("return print", name: "=stdin").first([])
        guard case .function(let function) = print else {
          throw LuaError(kind: "lua", message: "attempt to call a \(print.typeName) value")
        }
        try function.call(results)
      }
    } catch let error as LuaError {
      Interpreter.complain(error.isInterrupt ? error.message : "error calling 'print' (\(error.message))")
    } catch { Interpreter.complain("\(error)") }
  }

  func showTime(_ elapsed: Duration) {
    let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
    guard isatty(STDOUT_FILENO) != 0 else { return }
    let text = String(format: "[%.3fs]", seconds)
    let colored = session.options.run.usesColor && ProcessInfo.processInfo.environment["NO_COLOR"] == nil
    print(colored ? "\u{1B}[2m\(text)\u{1B}[0m" : text)
    fflush(stdout)
  }

  /// The traceback is shown when it says more than that the error came from the line just typed.
  func report(_ error: LuaError) {
    var shown = error
    // What the library refuses says so by itself; where it fails, its own frames are what is asked for.
    let isRefusal = !isOfLibrary(error.message[...])
    let frames = (error.traceback ?? "").split(separator: "\n").dropFirst().filter { frame in
      if frame.hasPrefix("\t[C]:") || frame.hasPrefix("\tperilune:") { return false }
      return !isRefusal || frame != "\t(...tail calls...)" && !isOfLibrary(frame.dropFirst())
    }
    if isTerminal && frames.count <= 1 || error.isInterrupt { shown.traceback = nil }
    Interpreter.report(shown, program: nil)
  }

  /// "path:line: ..." where the path is of Perilune's own Lua. Of a long path Lua shows the end, after three dots.
  private func isOfLibrary(_ line: Substring) -> Bool {
    guard let library = session.standardLibrary.map({ $0 + "/" }) else { return false }
    if line.hasPrefix(library) { return true }
    guard line.hasPrefix("..."), let colon = line.firstIndex(of: ":") else { return false }
    let end = line[..<colon].dropFirst(3)
    return end.indices.contains { i in
      end[i] == "/" && library.hasSuffix(end[...i])
        && access(library + end[end.index(after: i)...], R_OK) == 0
    }
  }
}
