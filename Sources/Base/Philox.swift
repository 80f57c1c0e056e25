/// Counter-based random numbers: number i of a stream is a pure function of (seed, stream, i).
///
/// There is no state to save: a resumed run, another thread count or another order of evaluation draws the
/// same numbers. Philox4x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
///
///     var random = Philox(seed: 7, stream: "dropout", step: 3)
///     random.uniform()      // in [0, 1), the same on every machine
public struct Philox: Sendable {
  @usableFromInline let key: SIMD2<UInt32>
  @usableFromInline let high: SIMD2<UInt32>
  /// Index of the next block of four 32-bit words.
  public private(set) var block: UInt64
  private var words = SIMD4<UInt32>()
  private var used = 4

  /// A stream named by a string and a step: `(seed, name, step)` never shares numbers with another triple in
  /// practice.
  public init(seed: UInt64, stream: String, step: UInt64 = 0) {
    self.init(seed: seed ^ Philox.hash(stream), subsequence: step)
  }

  /// A stream named by a number, for rows of a batch.
  public init(seed: UInt64, subsequence: UInt64, block: UInt64 = 0) {
    key = [UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)]
    high = [UInt32(truncatingIfNeeded: subsequence), UInt32(truncatingIfNeeded: subsequence >> 32)]
    self.block = block
  }

  /// FNV-1a with a final avalanche, to turn stream names into keys.
  public static func hash(_ text: String) -> UInt64 {
    var h: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in text.utf8 { h = (h ^ UInt64(byte)) &* 0x100_0000_01b3 }
    h = (h ^ (h >> 33)) &* 0xff51_afd7_ed55_8ccd
    return h ^ (h >> 33)
  }

  /// The four words of one block.
  @inlinable @inline(__always)
  public func words(at index: UInt64) -> SIMD4<UInt32> {
    // Plain variables: lanes of a vector would be taken out and put back in every round.
    var (c0, c1) = (UInt32(truncatingIfNeeded: index), UInt32(truncatingIfNeeded: index >> 32))
    var (c2, c3) = (high[0], high[1])
    var (k0, k1) = (key[0], key[1])
    for _ in 0..<10 {
      let p0 = UInt64(0xD251_1F53) &* UInt64(c0)
      let p1 = UInt64(0xCD9E_8D57) &* UInt64(c2)
      c0 = UInt32(truncatingIfNeeded: p1 >> 32) ^ c1 ^ k0
      c1 = UInt32(truncatingIfNeeded: p1)
      c2 = UInt32(truncatingIfNeeded: p0 >> 32) ^ c3 ^ k1
      c3 = UInt32(truncatingIfNeeded: p0)
      k0 &+= 0x9E37_79B9
      k1 &+= 0xBB67_AE85
    }
    return [c0, c1, c2, c3]
  }

  public mutating func next32() -> UInt32 {
    if used == 4 {
      words = words(at: block)
      block &+= 1
      used = 0
    }
    defer { used += 1 }
    return words[used]
  }

  /// Uniform in [0, 1) with 53 bits.
  public mutating func uniform() -> Double {
    let high = UInt64(next32()) << 21
    return Double((high ^ UInt64(next32() >> 11)) & 0x1F_FFFF_FFFF_FFFF) * 0x1p-53
  }

  /// A standard normal number by Box and Muller; both uniforms are drawn each time, so that no spare is
  /// state.
  public mutating func normal() -> Double {
    let u = 1 - uniform()
    let v = uniform()
    return (-2 * Libm.log(u)).squareRoot() * Libm.cos(2 * .pi * v)
  }

  /// Uniform in 0..<bound, without bias, by rejection.
  public mutating func below(_ bound: Int) -> Int {
    precondition(bound > 0)
    let b = UInt64(bound)
    while true {
      let x = UInt64(next32()) << 32 | UInt64(next32())
      // Only the last few numbers can be beyond the largest multiple of the bound; the others need no
      // division for it.
      if x < UInt64.max - b || x < UInt64.max - UInt64.max % b { return Int(x % b) }
    }
  }
}
