/// Sorting along one dimension: stable, NaN greater than everything, −0 equal to 0.
///
/// Elements are mapped to whole numbers of the same order, so that one stable radix sort serves all types.
/// Lines are sorted in parallel; each writes its own part of the result.
import Base

extension Tensor {
  /// The sorted values along a dimension and their original positions, from 0.
  public func sorted(_ dimension: Int, descending: Bool) throws -> (values: Tensor, positions: Tensor) {
    try ranked(dimension, keeping: shape[dimension], descending: descending)
  }

  /// The first `count` values of `sorted`; the rest is not sorted.
  public func ranked(_ dimension: Int, keeping count: Int, descending: Bool) throws -> (
    values: Tensor, positions: Tensor
  ) {
    if shape[dimension] > Int(UInt32.max) {
      throw Failure(.memory, "cannot sort \(shape[dimension]) elements: the limit is \(UInt32.max)")
    }
    var target = shape
    target[dimension] = count
    let places = try Tensor(uninitialized: target, .i64)
    switch dtype {
    case .f32: try Sorting.run(self, dimension, places, descending) { (x: Float) in Sorting.key(x) }
    case .f64: try Sorting.run(self, dimension, places, descending) { (x: Double) in Sorting.key(x) }
    case .i64:
      try Sorting.run(self, dimension, places, descending) { (x: Int64) in UInt64(bitPattern: x) ^ 1 << 63 }
    case .bool: try Sorting.run(self, dimension, places, descending) { (x: Bool) in x ? 1 : 0 }
    }
    return (try gathered(dimension, places), places)
  }

  /// For each of `values`, the number of elements of its line of this tensor, sorted along the last
  /// dimension, that are less than it; elements equal to it count too if `right`. Two tensors of i64 are
  /// compared as integers.
  public func insertionPlaces(_ values: Tensor, right: Bool) throws -> Tensor {
    if dtype == .i64 && values.dtype == .i64 {
      return try insertionPlaces(values, right, Int64.self) { UInt64(bitPattern: $0) ^ 1 << 63 }
    }
    return try cast(to: .f64).insertionPlaces(values.cast(to: .f64), right, Double.self, Sorting.key)
  }

  @inline(__always)
  private func insertionPlaces<T: TensorScalar>(
    _ values: Tensor, _ right: Bool, _ type: T.Type, _ key: (T) -> UInt64
  ) throws -> Tensor {
    let (lines, wanted) = (try contiguous(), try values.contiguous())
    let result = try Tensor(uninitialized: values.shape, .i64)
    let (size, width) = (shape[rank - 1], values.rank == 0 ? 1 : values.shape[values.rank - 1])
    let (from, ask, to) = (lines.pointer(T.self), wanted.pointer(T.self), result.pointer(Int64.self))
    try withExtendedLifetime((lines, wanted)) {
      try Parallel.interruptibleRanges(values.elementCount, grain: 1 << 12) {
        for i in $0 {
          let line = from + (rank == 1 ? 0 : i / width * size)
          let sought = key(ask[i])
          var (low, high) = (0, size)
          while low < high {
            let middle = (low + high) / 2
            let other = key(line[middle])
            if other < sought || (right && other == sought) { low = middle + 1 } else { high = middle }
          }
          to[i] = Int64(low)
        }
      }
    }
    return result
  }
}

enum Sorting {
  /// A whole number of the same order.
  @inline(__always)
  static func key(_ x: Float) -> UInt64 {
    if x.isNaN { return UInt64(UInt32.max) }
    let bits = (x + 0).bitPattern
    return UInt64(bits >> 31 == 1 ? ~bits : bits | 1 << 31)
  }

  @inline(__always)
  static func key(_ x: Double) -> UInt64 {
    if x.isNaN { return UInt64.max }
    let bits = (x + 0).bitPattern
    return bits >> 63 == 1 ? ~bits : bits | 1 << 63
  }

  /// Ranks every line of `source` along a dimension and writes the positions of the first ones.
  @inline(__always)
  static func run<T: TensorScalar>(
    _ source: Tensor, _ dimension: Int, _ places: Tensor, _ descending: Bool, _ key: (T) -> UInt64
  ) throws {
    let (size, kept) = (source.shape[dimension], places.shape[dimension])
    if size == 0 || kept == 0 || places.elementCount == 0 { return }
    let starts = try lines(source, dimension, places)
    let (step, stride) = (source.strides[dimension], places.strides[dimension])
    let (from, to) = (source.pointer(T.self), places.pointer(Int64.self))
    let flip: UInt64 = descending ? .max : 0
    try Parallel.interruptibleRanges(starts.count, grain: max(1, (1 << 14) / size)) { range in
      var line = Line(capacity: size)
      for index in range {
        let (x, y) = (from + starts[index].0, to + starts[index].1)
        if kept <= 64 && kept < size / 4 {
          line.select(kept, of: size) { key(x[$0 &* step]) ^ flip }
        } else {
          line.fill(size) { key(x[$0 &* step]) ^ flip }
          if kept < size / 4 { line.keepSmallest(kept) }
          line.sort()
        }
        for i in 0..<kept { y[i * stride] = Int64(line.order[i]) }
      }
    }
  }

  /// Where each line starts in the source and in the result.
  private static func lines(_ source: Tensor, _ dimension: Int, _ places: Tensor) throws -> [(Int, Int)] {
    var (shape, a, b) = (source.shape, source.strides, places.strides)
    shape[dimension] = 1
    a[dimension] = 0
    b[dimension] = 0
    var starts: [(Int, Int)] = []
    starts.reserveCapacity(shape.elementCount)
    try Strided.rows(shape, a, b, b) { p, q, _, count, steps in
      for i in 0..<count { starts.append((p + i * steps.0, q + i * steps.1)) }
    }
    return starts
  }

