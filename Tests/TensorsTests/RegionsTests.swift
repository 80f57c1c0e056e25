/// Buffers that are cut from regions and joined again.
import Base
import Testing

@testable import Tensors

@Suite struct RegionsTests {
  @Test func buffersDoNotOverlapAndAllBytesComeBack() throws {
    var random = Philox(seed: 1, stream: "regions")
    var regions = Regions()
    var grown = 0
    var live: [Range<UnsafeMutableRawPointer>] = []
    for trial in 0..<4000 {
      if live.count > random.below(120) {
        let buffer = live.remove(at: random.below(live.count))
        regions.give(buffer.lowerBound, buffer.count, keeping: .max)
        continue
      }
      let bytes = Regions.unit * (1 + random.below(random.below(20) == 0 ? 20_000 : 500))
      var found = regions.take(bytes)
      if found == nil {
        let before = regions.freeBytes
        let hasGrown = regions.grow(for: bytes)
        #expect(hasGrown)
        grown += regions.freeBytes - before
        found = regions.take(bytes)
      }
      let start = try #require(found)
      let buffer = start..<start + bytes
      #expect(!live.contains { $0.overlaps(buffer) }, "trial \(trial)")
      live.append(buffer)
    }
    #expect(regions.freeBytes == grown - live.reduce(0) { $0 + $1.count })
    for buffer in live { regions.give(buffer.lowerBound, buffer.count, keeping: .max) }
    #expect(regions.freeBytes == grown)
  }

  @Test func whatWasFreedIsJoinedAndTheSmallestGapIsTaken() {
    var regions = Regions()
    let before = (regions.take(4 << 20), regions.grow(for: 4 << 20))
    #expect(before == (nil, true))
    let all = regions.freeBytes
    var parts: [UnsafeMutableRawPointer] = []
    while let part = regions.take(1 << 20) { parts.append(part) }
    #expect(parts.count == all >> 20 && regions.freeBytes == 0)
    func give(_ places: [Int]) { for i in places { regions.give(parts[i], 1 << 20, keeping: .max) } }
    give([3, 1, 2, 0])
    let joined = regions.take(4 << 20)
    #expect(joined == parts[0])
    give([9, 11])
    let apart = regions.take(2 << 20)
    #expect(apart == nil)
    give([10, 20])
    let (one, two) = (regions.take(1 << 20), regions.take(2 << 20))
    #expect(one == parts[20] && two == parts[9])
  }

  @Test func aBufferLargerThanARegionHasOneOfItsOwnAndGoesBack() throws {
    var regions = Regions()
    let hasGrown = regions.grow(for: 100 << 20)
    #expect(hasGrown && regions.freeBytes == 100 << 20)
    let taken = regions.take(100 << 20)
    regions.give(try #require(taken), 100 << 20, keeping: 0)
    #expect(regions.freeBytes == 0)
  }
}
