/// Unpacks data that say how many bytes they become, which may be a lie.

enum Unpacking {
  /// What came of data that were unpacked into so many bytes: all of these, more, or anything else.
  enum Outcome { case whole, more, damaged }

  /// Bytes of the first buffer, besides those of the packed data.
  private static let capacityMin = 4 << 20

  /// The `count` bytes that `packed` become; nil where they become others. The buffer grows fourfold as the data fill it, so
  /// that a false size allocates little.
  static func bytes(
    of packed: [UInt8], count: Int,
    _ unpack: (UnsafeRawBufferPointer, UnsafeMutableRawBufferPointer) -> Outcome
  ) -> [UInt8]? {
    var capacity = min(count, packed.count + capacityMin)
    while true {
      var outcome = Outcome.damaged
      let bytes = [UInt8](unsafeUninitializedCapacity: capacity) { target, filled in
        outcome = packed.withUnsafeBytes { unpack($0, UnsafeMutableRawBufferPointer(target)) }
        filled = outcome == .whole ? capacity : 0
      }
      if capacity == count { return outcome == .whole ? bytes : nil }
      if outcome != .more { return nil }
      capacity = min(count, 4 * capacity)
    }
  }
}
