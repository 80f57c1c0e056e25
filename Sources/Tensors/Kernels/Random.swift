/// Tensors of random numbers: each element is a pure function of (seed, stream, step, its index).
///
/// Each block of the counter gives two or four adjacent elements, so any part can be computed on any thread,
/// and the number of threads changes no bit.
///
///     try Tensor.normal([2, 3], .f32, seed: 7, stream: "init")     // the same six numbers, always
import Base

extension Tensor {
  /// Standard normal numbers by Box and Muller, two elements from each block.
  public static func normal(
    _ shape: Shape, _ dtype: DType = .f32, seed: UInt64, stream: String, step: UInt64 = 0
  )
    throws -> Tensor
  {
    let source = Philox(seed: seed, stream: stream, step: step)
    return try filled(shape, dtype, perBlock: 2) { block in
      let w = source.words(at: block)
      let radius = (-2 * Libm.log(1 - unit(w[0], w[1]))).squareRoot()
      let angle = 2 * Double.pi * unit(w[2], w[3])
      return [radius * Libm.cos(angle), radius * Libm.sin(angle), 0, 0]
    }
  }

  /// Numbers uniform in [low, high), which holds `low` alone where they are equal. Throws if `high` is below `low`, and where
  /// one of them or their distance is not finite.
  public static func uniform(
    _ shape: Shape, _ dtype: DType = .f32, low: Double = 0, high: Double = 1, seed: UInt64, stream: String,
    step: UInt64 = 0
  ) throws -> Tensor {
    let source = Philox(seed: seed, stream: stream, step: step)
    let width = high - low
    if !(width >= 0 && width.isFinite) {
      throw Failure(
        .value, "numbers are drawn between two finite ones, the lower one first: got \(low) and \(high)")
    }
    // 24 bits of f32 are exact in [0, 1); in another range a sum may still be rounded to `high`.
    let coarse = dtype == .f32
    let most = max(low, below(high, coarse))
    return try filled(shape, dtype, perBlock: 2) { block in
      let w = source.words(at: block)
      let x = coarse ? Double(w[0] >> 8) * 0x1p-24 : unit(w[0], w[1])
      let y = coarse ? Double(w[2] >> 8) * 0x1p-24 : unit(w[2], w[3])
      return [min(low + width * x, most), min(low + width * y, most), 0, 0]
    }
  }

  /// The largest number below `high` of the 32-bit floats, or of the 64-bit ones.
  private static func below(_ high: Double, _ isFloat: Bool) -> Double {
    if !isFloat { return high.nextDown }
    let near = Float(high)
    return Double(Double(near) < high ? near : near.nextDown)
  }

  /// 1 with the given chance, else 0. In `.bool`, true and false.
  public static func bernoulli(
    _ shape: Shape, _ dtype: DType = .bool, chance: Double, seed: UInt64, stream: String, step: UInt64 = 0
  ) throws -> Tensor {
    if !(chance >= 0 && chance <= 1) { throw Failure(.value, "a chance must be in 0..1, got \(chance)") }
    let source = Philox(seed: seed, stream: stream, step: step)
    let limit = UInt64(chance * 0x1p32)
    return try filled(shape, dtype, perBlock: 4) { block in
      let w = source.words(at: block)
      return [
        UInt64(w[0]) < limit ? 1 : 0, UInt64(w[1]) < limit ? 1 : 0, UInt64(w[2]) < limit ? 1 : 0,
        UInt64(w[3]) < limit ? 1 : 0,
      ]
    }
  }

  /// Whole numbers uniform in low...high.
  public static func integers(
    _ shape: Shape, low: Int64, high: Int64, seed: UInt64, stream: String, step: UInt64 = 0
  ) throws -> Tensor {
    if high < low { throw Failure(.value, "no whole number is in \(low)..\(high)") }
    let source = Philox(seed: seed, stream: stream, step: step)
    // 0 for all 2^64 numbers.
    let width = UInt64(bitPattern: high &- low) &+ 1
    let result = try Tensor(uninitialized: shape, .i64)
    let to = result.pointer(Int64.self)
    try Parallel.interruptibleRanges(result.elementCount, grain: grain) { range in
      for i in range {
        let w = source.words(at: UInt64(truncatingIfNeeded: i))
        // The high half of a 64 by 64 bit product: uniform up to one part in 2^64 / width.
        let x = UInt64(w[0]) << 32 | UInt64(w[1])
        to[i] = low &+ Int64(bitPattern: width == 0 ? x : x.multipliedFullWidth(by: width).high)
      }
    }
    return withExtendedLifetime(result) { result }
  }

  /// The `count` numbers from `first` on in random order: i64 [count]. Throws for a negative count and at
  /// Ctrl-C.
  ///
  ///     try Tensor.permutation(3, from: 1, seed: 7, stream: "epoch")   // 1, 2 and 3 in some order
  public static func permutation(
    _ count: Int, from first: Int64 = 0, seed: UInt64, stream: String, step: UInt64 = 0
  ) throws -> Tensor {
    let result = try Tensor(uninitialized: try Shape(checked: [count]), .i64)
    var source = Philox(seed: seed, stream: stream, step: step)
    let order = UnsafeMutableBufferPointer(start: result.pointer(Int64.self), count: count)
    try Parallel.interruptibleRanges(count, grain: grain) { for i in $0 { order[i] = first + Int64(i) } }
    try source.shuffle(order)
    return withExtendedLifetime(result) { result }
  }

