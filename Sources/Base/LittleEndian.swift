/// The one reader of little-endian numbers in memory.
public enum LittleEndian {
  /// The number that begins at `address`, which may be at any byte.
  ///
  ///     withUnsafeBytes(of: (1, 2)) { LittleEndian.load($0.baseAddress.unsafelyUnwrapped, as: UInt16.self) }
  @inlinable @inline(__always)
  public static func load<T: FixedWidthInteger>(_ address: UnsafeRawPointer, as type: T.Type = T.self) -> T {
    T(littleEndian: address.loadUnaligned(as: T.self))
  }

  /// The number that begins at byte `at`, or nil where the bytes end before its end.
  ///
  ///     LittleEndian.load([0x50, 0x4B, 3, 4], at: 0, as: UInt32.self)      // 0x04034B50
  @inlinable
  public static func load<T: FixedWidthInteger>(_ bytes: [UInt8], at: Int, as type: T.Type = T.self) -> T? {
    if at < 0 || bytes.count < MemoryLayout<T>.size || at > bytes.count - MemoryLayout<T>.size { return nil }
    return bytes.withUnsafeBytes { $0.baseAddress.map { load($0 + at) } }
  }
}
