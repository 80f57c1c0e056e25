/// The files and folders whose paths begin in a given way, for completion.
import Base
import Foundation

enum FileNames {
  /// The paths that begin with `path`, sorted; those of folders end in a slash. Names that begin with a point are
  /// given only where `path` has the point, and `~/` is the home folder.
  ///
  ///     FileNames.beginning(with: "Sour")   // ["Sources/"]
  static func beginning(with path: String) -> [String] {
    let cut = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
    let lead = String(path[..<cut]), start = path[cut...]
    let folder = lead.isEmpty ? "." : Folders.expanded(lead)
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else { return [] }
    return names.filter { $0.hasPrefix(start) && (start.hasPrefix(".") || !$0.hasPrefix(".")) }.sorted().map {
      name in
      var isFolder: ObjCBool = false
      _ = FileManager.default.fileExists(atPath: folder + "/" + name, isDirectory: &isFolder)
      return lead + name + (isFolder.boolValue ? "/" : "")
    }
  }
}
