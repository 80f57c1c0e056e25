/// Unpacks data that say how many bytes they become, which may be a lie.

enum Unpacking {
  /// What came of data that were unpacked into so many bytes: all of these, more, or anything else.
  enum Outcome { case whole, more, damaged }

  /// Bytes that are taken at once for the smallest data.
  private static let roomMin = 4 << 20

  /// The `count` bytes that `packed` become; nil where they become others. Room for many times the packed bytes is
  /// taken once the data have filled a quarter of it: what says that it is large costs little.
  static func bytes(
    of packed: [UInt8], count: Int,
    _ unpack: (UnsafeRawBufferPointer, UnsafeMutableRawBufferPointer) -> Outcome
  ) -> [UInt8]? {
    var room = min(count, packed.count + roomMin)
    while true {
      var outcome = Outcome.damaged
      let bytes = [UInt8](unsafeUninitializedCapacity: room) { target, filled in
        outcome = packed.withUnsafeBytes { unpack($0, UnsafeMutableRawBufferPointer(target)) }
        filled = outcome == .whole ? room : 0
      }
      if room == count { return outcome == .whole ? bytes : nil }
      if outcome != .more { return nil }
      room = min(count, 4 * room)
    }
  }
}
