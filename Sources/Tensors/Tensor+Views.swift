/// Views: other shapes of the same storage, without a copy where strides allow it.
import Base

extension Tensor {
  func view(_ shape: Shape, _ strides: Shape, offset: Int? = nil) -> Tensor {
    Tensor(storage: storage, dtype: dtype, shape: shape, strides: strides, offset: offset ?? self.offset)
  }

  public func checkDimension(_ dimension: Int) throws {
    if dimension < 0 || dimension >= rank {
      throw Failure(.index, "dimension \(dimension &+ 1) is out of range for a tensor of \(rank) dimensions")
    }
  }

  /// Two dimensions exchanged; the same storage.
  public func transposed(_ a: Int, _ b: Int) throws -> Tensor {
    try checkDimension(a)
    try checkDimension(b)
    var shape = shape
    var strides = strides
    shape.swapAt(a, b)
    strides.swapAt(a, b)
    return view(shape, strides)
  }

  /// The dimensions in another order; the same storage.
  public func permuted(_ order: [Int]) throws -> Tensor {
    if order.sorted() != Array(0..<rank) {
      throw Failure(
        .shape, "\(order.map { String($0 &+ 1) }.joined(separator: ",")) is no order of \(rank) dimensions")
    }
    return view(Shape(known: order.map { shape[$0] }), Shape(known: order.map { strides[$0] }))
  }

  /// `length` positions of one dimension from `start`; the same storage.
  public func narrowed(_ dimension: Int, from start: Int, length: Int) throws -> Tensor {
    try checkDimension(dimension)
    let size = shape[dimension]
    if start < 0 || length < 0 || start > size || length > size - start {
      throw Failure(
        .index,
        "positions \(start &+ 1)..\(start &+ length) are outside dimension \(dimension &+ 1) of size \(size)")
    }
    var shape = shape
    shape[dimension] = length
    return view(shape, strides, offset: offset + start * strides[dimension])
  }

  /// One position of a dimension, which is dropped; the same storage.
  public func selected(_ dimension: Int, _ position: Int) throws -> Tensor {
    try checkDimension(dimension)
    if position < 0 || position >= shape[dimension] {
      throw Failure(
        .index, "position \(position &+ 1) is outside dimension \(dimension &+ 1) of size \(shape[dimension])"
      )
    }
    var shape = shape
    var strides = strides
    let start = offset + position * strides[dimension]
    shape.remove(at: dimension)
    strides.remove(at: dimension)
    return view(shape, strides, offset: start)
  }

  /// The diagonal of two dimensions as the last dimension; the same storage. Empty if `offset` is outside.
  public func diagonalView(_ offset: Int, _ a: Int, _ b: Int) -> Tensor {
    let (rows, columns) = (shape[a], shape[b])
    let down = Swift.min(Swift.max(0, offset == .min ? .max : -offset), rows)
    let right = Swift.min(Swift.max(0, offset), columns)
    var (kept, steps) = (Shape(), Shape())
    for i in 0..<rank where i != a && i != b {
      kept.append(shape[i])
      steps.append(strides[i])
    }
    kept.append(Swift.min(rows - down, columns - right))
    steps.append(strides[a] + strides[b])
    let start = kept.elementCount == 0 ? 0 : down * strides[a] + right * strides[b]
    return view(kept, steps, offset: self.offset + start)
  }

  /// All windows of `size` positions along a dimension as a new last dimension; the same storage.
  public func windows(_ dimension: Int, size: Int, step: Int) throws -> Tensor {
    var (wide, steps) = (shape, strides)
    wide[dimension] = (shape[dimension] - size) / step + 1
    steps[dimension] = wide[dimension] > 1 ? strides[dimension] * step : strides[dimension]
    wide.append(size)
    steps.append(strides[dimension])
    _ = try wide.checkedElementCount()
    return view(wide, steps)
  }

  /// A new dimension of size 1.
  public func unsqueezed(_ dimension: Int) throws -> Tensor {
    if dimension < 0 || dimension > rank || rank == Limits.dimensionsMax {
      throw Failure(.index, "cannot insert dimension \(dimension &+ 1) into a tensor of \(rank) dimensions")
    }
    var shape = shape
    var strides = strides
    shape.insert(1, at: dimension)
    strides.insert(1, at: dimension)
    return view(shape, strides)
  }

