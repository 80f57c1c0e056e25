/// Puts a finished folder in the place of another, so that a crash leaves the old one or the new one, never a
/// part.
import CSystem

public enum AtomicFolder {
  /// Renames `finished` to `path`. Where `path` exists, the two are exchanged in one step; the path of the
  /// old folder is returned, for the caller to remove.
  ///
  /// The files of `finished` must be synced already, as `AtomicFile` does. A file system without the exchange
  /// gets two renames: after a crash between them the old folder is at `finished` + ".old".
  @discardableResult
  public static func replace(_ path: String, with finished: String) throws -> String? {
    try FileCalls.sync(folder: finished)
    var old: String?
    if rename(finished, path) != 0 {
      guard [EEXIST, ENOTEMPTY].contains(errno) else { throw failure(finished, path) }
      if shim_exchange_paths(finished, path) == 0 {
        old = finished
      } else {
        let aside = finished + ".old"
        if rename(path, aside) != 0 { throw failure(path, aside) }
        if rename(finished, path) != 0 { throw failure(finished, path) }
        old = aside
      }
    }
    try FileCalls.sync(folder: FileCalls.folder(of: path))
    return old
  }

  private static func failure(_ from: String, _ to: String) -> Failure {
    FileCalls.failure("rename \(from) to", to)
  }
}
