/// Finds the folder of the library's Lua files: `$PERILUNE_STDLIB`, or `stdlib` beside the executable or
/// above it.
import Base
import Foundation

enum StandardLibrary {
  static func find(ignoringEnvironment: Bool) -> String? {
    func holds(_ folder: String) -> Bool { access(folder + "/perilune.lua", R_OK) == 0 }
    if !ignoringEnvironment, let named = ProcessInfo.processInfo.environment["PERILUNE_STDLIB"],
      !named.isEmpty
    {
      return named
    }
    guard let executable = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else {
      return nil
    }
    var folder = executable
    while let slash = folder.lastIndex(of: "/") {
      folder = String(folder[..<slash])
      for place in ["/stdlib", "/share/perilune"] where holds(folder + place) { return folder + place }
    }
    return nil
  }
}