  /// `count` draws from each row of [rows, classes], as ids from 0: [rows, count]. Row r depends on (seed,
  /// stream, step, r) alone. `areLogits` reads the rows as logarithms up to a constant, else as weights that
  /// need not sum to 1.
  public static func categorical(
    _ weights: Tensor, count: Int = 1, areLogits: Bool = false, seed: UInt64, stream: String, step: UInt64 = 0
  ) throws -> Tensor {
    if weights.rank != 1 && weights.rank != 2 {
      throw Failure(
        .shape, "categorical: expected [classes] or [rows, classes], got \(weights.shape)", argument: 1)
    }
    if count < 0 { throw Failure(.value, "categorical: a negative number of draws: \(count)", argument: 2) }
    let rows = weights.rank == 1 ? 1 : weights.shape[0]
    let classes = weights.shape[weights.rank - 1]
    let table = try weights.cast(to: .f64).contiguous()
    let flat = try Tensor(uninitialized: Shape(checked: [rows, count]), .i64)
    let from = table.pointer(Double.self)
    let to = flat.pointer(Int64.self)
    let key = seed ^ Philox.hash(stream) ^ (step &* 0x9E37_79B9_7F4A_7C15)
    var sums = [Double](repeating: 0, count: classes)
    for row in 0..<rows where count > 0 {
      if row & 63 == 63 { try Interrupt.check() }
      try cumulate(from + row * classes, &sums, areLogits, row)
      var source = Philox(seed: key, subsequence: UInt64(row))
      for k in 0..<count {
        if k & 4095 == 4095 { try Interrupt.check() }
        to[row * count + k] = Int64(firstAbove(sums, source.uniform() * sums[classes - 1]))
      }
    }
    return withExtendedLifetime((table, flat)) {
      weights.rank == 1 ? (try? flat.selected(0, 0)) ?? flat : flat
    }
  }

  /// Running sums of one row; throws if it is not a distribution.
  private static func cumulate(
    _ row: UnsafePointer<Double>, _ sums: inout [Double], _ areLogits: Bool, _ number: Int
  ) throws {
    var top = 0.0
    if areLogits {
      top = -Double.infinity
      for i in 0..<sums.count where row[i] > top { top = row[i] }
      if !sums.isEmpty && !top.isFinite {
        let what = top > 0 ? "holds inf, which no softmax has" : "has no logit above -inf"
        throw Failure(.value, "categorical: row \(number + 1) \(what)", argument: 1)
      }
    }
    var total = 0.0
    for i in 0..<sums.count {
      let weight = !areLogits ? row[i] : row[i] == top ? 1 : Libm.exp(row[i] - top)
      if !(weight >= 0 && weight < .infinity) {
        throw Failure(
          .value, "categorical: row \(number + 1) holds \(row[i]), expected a finite weight of at least 0",
          argument: 1)
      }
      total += weight
      sums[i] = total
    }
    if !(total > 0 && total < .infinity) {
      throw Failure(.value, "categorical: the weights of row \(number + 1) sum to \(total)", argument: 1)
    }
  }

  /// The first position whose running sum exceeds `x`, never a class of weight 0.
  private static func firstAbove(_ sums: [Double], _ x: Double) -> Int {
    var (low, high) = (0, sums.count - 1)
    while low < high {
      let middle = (low + high) / 2
      if sums[middle] > x { high = middle } else { low = middle + 1 }
    }
    // By rounding x may equal the total: skip classes of weight 0 at the end.
    while low > 0 && sums[low] == sums[low - 1] { low -= 1 }
    return low
  }

  /// Uniform in [0, 1) with 53 bits.
  @inline(__always)
  private static func unit(_ a: UInt32, _ b: UInt32) -> Double {
    Double((UInt64(a) << 32 | UInt64(b)) >> 11) * 0x1p-53
  }

  private static let grain = 8_192

  /// Elements from blocks of the counter, each of which gives `perBlock` of its four numbers.
  @inline(__always)
  private static func filled(_ shape: Shape, _ dtype: DType, perBlock: Int, _ f: (UInt64) -> SIMD4<Double>)
    throws
    -> Tensor
  {
    let result = try Tensor(uninitialized: shape, dtype)
    let count = result.elementCount
    let blocks = (count + perBlock - 1) / perBlock
    try Parallel.interruptibleRanges(dtype == .i64 ? 0 : blocks, grain: grain / perBlock) { range in
      for block in range {
        let x = f(UInt64(truncatingIfNeeded: block))
        let first = block * perBlock
        for k in 0..<min(perBlock, count - first) {
          switch dtype {
          case .f32: result.pointer(Float.self)[first + k] = Float(x[k])
          case .f64: result.pointer(Double.self)[first + k] = x[k]
          default: result.pointer(Bool.self)[first + k] = x[k] != 0
          }
        }
      }
    }
    if dtype == .i64 {
      throw Failure(.dtype, "random numbers of this kind are f32, f64 or bool: use integers for i64")
    }
    return result
  }
}
