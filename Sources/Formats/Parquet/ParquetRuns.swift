/// Small numbers as runs and packed bits, and whole numbers as differences, read one at a time.
///
/// Apache Parquet, Encodings.md: RLE/bit-packing hybrid (3) and DELTA_BINARY_PACKED (5). Nothing is unpacked
/// ahead, so that a run of a billion costs what a run of one does.
import Base

/// Bits from the lowest of the first byte on.
enum ParquetBits {
  /// The number of `width` bits, at most 64, at a bit that the bytes have.
  static func value(_ bytes: [UInt8], at bit: Int, width: Int) -> UInt64 {
    var value: UInt64 = 0
    var done = 0
    while done < width {
      let at = bit + done
      let take = min(8 - at & 7, width - done)
      let part = UInt64(bytes[at >> 3]) >> UInt64(at & 7) & ((1 << UInt64(take)) - 1)
      value |= part << UInt64(done)
      done += take
    }
    return value
  }
}

/// The RLE/bit-packing hybrid.
struct ParquetRuns {
  private let bytes: [UInt8]
  private var position: Int
  private let end: Int
  private let width: Int
  private var value = 0
  private var repeatsLeft = 0
  private var packedLeft = 0
  private var bit = 0

  /// Numbers of `width` bits, at most 32, in a range of the bytes.
  init(_ bytes: [UInt8], _ range: Range<Int>, width: Int) {
    (self.bytes, position, end, self.width) = (bytes, range.lowerBound, range.upperBound, width)
  }

  /// The next number; nil where the bytes end before it.
  mutating func next() -> Int? {
    while repeatsLeft == 0 && packedLeft == 0 {
      guard let head = Varint.read(bytes, &position, end: end), let count = Int(exactly: head >> 1) else {
        return nil
      }
      if head & 1 == 0 {
        let size = (width + 7) / 8
        if size > end - position { return nil }
        value = Int(ParquetBits.value(bytes, at: position * 8, width: size * 8))
        position += size
        repeatsLeft = count
      } else {
        // The last run may be cut to the bytes that are used.
        let size = count.multipliedReportingOverflow(by: width)
        bit = position * 8
        if width == 0 {
          packedLeft = count > Int.max / 8 ? Int.max : count * 8
        } else if size.overflow || size.partialValue > end - position {
          packedLeft = (end - position) * 8 / width
          if packedLeft == 0 { return nil }
          position = end
        } else {
          packedLeft = count * 8
          position += size.partialValue
        }
      }
    }
    if repeatsLeft > 0 {
      repeatsLeft -= 1
      return value
    }
    packedLeft -= 1
    bit += width
    return Int(ParquetBits.value(bytes, at: bit - width, width: width))
  }
}

/// DELTA_BINARY_PACKED: the first number, and blocks of differences.
struct ParquetDeltas {
  let count: Int
  private let bytes: [UInt8]
  private var position: Int
  private let end: Int
  private var given = 0
  private var value = 0
  private let miniblocks: Int
  private let valuesOfMiniblock: Int
  private var widths: Range<Int> = 0..<0
  private var least = 0
  private var left = 0
  private var bit = 0
  private var width = 0

  /// nil where the header is damaged.
  init?(_ bytes: [UInt8], _ range: Range<Int>) {
    var place = range.lowerBound
    func number() -> Int? {
      Varint.read(bytes, &place, end: range.upperBound).flatMap { Int(exactly: $0) }
    }
    guard let block = number(), let miniblocks = number(), let count = number(),
      let first = Varint.read(bytes, &place, end: range.upperBound),
      block > 0, block <= 1 << 20, miniblocks > 0, block % miniblocks == 0, block / miniblocks % 32 == 0
    else { return nil }
    (self.bytes, position, end) = (bytes, place, range.upperBound)
    (self.miniblocks, valuesOfMiniblock, self.count) = (miniblocks, block / miniblocks, count)
    value = Varint.signed(first)
  }

  /// The next number; nil where the bytes, or the numbers that the header counts, end before it.
  mutating func next() -> Int? {
    if given >= count { return nil }
    given += 1
    if given == 1 { return value }
    if left == 0 && !openMiniblock() { return nil }
    if width > 0 && bit + width > end * 8 { return nil }
    let difference = ParquetBits.value(bytes, at: bit, width: width)
    bit += width
    left -= 1
    value = value &+ least &+ Int(truncatingIfNeeded: difference)
    return value
  }

  private mutating func openMiniblock() -> Bool {
    if widths.isEmpty {
      guard let code = Varint.read(bytes, &position, end: end), miniblocks <= end - position else {
        return false
      }
      least = Varint.signed(code)
      widths = position..<position + miniblocks
      position += miniblocks
    }
    width = Int(bytes[widths.lowerBound])
    if width > 64 { return false }
    widths = widths.dropFirst()
    left = valuesOfMiniblock
    bit = position * 8
    // The last miniblock may be cut to the bytes that are used.
    position = min(end, position + width * valuesOfMiniblock / 8)
    return true
  }

  /// Where the bytes of all numbers end; nil where they end early.
  func endPosition() -> Int? {
    var copy = self
    var rest = count - 1
    while rest > 0 {
      if !copy.openMiniblock() { return nil }
      rest -= valuesOfMiniblock
    }
    return copy.position
  }
}
