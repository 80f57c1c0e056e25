/// Where files that can be made again are kept.
import Base

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

public enum Folder {
  /// The cache: `$PERILUNE_CACHE`, else `$XDG_CACHE_HOME/perilune`, else `~/.cache/perilune`. Made when missing.
  ///
  ///     try Folder.cacheRoot() + "/sft"
  public static func cacheRoot() throws -> String {
    try cacheRoot { name in getenv(name).map { String(cString: $0) } }
  }

  /// The same with another environment. As the XDG rules say, an empty value counts as unset and `XDG_CACHE_HOME`
  /// must be absolute.
  static func cacheRoot(environment: (String) -> String?) throws -> String {
    func value(_ name: String) -> String? { environment(name).flatMap { $0.isEmpty ? nil : $0 } }
    let path: String
    if let own = value("PERILUNE_CACHE") {
      path = own
    } else if let shared = value("XDG_CACHE_HOME"), shared.hasPrefix("/") {
      path = shared + "/perilune"
    } else if let home = value("HOME") {
      path = home + "/.cache/perilune"
    } else {
      throw Failure(.io, "no folder for the cache: set PERILUNE_CACHE or HOME")
    }
    do {
      try AtomicFile.makeFolder(path)
    } catch {
      throw Failure(
        .io, "cannot use the cache folder \(path): \(error); set PERILUNE_CACHE to another", cause: error)
    }
    return path
  }
}
