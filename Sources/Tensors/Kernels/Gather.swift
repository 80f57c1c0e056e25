/// Reading and writing through positions along one dimension.
///
/// `index` is checked and counts from 0 (see Index.swift). Kernels that add visit positions in row-major
/// order, or give each piece of work its own columns, so that the bits do not depend on the number of
/// threads.
import Base

extension Tensor {
  /// result[.., i, ..] = self[.., index[.., i, ..], ..]; the index has this tensor's rank and is no longer
  /// than it except along the dimension.
  public func gathered(_ dimension: Int, _ index: Tensor) throws -> Tensor {
    try Parallel.checkIfCut()
    let result = try Tensor(uninitialized: index.shape, dtype)
    switch dtype {
    case .f32: try Gathering.gather(self, dimension, index, result, Float.self)
    case .f64: try Gathering.gather(self, dimension, index, result, Double.self)
    case .i64: try Gathering.gather(self, dimension, index, result, Int64.self)
    case .bool: try Gathering.gather(self, dimension, index, result, Bool.self)
    }
    return result
  }

  /// self[.., index[.., i, ..], ..] = source[.., i, ..] in place; the last of equal positions wins.
  public func scatter(_ dimension: Int, _ index: Tensor, from source: Tensor) throws {
    switch dtype {
    case .f32: try Gathering.scatter(self, dimension, index, source) { (_: Float, new: Float) in new }
    case .f64: try Gathering.scatter(self, dimension, index, source) { (_: Double, new: Double) in new }
    case .i64: try Gathering.scatter(self, dimension, index, source) { (_: Int64, new: Int64) in new }
    case .bool: try Gathering.scatter(self, dimension, index, source) { (_: Bool, new: Bool) in new }
    }
  }

  /// self[.., index[.., i, ..], ..] += source[.., i, ..] in place, in row-major order of the index.
  public func scatterAdd(_ dimension: Int, _ index: Tensor, from source: Tensor) throws {
    switch dtype {
    case .f32: try Gathering.scatter(self, dimension, index, source) { (old: Float, new: Float) in old + new }
    case .f64:
      try Gathering.scatter(self, dimension, index, source) { (old: Double, new: Double) in old + new }
    case .i64:
      try Gathering.scatter(self, dimension, index, source) { (old: Int64, new: Int64) in old &+ new }
    case .bool: try Gathering.scatter(self, dimension, index, source) { (old: Bool, new: Bool) in old || new }
    }
  }

  /// Whole slices of one dimension, in the order of a list of positions.
  public func slices(_ dimension: Int, _ index: Tensor) throws -> Tensor {
    var target = shape
    target[dimension] = index.elementCount
    _ = try target.checkedElementCount()
    if !isContiguous { return try gathered(dimension, index.along(dimension, target)) }
    let result = try Tensor(uninitialized: target, dtype)
    let inner = shape[(dimension + 1)...].reduce(1, *) * dtype.byteCount
    let outer = shape[..<dimension].reduce(1, *)
    let (count, size) = (index.elementCount, shape[dimension])
    if inner == 0 || outer == 0 || count == 0 { return result }
    let from = storage.address + offset * dtype.byteCount
    let (to, positions) = (result.storage.address, index.pointer(Int64.self))
    Parallel.ranges(outer * count, grain: max(1, (1 << 18) / inner)) { range in
      for row in range {
        let source = (row / count) * size + Int(positions[row % count])
        (to + row * inner).copyMemory(from: from + source * inner, byteCount: inner)
      }
    }
    return result
  }

  /// Adds the slices of `source` to the slices of this row-major tensor that `index` names, in place.
  public func addSlices(_ dimension: Int, _ index: Tensor, _ source: Tensor) throws {
    let packed = try source.contiguous()
    switch dtype {
    case .f32: Gathering.addSlices(self, dimension, index, packed) { (x: Float, y: Float) in x + y }
    case .f64: Gathering.addSlices(self, dimension, index, packed) { (x: Double, y: Double) in x + y }
    case .i64: Gathering.addSlices(self, dimension, index, packed) { (x: Int64, y: Int64) in x &+ y }
    case .bool: Gathering.addSlices(self, dimension, index, packed) { (x: Bool, y: Bool) in x || y }
    }
  }

  /// A list of positions expanded over all other dimensions of `target`.
  private func along(_ dimension: Int, _ target: Shape) -> Tensor {
    var steps = target
    for i in 0..<target.count { steps[i] = i == dimension ? 1 : 0 }
    return Tensor(storage: storage, dtype: dtype, shape: target, strides: steps, offset: offset)
  }
}

private enum Gathering {
  static func gather<T: TensorScalar>(
    _ source: Tensor, _ dimension: Int, _ index: Tensor, _ result: Tensor, _ type: T.Type
  ) throws {
    let step = source.strides[dimension]
    var base = source.strides
    base[dimension] = 0
    let (from, to, places) = (source.pointer(T.self), result.pointer(T.self), index.pointer(Int64.self))
    try Strided.rows(index.shape, base, index.strides, result.strides) { a, b, c, count, steps in
      for i in 0..<count {
        to[c + i &* steps.2] = from[a + i &* steps.0 + Int(places[b + i &* steps.1]) &* step]
      }
    }
  }

  @inline(__always)
  static func scatter<T: TensorScalar>(
    _ target: Tensor, _ dimension: Int, _ index: Tensor, _ source: Tensor, _ join: (T, T) -> T
  ) throws {
    let step = target.strides[dimension]
    var base = target.strides
    base[dimension] = 0
    let (from, to, places) = (source.pointer(T.self), target.pointer(T.self), index.pointer(Int64.self))
    try Strided.rows(index.shape, base, index.strides, source.strides) { a, b, c, count, steps in
      for i in 0..<count {
        let place = to + (a + i &* steps.0 + Int(places[b + i &* steps.1]) &* step)
        place.pointee = join(place.pointee, from[c + i &* steps.2])
      }
    }
  }

  /// Pieces have separate ranges of the inner elements, so that no two add to the same element.
  @inline(__always)
  static func addSlices<T: TensorScalar>(
    _ target: Tensor, _ dimension: Int, _ index: Tensor, _ source: Tensor, _ join: (T, T) -> T
  ) {
    let inner = target.shape[(dimension + 1)...].reduce(1, *)
    let outer = target.shape[..<dimension].reduce(1, *)
    let (count, size) = (index.elementCount, target.shape[dimension])
    if inner == 0 || outer == 0 || count == 0 { return }
    let (from, to, places) = (source.pointer(T.self), target.pointer(T.self), index.pointer(Int64.self))
    withoutActuallyEscaping(join) { join in
      Parallel.ranges(inner, grain: outer * count * inner < 1 << 20 ? inner : 64) { range in
        for block in 0..<outer {
          for i in 0..<count {
            let x = to + ((block * size + Int(places[i])) * inner)
            let y = from + ((block * count + i) * inner)
            for j in range { x[j] = join(x[j], y[j]) }
          }
        }
      }
    }
  }
}
