/// The user's folders, by the XDG Base Directory Specification.
///
/// An empty variable counts as unset, and the folder that a variable names must be absolute. Without `$HOME`
/// the home folder is the one of the password file, as shells do.
public enum Folders {
  /// The variables and the home folder of the password file; tests give their own.
  struct Environment {
    var variable: (String) -> String? = { name in getenv(name).map { String(cString: $0) } }
    var passwordHome: () -> String? = {
      getpwuid(getuid()).flatMap { $0.pointee.pw_dir }.map { String(cString: $0) }
    }

    func value(_ name: String) -> String? { variable(name).flatMap { $0.isEmpty ? nil : $0 } }
    var home: String? { value("HOME") ?? passwordHome().flatMap { $0.isEmpty ? nil : $0 } }

    /// `$VARIABLE/perilune`, or `perilune` in the default below the home folder.
    func folder(_ variable: String, _ fallback: String) -> String? {
      let shared = value(variable).flatMap { $0.hasPrefix("/") ? $0 : nil }
      return (shared ?? home.map { $0 + "/" + fallback }).map { $0 + "/perilune" }
    }
  }

  /// Settings: `$XDG_CONFIG_HOME/perilune`, by default `~/.config/perilune`. Nil without a home folder.
  public static var config: String? { Environment().folder("XDG_CONFIG_HOME", ".config") }

  /// The history of the prompt: `$XDG_STATE_HOME/perilune`, by default `~/.local/state/perilune`.
  public static var state: String? { Environment().folder("XDG_STATE_HOME", ".local/state") }

  /// Files that can be computed again: `$PERILUNE_CACHE`, else `$XDG_CACHE_HOME/perilune`, by default
  /// `~/.cache/perilune`. The folder is created if it is missing.
  ///
  ///     try Folders.cache() + "/sft"
  public static func cache() throws -> String { try cache(Environment()) }

  static func cache(_ environment: Environment) throws -> String {
    guard let path = environment.value("PERILUNE_CACHE") ?? environment.folder("XDG_CACHE_HOME", ".cache")
    else { throw Failure(.io, "no folder for the cache: set PERILUNE_CACHE or HOME") }
    do {
      try AtomicFile.makeFolder(path)
    } catch {
      throw Failure(
        .io, "cannot use the cache folder \(path): \(error); set PERILUNE_CACHE to another", cause: error)
    }
    return path
  }
}
