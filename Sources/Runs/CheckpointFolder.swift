/// The checkpoints of a run: a folder for each, complete or not there.
///
///     checkpoints/step-00000100/policy.safetensors ... manifest.json
///
/// A checkpoint is made under another name. Its files are synced, then the manifest, with the size and
/// SHA-256 of each, is written and synced, then the folder; the folder is renamed, and the folder above it is
/// synced. A crash at any point leaves the checkpoints of before, and at most a folder without a name that
/// counts, which the next one removes.
import Base
import Formats

public struct CheckpointFolder {
  public let path: String
  let disk: any Disk

  static let format = "perilune-checkpoint-1"
  private static let unfinished = ".new-", removed = ".old-", prefix = "step-", manifest = "manifest.json"

  public init(_ path: String, disk: any Disk = RealDisk()) {
    self.path = path
    self.disk = disk
  }

  /// A checkpoint whose files are those of its manifest.
  public struct Checkpoint: Equatable, Sendable {
    public let name: String
    public let step: Int
    /// The SHA-256 of the manifest, and with it of all files.
    public let sha256: String
    /// Bytes of all files.
    public let bytes: Int
    /// What the store of the run held when the checkpoint was made; nil where it does not say.
    public var recorded: Recorded?
  }

  /// How far a store had got: the last step with figures, and the number of its events. One that has less has
  /// lost commits.
  public struct Recorded: Equatable, Sendable {
    public let step: Int
    public let events: Int
  }

  /// Makes the folder of a new checkpoint, for the caller to write files into. What a crash has left is
  /// removed: only the writer of the run may call this.
  public func begin(step: Int) throws -> String {
    try disk.makeFolder(path)
    try removeLeftovers()
    let folder = "\(path)/\(Self.unfinished)\(step)"
    try disk.makeFolder(folder)
    return folder
  }

  /// Removes what a crash within a save or a removal has left: only the writer of the run may call this.
  func removeLeftovers() throws {
    guard disk.isFolder(path) else { return }
    for name in try disk.names(in: path) where name.hasPrefix(Self.unfinished) || name.hasPrefix(Self.removed)
    {
      try disk.removeAll(path + "/" + name)
    }
  }

  /// Makes the files in the folder that `begin` gave a checkpoint.
  public func finish(_ folder: String, step: Int, recorded: Recorded? = nil) throws -> Checkpoint {
    let name = try freeName(step)
    let done = try Self.seal(folder, name: name, step: step, recorded: recorded, disk: disk)
    try disk.rename(folder, to: "\(path)/\(name)")
    try disk.sync(folder: path)
    return done
  }

  /// Removes a folder that was to be a checkpoint or a saved run, with its files. Nothing where there is none.
  ///
  ///     try CheckpointFolder.drop(folder: "run/checkpoints/.new-10")
  ///     try CheckpointFolder.drop(folder: "saved.new-0a1b2c3d")
  ///
  /// Errors: the name is not one of an unfinished folder; a file cannot be removed.
  public static func drop(folder: String, disk: any Disk = RealDisk()) throws {
    guard isUnfinished(folder) else {
      throw Failure(
        .value, "'\(Quoted.name(folder))' is no unfinished folder: its name does not end in \(unfinished)...")
    }
    if disk.isFolder(folder) { try disk.removeAll(folder) }
  }

  /// Whether a path ends in `.new-` and a step or hexadecimal digits.
  private static func isUnfinished(_ folder: String) -> Bool {
    let name = folder.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
    guard let mark = name.ranges(of: unfinished).last else { return false }
    let rest = name[mark.upperBound...]
    return !rest.isEmpty && rest.allSatisfy { $0.isASCII && $0.isHexDigit }
  }

  /// Syncs the files of a folder, and writes the manifest that makes it a checkpoint where it stands.
  @discardableResult
  public static func seal(
    _ folder: String, name: String = "", step: Int, recorded: Recorded? = nil, disk: any Disk = RealDisk()
  ) throws -> Checkpoint {
    if step < 0 { throw Failure(.value, "a checkpoint is of a step from 0 on, got \(step)") }
    var files: [JSONValue] = []
    var bytes = 0
    for name in try disk.names(in: folder) {
      let file = folder + "/" + name
      if disk.isFolder(file) { throw Failure(.state, "a checkpoint holds files, and \(file) is a folder") }
      try disk.sync(file: file)
      let digest = try disk.digest(of: file)
      bytes += digest.bytes
      files.append(
        .object([
          JSONMember("name", .string(name)), JSONMember("bytes", .integer(digest.bytes)),
          JSONMember("sha256", .string(digest.sha256)),
        ]))
    }
    var members = [
      JSONMember("format", .string(format)), JSONMember("step", .integer(step)),
      JSONMember("files", .array(files)),
    ]
    if let recorded {
      members.append(
        JSONMember(
          "recorded",
          .object([
            JSONMember("step", .integer(recorded.step)), JSONMember("events", .integer(recorded.events)),
          ])))
    }
    let text = try JSONValue.object(members).encodedBytes() + [10]
    try disk.write(text, to: "\(folder)/\(manifest)")
    try disk.sync(file: "\(folder)/\(manifest)")
    try disk.sync(folder: folder)
    return Checkpoint(
      name: name, step: step, sha256: try SHA256.hash(of: text), bytes: bytes, recorded: recorded)
  }

