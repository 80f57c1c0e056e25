/// The tokens of a vocabulary by id, and their ids by bytes.
///
/// Tokens are compared byte by byte: Swift's own strings are equal when they are canonically equivalent, which
/// would make one entry of a composed and a decomposed accent. All bytes are in one array and the ids in one
/// open hash table, so that a look-up needs no allocation.
import Base

struct TokenTable: Sendable {
  private var bytes: [UInt8] = []
  /// Where each token starts; one more than there are tokens.
  private var starts: [UInt32] = [0]
  /// Ids by hash, -1 where free; a power of two of them.
  private var slots: [Int32] = []
  /// Bytes of the longest token.
  private(set) var longest = 0

  /// A table of `tokens` by id. Where two are equal the one with the higher id is found.
  init<S: Sequence>(_ tokens: S) where S.Element: Collection, S.Element.Element == UInt8 {
    for token in tokens {
      bytes.append(contentsOf: token)
      longest = max(longest, bytes.count - Int(starts[starts.count - 1]))
      starts.append(UInt32(truncatingIfNeeded: bytes.count))
    }
    slots = [Int32](
      repeating: -1, count: 1 << (max(1, 2 * count).bitWidth - max(1, 2 * count).leadingZeroBitCount))
    for id in 0..<count { insert(id) }
  }

  var count: Int { starts.count - 1 }

  /// The bytes of a token.
  subscript(id: Int) -> ArraySlice<UInt8> { bytes[Int(starts[id])..<Int(starts[id + 1])] }

  private mutating func insert(_ id: Int) {
    let token = self[id]
    if token.isEmpty { return }
    let slot = token.withUnsafeBufferPointer { slotOf($0) }
    slots[slot] = Int32(truncatingIfNeeded: id)
  }

  /// The id of these bytes; nil if there is none, and for no bytes.
  func id(of token: UnsafeBufferPointer<UInt8>) -> Int32? {
    if token.isEmpty { return nil }
    let id = slots[slotOf(token)]
    return id < 0 ? nil : id
  }

  /// The id of these bytes.
  func id<C: Collection>(of token: C) -> Int32? where C.Element == UInt8 {
    token.withContiguousStorageIfAvailable { id(of: $0) }
      ?? Array(token).withUnsafeBufferPointer { id(of: $0) }
  }

  /// The slot that holds the token, or the free one where it belongs.
  private func slotOf(_ token: UnsafeBufferPointer<UInt8>) -> Int {
    bytes.withUnsafeBufferPointer { all in
      let mask = slots.count - 1
      var slot = Int(truncatingIfNeeded: ByteHash.of(token)) & mask
      while slots[slot] >= 0 {
        let start = Int(starts[Int(slots[slot])])
        let length = Int(starts[Int(slots[slot]) + 1]) - start
        if length == token.count, let here = all.baseAddress, let there = token.baseAddress,
          memcmp(here + start, there, length) == 0
        {
          return slot
        }
        slot = (slot + 1) & mask
      }
      return slot
    }
  }
}

/// A fast hash of bytes for tables that live in one process.
enum ByteHash {
  /// Eight bytes at a time, each step a multiplication folded onto itself (as in wyhash).
  @inline(__always)
  static func of(_ bytes: UnsafeBufferPointer<UInt8>) -> UInt64 {
    guard let start = UnsafeRawPointer(bytes.baseAddress) else { return 0 }
    var hash = UInt64(truncatingIfNeeded: bytes.count) ^ 0x9E37_79B9_7F4A_7C15
    var i = 0
    while i + 8 <= bytes.count {
      hash = fold(hash ^ start.loadUnaligned(fromByteOffset: i, as: UInt64.self))
      i += 8
    }
    var last: UInt64 = 0
    while i < bytes.count {
      last = last << 8 | UInt64(bytes[i])
      i += 1
    }
    return fold(hash ^ last)
  }

  @inline(__always)
  static func fold(_ value: UInt64) -> UInt64 {
    let product = value.multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
    return product.high ^ product.low
  }
}
