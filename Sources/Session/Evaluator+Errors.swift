/// What a session shows of an error.
import Base
import LuaEngine

extension Evaluator {
  /// The error without the frames that say nothing to the user: those of the engine, and those of the library
  /// unless it failed itself. With `isBrief` true a traceback of the input alone is left out.
  public func shown(_ error: LuaError, isBrief: Bool) -> LuaError {
    var shown = error
    let isRefusal = !isOfLibrary(error.message[...])
    let frames = (error.traceback ?? "").split(separator: "\n").dropFirst().filter { frame in
      if frame.hasPrefix("\t[C]:") || frame.hasPrefix("\tperilune:") { return false }
      return !isRefusal || frame != "\t(...tail calls...)" && !isOfLibrary(frame.dropFirst())
    }
    if isBrief && frames.count <= 1 || error.isInterrupt { shown.traceback = nil }
    return shown
  }

  /// "path:line: ..." where the path is that of a Lua file of the library. Lua shows the end of a long path,
  /// after dots.
  private func isOfLibrary(_ line: Substring) -> Bool {
    guard let library = standardLibrary.map({ $0 + "/" }) else { return false }
    if line.hasPrefix(library) { return true }
    guard line.hasPrefix("..."), let colon = line.firstIndex(of: ":") else { return false }
    let end = line[..<colon].dropFirst(3)
    return end.indices.contains { i in
      end[i] == "/" && library.hasSuffix(end[...i])
        && access(library + end[end.index(after: i)...], R_OK) == 0
    }
  }
}
