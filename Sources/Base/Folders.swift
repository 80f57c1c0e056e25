/// The user's folders, by the XDG Base Directory Specification.
///
/// An empty variable counts as unset, and the folder that a variable names must be absolute. Without `$HOME`
/// the home folder is the one of the password file, as shells do.
public enum Folders {
  /// The variables and the home folder of the password file; tests give their own.
  public struct Environment {
    var variable: (String) -> String?
    var passwordHome: () -> String?

    public init(
      variable: @escaping (String) -> String? = { name in getenv(name).map { String(cString: $0) } },
      passwordHome: @escaping () -> String? = {
        getpwuid(getuid()).flatMap { $0.pointee.pw_dir }.map { String(cString: $0) }
      }
    ) {
      (self.variable, self.passwordHome) = (variable, passwordHome)
    }

    /// A variable that is not empty.
    public func value(_ name: String) -> String? { variable(name).flatMap { $0.isEmpty ? nil : $0 } }
    public var home: String? { value("HOME") ?? passwordHome().flatMap { $0.isEmpty ? nil : $0 } }

    /// `$VARIABLE/perilune`, or `perilune` in the default below the home folder.
    func folder(_ variable: String, _ fallback: String) -> String? {
      let shared = value(variable).flatMap { $0.hasPrefix("/") ? $0 : nil }
      return (shared ?? home.map { $0 + "/" + fallback }).map { $0 + "/perilune" }
    }
  }

  /// The home folder; nil where neither `$HOME` nor the password file has one.
  public static var home: String? { Environment().home }

  /// A path with the home folder for a `~` at its beginning; as it is where there is none.
  ///
  ///     Folders.expanded("~/runs")      // /home/a/runs
  public static func expanded(_ path: String) -> String { expanded(path, Environment()) }

  static func expanded(_ path: String, _ environment: Environment) -> String {
    guard path == "~" || path.hasPrefix("~/"), let home = environment.home else { return path }
    return home + path.dropFirst()
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