  /// The position of the element of rank `rank`, from 0, of `count` keys; equal keys keep their order.
  @inline(__always)
  static func position(_ rank: Int, of count: Int, _ key: (Int) -> UInt64) -> Int {
    var keys: [UInt64] = []
    keys.reserveCapacity(count)
    for i in 0..<count {
      if Parallel.isTimeToLook(i) && Parallel.isCut { return 0 }
      keys.append(key(i))
    }
    var order = keys
    let wanted = smallest(rank, of: &order, count)
    var left = rank
    for other in keys where other < wanted { left -= 1 }
    for i in 0..<count where keys[i] == wanted {
      if left == 0 { return i }
      left -= 1
    }
    return 0
  }

  /// The key at `rank` of the first `count` keys, which are reordered, by Hoare's selection; any key once Ctrl-C
  /// has ended the search. After many steps that discard little, the rest is sorted.
  static func smallest(_ rank: Int, of keys: inout [UInt64], _ count: Int) -> UInt64 {
    var (low, high, patience) = (0, count - 1, 64)
    while low < high && !Parallel.isCut {
      if patience == 0 {
        keys[low...high].sort()
        break
      }
      patience -= 1
      let (first, middle, last) = (keys[low], keys[(low + high) / 2], keys[high])
      let pivot = max(min(first, middle), min(max(first, middle), last))
      var (i, j) = (low, high)
      while i <= j {
        while keys[i] < pivot { i += 1 }
        while keys[j] > pivot { j -= 1 }
        if i <= j {
          keys.swapAt(i, j)
          i += 1
          j -= 1
        }
      }
      if rank <= j { high = j } else if rank >= i { low = i } else { break }
    }
    return keys[rank]
  }

  /// The keys of one line and their positions.
  struct Line {
    private(set) var order: [UInt32]
    private var keys: [UInt64]
    private var otherKeys: [UInt64]
    private var otherOrder: [UInt32]
    /// The number of keys in use.
    private var count = 0

    init(capacity: Int) {
      keys = [UInt64](repeating: 0, count: capacity)
      order = [UInt32](repeating: 0, count: capacity)
      otherKeys = []
      otherOrder = []
    }

    @inline(__always)
    mutating func fill(_ count: Int, _ key: (Int) -> UInt64) {
      self.count = count
      for i in 0..<count {
        if Parallel.isTimeToLook(i) && Interrupt.isPending { return }
        keys[i] = key(i)
        order[i] = UInt32(truncatingIfNeeded: i)
      }
    }

    /// Sorts by key; equal keys keep their order.
    mutating func sort() {
      if count <= 48 { insertion() } else { radix() }
    }

    /// The `kept` smallest of `size` keys, sorted, by insertion into a short list.
    @inline(__always)
    mutating func select(_ kept: Int, of size: Int, _ key: (Int) -> UInt64) {
      fill(kept, key)
      insertion()
      var worst = keys[kept - 1]
      for i in kept..<size {
        let next = key(i)
        if next < worst {
          insert(next, UInt32(truncatingIfNeeded: i), kept - 1)
          worst = keys[kept - 1]
        }
      }
    }

    /// Drops all but the `kept` smallest keys, of equal ones the first, and preserves their order.
    mutating func keepSmallest(_ kept: Int) {
      if otherKeys.count < count { otherKeys = keys }
      for i in 0..<count { otherKeys[i] = keys[i] }
      let worst = Sorting.smallest(kept - 1, of: &otherKeys, count)
      var ties = kept
      for i in 0..<count where keys[i] < worst { ties -= 1 }
      var next = 0
      for i in 0..<count {
        if keys[i] > worst { continue }
        if keys[i] == worst {
          if ties == 0 { continue }
          ties -= 1
        }
        keys[next] = keys[i]
        order[next] = order[i]
        next += 1
      }
      count = next
    }

    private mutating func insertion() {
      for i in stride(from: 1, to: count, by: 1) {
        let (key, place) = (keys[i], order[i])
        insert(key, place, i)
      }
    }

    /// Moves greater keys up from `hole` and puts this one below them.
    @inline(__always)
    private mutating func insert(_ key: UInt64, _ place: UInt32, _ hole: Int) {
      var hole = hole
      while hole > 0 && keys[hole - 1] > key {
        keys[hole] = keys[hole - 1]
        order[hole] = order[hole - 1]
        hole -= 1
      }
      keys[hole] = key
      order[hole] = place
    }

    /// By bytes, from the lowest; bytes in which all keys agree are skipped. Stops after Ctrl-C.
    private mutating func radix() {
      if otherKeys.count < keys.count { otherKeys = keys }
      if otherOrder.count < order.count { otherOrder = order }
      let first = keys[0]
      var differing: UInt64 = 0
      for key in keys[..<count] { differing |= key ^ first }
      for shift in stride(from: 0 as UInt64, to: 64, by: 8) where (differing >> shift) & 255 != 0 {
        var starts = [Int](repeating: 0, count: 256)
        for i in 0..<count {
          if Parallel.isTimeToLook(i) && Interrupt.isPending { return }
          starts[Int(keys[i] >> shift & 255)] += 1
        }
        var sum = 0
        for digit in 0..<256 { (starts[digit], sum) = (sum, sum + starts[digit]) }
        for i in 0..<count {
          if Parallel.isTimeToLook(i) && Interrupt.isPending { return }
          let digit = Int(keys[i] >> shift & 255)
          let place = starts[digit]
          starts[digit] = place + 1
          otherKeys[place] = keys[i]
          otherOrder[place] = order[i]
        }
        swap(&keys, &otherKeys)
        swap(&order, &otherOrder)
      }
    }
  }
}
