/// Writes a zip archive of members that are stored as they are, as `numpy.savez` does.
///
/// Members have no time, so that the same bytes give the same file.
import Base

public struct ZipWriter {
  private let put: (UnsafeRawBufferPointer) throws -> Void
  private var directory: [UInt8] = []
  private var count = 0
  private var place = 0

  /// `put` takes the bytes of the archive in order.
  public init(_ put: @escaping (UnsafeRawBufferPointer) throws -> Void) { self.put = put }

  public mutating func add(_ name: String, _ bytes: [UInt8]) throws {
    let text = Array(name.utf8)
    let end = try Checked.plus(place, bytes.count + text.count + 30, "bytes")
    if count == Limits.zipMembersMax {
      throw Failure(.value, "an archive has at most \(Limits.zipMembersMax) members; use safetensors")
    }
    if text.count > Int(UInt16.max) {
      throw Failure(
        .value, "a name has \(text.count) bytes; in an archive it has at most \(UInt16.max): use safetensors")
    }
    if bytes.count > Limits.zipMemberBytesMax {
      throw Failure(
        .value,
        "'\(Quoted.name(name))' has \(bytes.count) bytes; a member of an archive has at most "
          + "\(Limits.zipMemberBytesMax): use safetensors")
    }
    guard let size = UInt32(exactly: bytes.count), let offset = UInt32(exactly: place),
      end < Int(UInt32.max) - directory.count - text.count - 1000
    else { throw Failure(.value, "an archive of 4 GB or more is not written; use safetensors") }
    // Version, flags (names are UTF-8), method, time, date (1980-01-01), checksum and sizes.
    let about =
      Self.little(20, 2) + Self.little(0x800, 2) + Self.little(0, 4) + Self.little(33, 2)
      + Self.little(ZipArchive.checksum(bytes), 4) + Self.little(size, 4) + Self.little(size, 4)
      + Self.little(UInt32(text.count), 2) + Self.little(0, 2)
    try write(Self.little(0x0403_4B50, 4) + about + text)
    try write(bytes)
    directory +=
      Self.little(0x0201_4B50, 4) + Self.little(20, 2) + about + Self.little(0, 6) + Self.little(0, 4)
      + Self.little(offset, 4) + text
    count += 1
  }

  public mutating func finish() throws {
    let start = UInt32(truncatingIfNeeded: place)
    let (size, members) = (UInt32(truncatingIfNeeded: directory.count), UInt32(truncatingIfNeeded: count))
    try write(directory)
    try write(
      Self.little(0x0605_4B50, 4) + Self.little(0, 4) + Self.little(members, 2) + Self.little(members, 2)
        + Self.little(size, 4) + Self.little(start, 4) + Self.little(0, 2))
  }

  private mutating func write(_ bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes { try put($0) }
    place += bytes.count
  }

  private static func little(_ value: UInt32, _ width: Int) -> [UInt8] {
    (0..<width).map { $0 < 4 ? UInt8(truncatingIfNeeded: value >> (8 * UInt32($0))) : 0 }
  }
}
