/// Memory of the system that is cut into buffers, which are joined again as they are freed.
///
/// A list of buffers for each size would keep the most that each size ever took. Here the gradients of a backward pass
/// take the place of the activations that it has used, and the activations of the next pass that of the gradients.
import Base

struct Regions: ~Copyable {
  /// Free bytes of one region, between two buffers.
  private struct Gap {
    var start, end: UInt
    var count: Int { Int(end - start) }
  }

  /// Buffers are multiples of this: a page.
  static let unit = 4096
  /// Bytes of a region, unless a buffer is larger. What lies behind the last buffer is not resident.
  private static let regionBytes = 64 << 20

  /// In the order of their addresses.
  private var gaps: [Gap] = []
  /// The bytes of each region, by its address.
  private var regions: [UInt: Int] = [:]
  /// Bytes of all gaps.
  private(set) var freeBytes = 0

  /// A buffer of `bytes`, a multiple of `unit`, from the smallest gap that has them; nil if none has.
  mutating func take(_ bytes: Int) -> UnsafeMutableRawPointer? {
    var (best, least) = (-1, Int.max)
    for (i, gap) in gaps.enumerated() where gap.count >= bytes && gap.count < least {
      (best, least) = (i, gap.count)
    }
    if best < 0 { return nil }
    let start = gaps[best].start
    if least == bytes { gaps.remove(at: best) } else { gaps[best].start += UInt(bytes) }
    freeBytes -= bytes
    return UnsafeMutableRawPointer(bitPattern: start)
  }

  /// Asks the system for a region that has `bytes`; false if it refuses.
  mutating func grow(for bytes: Int) -> Bool {
    func whole(_ bytes: Int) -> Int {
      (bytes + BufferPool.hugePage - 1) / BufferPool.hugePage * BufferPool.hugePage
    }
    for count in [whole(max(bytes, Self.regionBytes)), whole(bytes)] {
      guard let region = BufferPool.fresh(count) else { continue }
      let start = UInt(bitPattern: region)
      regions[start] = count
      _ = insert(Gap(start: start, end: start + UInt(count)))
      return true
    }
    return false
  }

  /// Joins a buffer with the gaps beside it. Where more than `most` bytes are free, a region without a buffer goes back to
  /// the system.
  mutating func give(_ buffer: UnsafeMutableRawPointer, _ bytes: Int, keeping most: Int) {
    let start = UInt(bitPattern: buffer)
    let place = insert(Gap(start: start, end: start + UInt(bytes)))
    let gap = gaps[place]
    if freeBytes <= most || regions[gap.start] != gap.count { return }
    gaps.remove(at: place)
    regions[gap.start] = nil
    freeBytes -= gap.count
    free(UnsafeMutableRawPointer(bitPattern: gap.start))
  }

  /// Adds free bytes and gives the place of the gap that has them.
  private mutating func insert(_ gap: Gap) -> Int {
    var (place, end) = (0, gaps.count)
    while place < end {
      let middle = (place + end) / 2
      if gaps[middle].start < gap.start { place = middle + 1 } else { end = middle }
    }
    freeBytes += gap.count
    // Regions that are neighbours by chance stay two.
    let followsGap = place > 0 && gaps[place - 1].end == gap.start && regions[gap.start] == nil
    let precedesGap = place < gaps.count && gaps[place].start == gap.end && regions[gap.end] == nil
    switch (followsGap, precedesGap) {
    case (true, true): gaps[place - 1].end = gaps.remove(at: place).end
    case (true, false): gaps[place - 1].end = gap.end
    case (false, true): gaps[place].start = gap.start
    case (false, false): gaps.insert(gap, at: place)
    }
    return followsGap ? place - 1 : place
  }
}