  /// Without one dimension of size 1, or without all of them.
  public func squeezed(_ dimension: Int? = nil) throws -> Tensor {
    if let dimension { try checkDimension(dimension) }
    var kept = Shape()
    var steps = Shape()
    for i in 0..<rank where !(shape[i] == 1 && (dimension == nil || dimension == i)) {
      kept.append(shape[i])
      steps.append(strides[i])
    }
    return view(kept, steps)
  }

  /// Sizes of 1 expanded to `target`; the same storage with stride 0.
  public func expanded(to target: Shape) throws -> Tensor {
    if target == shape { return self }
    let lead = target.count - rank
    var steps = target
    for i in 0..<Swift.max(target.count, 0) {
      let own = i - lead
      if lead < 0 || (own >= 0 && shape[own] != target[i] && shape[own] != 1) {
        throw Failure(.shape, "cannot expand \(shape) to \(target)")
      }
      steps[i] = own >= 0 && shape[own] == target[i] ? strides[own] : 0
    }
    if lead < 0 { throw Failure(.shape, "cannot expand \(shape) to \(target)") }
    return view(target, steps)
  }

  /// Another shape of the same elements in row-major order: a view where strides allow, else a copy.
  public func reshaped(_ target: Shape) throws -> Tensor {
    if target.elementCount != elementCount {
      throw Failure(
        .shape,
        "cannot reshape \(shape) to \(target): \(elementCount) elements against \(target.elementCount)")
    }
    if isContiguous { return view(target, target.contiguousStrides) }
    if let strides = stridesWithoutCopy(target) { return view(target, strides) }
    return try contiguous().view(target, target.contiguousStrides, offset: 0)
  }

  /// Another shape of the same elements over the same storage; throws if that needs a copy.
  public func viewed(_ target: Shape) throws -> Tensor {
    if target.elementCount == elementCount, !isContiguous, stridesWithoutCopy(target) == nil {
      throw Failure(
        .shape, "no view of \(shape) as \(target) without a copy: use reshape, or contiguous first")
    }
    return try reshaped(target)
  }

  /// Strides of `target` over the same storage, or nil: each group of target dimensions must divide a run of
  /// own dimensions that is regular in memory.
  private func stridesWithoutCopy(_ target: Shape) -> Shape? {
    if elementCount == 0 { return target.contiguousStrides }
    var result = target
    var own = rank - 1
    var goal = target.count - 1
    while goal >= 0 {
      while own >= 0 && shape[own] == 1 { own -= 1 }
      if own < 0 {
        while goal >= 0 {
          result[goal] = 1
          goal -= 1
        }
        break
      }
      var run = shape[own]
      let step = strides[own]
      var covered = 1
      while goal >= 0 && covered < run || (goal >= 0 && target[goal] == 1) {
        result[goal] = step * covered
        covered *= target[goal]
        goal -= 1
        while covered > run {
          var next = own - 1
          while next >= 0 && shape[next] == 1 { next -= 1 }
          guard next >= 0, strides[next] == strides[own] * shape[own] else { return nil }
          own = next
          run *= shape[own]
        }
      }
      if covered != run { return nil }
      own -= 1
    }
    return result
  }

  /// This tensor if it is row-major without gaps, else a copy that is.
  public func contiguous() throws -> Tensor { isContiguous ? self : try copied() }

  /// A fresh row-major copy.
  public func copied() throws -> Tensor {
    let result = try Tensor(uninitialized: shape, dtype)
    try Strided.copy(from: self, to: result)
    return result
  }

  /// True if two views may share an element. Conservative: spans of one storage that overlap count.
  public func overlaps(_ other: Tensor) -> Bool {
    if storage !== other.storage || elementCount == 0 || other.elementCount == 0 { return false }
    let a = span
    let b = other.span
    return a.lowerBound <= b.upperBound && b.lowerBound <= a.upperBound
  }

  private var span: ClosedRange<Int> {
    var low = offset
    var high = offset
    for i in 0..<rank where shape[i] > 0 {
      let reach = (shape[i] - 1) * strides[i]
      if reach < 0 { low += reach } else { high += reach }
    }
    return low...high
  }
}
