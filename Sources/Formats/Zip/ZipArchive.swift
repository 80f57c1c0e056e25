/// Reads the members of a zip archive: stored and deflated ones, as NumPy writes them.
///
/// What the directory says is checked against the bytes of the file before anything is allocated, and the
/// checksum of every member that is read. Encrypted archives and those of several parts are refused.
import Base
import CZlib

public struct ZipArchive {
  public struct Member: Sendable {
    public let name: String
    let isDeflated: Bool
    let offset: Int
    let packedCount: Int
    /// Bytes unpacked.
    public let count: Int
    let checksum: UInt32
  }

  public let members: [Member]
  private let source: ByteSource

  /// Opens an archive by its directory, at the end of the file.
  public init(_ source: ByteSource) throws {
    self.source = source
    let tail = min(source.count, 65_557)
    let bytes = try source.bytes(at: source.count - tail, count: tail)
    guard tail >= 22,
      let end = (0...(tail - 22)).reversed().first(where: { Self.u32(bytes, $0) == 0x0605_4B50 })
    else { throw Failure(.format, "\(source.name): not a zip archive, or one that ends early") }
    let (count, size, start) = (
      Self.u16(bytes, end + 10), Self.u32(bytes, end + 12), Self.u32(bytes, end + 16)
    )
    if count == 0xFFFF || size == 0xFFFF_FFFF || start == 0xFFFF_FFFF {
      throw Failure(
        .format, "\(source.name): an archive of 4 GB or more, or of 65,535 members, is not supported")
    }
    if count > Limits.zipMembersMax {
      throw Failure(
        .format, "\(source.name): an archive of \(count) members, at most \(Limits.zipMembersMax)")
    }
    let directory = try source.bytes(at: Int(start), count: Int(size))
    var members: [Member] = []
    var (place, packed) = (0, 0)
    for _ in 0..<count {
      guard place + 46 <= directory.count, Self.u32(directory, place) == 0x0201_4B50 else {
        throw Failure(.format, "\(source.name): the directory of the archive is damaged")
      }
      let lengths = [28, 30, 32].map { Int(Self.u16(directory, place + $0)) }
      let next = place + 46 + lengths.reduce(0, +)
      if next > directory.count {
        throw Failure(.format, "\(source.name): the directory of the archive is damaged")
      }
      let member = try Self.member(directory, place, nameCount: lengths[0], source)
      packed += member.packedCount
      // Members that share their bytes would unpack to many times what the file has.
      if packed > source.count {
        throw Failure(.format, "\(source.name): the members of the archive have more bytes than the file")
      }
      members.append(member)
      place = next
    }
    self.members = members
  }

  private static func member(_ directory: [UInt8], _ place: Int, nameCount: Int, _ source: ByteSource) throws
    -> Member
  {
    let name = String(decoding: directory[(place + 46)..<(place + 46 + nameCount)], as: UTF8.self)
    func failure(_ problem: String) -> Failure {
      Failure(.format, "\(source.name): member '\(Quoted.name(name))' \(problem)")
    }
    let method = u16(directory, place + 10)
    if u16(directory, place + 8) & 1 != 0 { throw failure("is encrypted") }
    if method != 0 && method != 8 {
      throw failure("is packed by method \(method); stored and deflated are read")
    }
    let (packed, count) = (Int(u32(directory, place + 20)), Int(u32(directory, place + 24)))
    if method == 0 ? packed != count : count > packed * Inflate.expansionMax + 64 {
      throw failure("says it has \(count) bytes, packed as \(packed)")
    }
    if count > Limits.zipMemberBytesMax {
      throw failure("has \(count) bytes, more than the limit of \(Limits.zipMemberBytesMax)")
    }
    return Member(
      name: name, isDeflated: method == 8, offset: Int(u32(directory, place + 42)), packedCount: packed,
      count: count, checksum: u32(directory, place + 16))
  }

  /// The bytes of a member.
  public func bytes(of member: Member) throws -> [UInt8] {
    func failure(_ problem: String) -> Failure {
      Failure(.format, "\(source.name): member '\(Quoted.name(member.name))' \(problem)")
    }
    let header = try source.bytes(at: member.offset, count: 30)
    if Self.u32(header, 0) != 0x0403_4B50 { throw failure("is not where the directory says") }
    let start = member.offset + 30 + Int(Self.u16(header, 26)) + Int(Self.u16(header, 28))
    var bytes = try source.bytes(at: start, count: member.packedCount)
    if member.isDeflated {
      let unpacked = Unpacking.bytes(of: bytes, count: member.count) { Inflate.unpack($0, into: $1, .none) }
      guard let unpacked else { throw failure("is damaged") }
      bytes = unpacked
    }
    if Self.checksum(bytes) != member.checksum { throw failure("fails its checksum") }
    return bytes
  }

  static func checksum(_ bytes: [UInt8]) -> UInt32 {
    bytes.withUnsafeBufferPointer { UInt32(truncatingIfNeeded: crc32_z(0, $0.baseAddress, $0.count)) }
  }

  /// Numbers at places that the caller has checked to be in the bytes.
  private static func u16(_ bytes: [UInt8], _ i: Int) -> UInt16 { LittleEndian.load(bytes, at: i) ?? 0 }
  private static func u32(_ bytes: [UInt8], _ i: Int) -> UInt32 { LittleEndian.load(bytes, at: i) ?? 0 }
}
