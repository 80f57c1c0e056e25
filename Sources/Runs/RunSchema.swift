/// The database of one run, `run.sqlite`, and how it is opened.
import Base

enum RunSchema {
  static let file = "run.sqlite"
  /// Written as user_version. A later one is refused by name.
  static let version = 1

  /// A figure is a row of its key and step; a NaN is NULL. `history` is what happened to the processes of the
  /// run, which a run that was cut and one that was not differ in; `event` is what happened in the run.
  static let tables = """
    CREATE TABLE run(id INTEGER PRIMARY KEY CHECK(id = 1), name TEXT NOT NULL,
      status TEXT NOT NULL CHECK(status IN('running', 'finished', 'failed', 'interrupted')),
      attempt INTEGER NOT NULL, config TEXT NOT NULL CHECK(json_valid(config)), hash TEXT NOT NULL, code TEXT,
      host TEXT NOT NULL, pid INTEGER NOT NULL, kernel TEXT, parent TEXT, branch_step INTEGER,
      created REAL NOT NULL, beat REAL NOT NULL, ended REAL, step INTEGER NOT NULL, error TEXT) STRICT;
    CREATE TABLE param(path TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
    CREATE TABLE summary(name TEXT NOT NULL, step INTEGER NOT NULL, value ANY,
      PRIMARY KEY(name, step)) STRICT, WITHOUT ROWID;
    CREATE TABLE key(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
    CREATE TABLE metric(key INTEGER NOT NULL, step INTEGER NOT NULL, value REAL,
      PRIMARY KEY(key, step)) STRICT, WITHOUT ROWID;
    CREATE TABLE tick(step INTEGER PRIMARY KEY, time REAL NOT NULL) STRICT;
    CREATE TABLE event(step INTEGER NOT NULL, number INTEGER NOT NULL, time REAL NOT NULL, kind TEXT NOT NULL,
      text TEXT NOT NULL, PRIMARY KEY(step, number)) STRICT, WITHOUT ROWID;
    CREATE TABLE file(path TEXT PRIMARY KEY, step INTEGER NOT NULL, kind TEXT NOT NULL,
      bytes INTEGER NOT NULL, sha256 TEXT NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE history(attempt INTEGER NOT NULL, time REAL NOT NULL, step INTEGER NOT NULL,
      what TEXT NOT NULL, text TEXT NOT NULL) STRICT;
    PRAGMA user_version = \(version);
    """

  /// Readers never block the writer of a write-ahead log, which needs shared memory: on a network disk the
  /// journal is a file. Each commit is synced.
  static func configure(_ database: Database) throws {
    try database.script("PRAGMA journal_mode = \(network(of: database.path) == nil ? "WAL" : "DELETE")")
    try database.script("PRAGMA synchronous = FULL")
  }

  private static let networks: Set<Substring> = [
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "gpfs", "ceph", "afs", "beegfs", "9p", "glusterfs",
    "fuse.sshfs",
    "fuse.glusterfs", "fuse.ceph", "fuse.juicefs",
  ]

  /// The kind of the mount of a file where it is a network's, by /proc/self/mountinfo; nil where it is not, or
  /// that is not to be had.
  static func network(of path: String) -> String? {
    var info = stat()
    guard stat(path, &info) == 0, let bytes = try? RealDisk().bytes(of: "/proc/self/mountinfo") else {
      return nil
    }
    let device = "\((info.st_dev >> 8) & 0xFFF):\(info.st_dev & 0xFF | (info.st_dev >> 12) & 0xFFF00)"
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      let words = line.split(separator: " ")
      guard words.count > 2, words[2] == device, let mark = words.firstIndex(of: "-"), mark + 1 < words.count
      else {
        continue
      }
      return networks.contains(words[mark + 1]) ? String(words[mark + 1]) : nil
    }
    return nil
  }

  /// Refuses a path that the system would read only a part of.
  static func check(path: String) throws {
    if path.utf8.contains(0) {
      throw Failure(.value, "the path of a folder of runs has a NUL: '\(Quoted.name(path))'")
    }
  }

  static func check(_ database: Database, of folder: String) throws {
    let version = try database.first("PRAGMA user_version").integer ?? 0
    if version > Self.version {
      throw Failure(
        .format, "\(folder): the run store has version \(version), this program reads up to \(Self.version)")
    }
    if version < 1 {
      throw database.damage(StoreDamage.found(at: database.path, otherwise: StoreDamage.another))
    }
  }

  /// What to do about a damaged store.
  static func advice(_ folder: String) -> String {
    "The run cannot be read or go on until \(file) is put back from a copy; its checkpoints in "
      + "\(folder)/checkpoints are files of their own, and other runs are not touched"
  }
}