  /// "step-00000100"; a second checkpoint of the step is "step-00000100.2".
  private func freeName(_ step: Int) throws -> String {
    let digits = String(step)
    let first = Self.prefix + String(repeating: "0", count: max(0, 8 - digits.count)) + digits
    let taken = Set(try disk.names(in: path))
    var name = first, number = 1
    while taken.contains(name) {
      number += 1
      name = "\(first).\(number)"
    }
    return name
  }

  /// The names of the checkpoints with their steps, the newest last. Their files are not looked at.
  public func names() throws -> [(name: String, step: Int)] {
    guard disk.isFolder(path) else { return [] }
    let found = try disk.names(in: path).compactMap { name -> (name: String, step: Int, number: Int)? in
      guard name.hasPrefix(Self.prefix) else { return nil }
      let parts = name.dropFirst(Self.prefix.count).split(separator: ".", omittingEmptySubsequences: false)
      guard parts.count <= 2, let step = Int(parts[0]), let number = parts.count == 2 ? Int(parts[1]) : 1
      else {
        return nil
      }
      return (name, step, number)
    }
    return found.sorted { ($0.step, $0.number) < ($1.step, $1.number) }.map { ($0.name, $0.step) }
  }

  /// Reads a checkpoint's manifest and every file that it names; throws where one is missing or damaged.
  public func verify(_ name: String) throws -> Checkpoint {
    let found = try Self.verify(folder: path + "/" + name, name: name, disk: disk)
    if try names().first(where: { $0.name == name })?.step != found.step {
      throw Failure(.format, "\(path)/\(name): the manifest is of step \(found.step)")
    }
    return found
  }

  /// The same for a checkpoint in any folder.
  public static func verify(folder: String, name: String = "", disk: any Disk = RealDisk()) throws
    -> Checkpoint
  {
    func refuse(_ message: String) -> Failure { Failure(.format, "\(folder): \(message)") }
    let there = try Set(disk.names(in: folder))
    if !there.contains(Self.manifest) { throw refuse("\(Self.manifest) is missing") }
    let text = try disk.bytes(of: "\(folder)/\(Self.manifest)")
    guard let manifest = try? JSONValue(parsing: text, name: Self.manifest, stopsAtInterrupt: false) else {
      throw refuse("\(Self.manifest) is damaged: it is no JSON")
    }
    let format = manifest["format"]?.text ?? "none"
    if format != Self.format {
      throw refuse("the format is '\(format)', this version reads '\(Self.format)'")
    }
    guard let step = manifest["step"]?.int, case .array(let files)? = manifest["files"] else {
      throw refuse("the manifest has no step or no files")
    }
    var bytes = 0
    for file in files {
      guard let name = file["name"]?.text, !name.contains("/"), let size = file["bytes"]?.int,
        let sha256 = file["sha256"]?.text
      else { throw refuse("the manifest names a file without size and SHA-256") }
      if !there.contains(name) { throw refuse("\(name) is missing") }
      let found = try disk.digest(of: folder + "/" + name)
      if found.bytes != size { throw refuse("\(name) is damaged: it has \(found.bytes) bytes, not \(size)") }
      if found.sha256 != sha256 { throw refuse("\(name) is damaged: its SHA-256 differs") }
      bytes += size
    }
    let recorded = manifest["recorded"].flatMap { recorded -> Recorded? in
      guard let step = recorded["step"]?.int, let events = recorded["events"]?.int else { return nil }
      return Recorded(step: step, events: events)
    }
    return Checkpoint(
      name: name, step: step, sha256: try SHA256.hash(of: text), bytes: bytes, recorded: recorded)
  }

  /// The newest checkpoint, of at most `step`, that is whole, and why newer ones are not.
  public func newest(atMost step: Int = .max) throws -> (checkpoint: Checkpoint?, damaged: [String]) {
    var damaged: [String] = []
    for (name, at) in try names().reversed() where at <= step {
      do { return (try verify(name), damaged) } catch let failure as Failure where failure.isRefusal {
        damaged.append(failure.message)
      }
    }
    return (nil, damaged)
  }

  /// Removes all but the last `count` checkpoints.
  public func keep(last count: Int) throws {
    for (name, _) in try names().dropLast(count) { try remove(name) }
  }

  /// Removes the checkpoints after a step, which a run resumed at it will make again.
  public func removeAll(after step: Int) throws {
    for (name, at) in try names() where at > step { try remove(name) }
  }

  /// A checkpoint loses its name first: one that is half removed must not pass for damaged.
  private func remove(_ name: String) throws {
    let aside = "\(path)/\(Self.removed)\(name)"
    if disk.isFolder(aside) { try disk.removeAll(aside) }
    try disk.rename("\(path)/\(name)", to: aside)
    try disk.removeAll(aside)
  }
}
