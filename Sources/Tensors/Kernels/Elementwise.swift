/// Applies a function to every element of one, two or three tensors.
///
/// `lanes` runs f32 data eight numbers at a time through `VectorMath`; `map` and `zip` run a scalar function over any
/// strides, which the compiler vectorises where it can. Large tensors are cut along one dimension by shape alone and
/// the pieces run on all threads. Everything is inlined into the caller, so that each operation has its own loop.
import Base

public enum Elementwise {
  /// Elements of one piece of work: enough to pay for a hand-over.
  @usableFromInline static let grain = 32_768

  // MARK: Strided, any element type

  /// `to[i] = f(x[i])` for tensors of equal shape.
  @inlinable @inline(__always)
  public static func map<T: TensorScalar, U: TensorScalar>(_ x: Tensor, _ to: Tensor, _ f: (T) -> U) {
    pieces(to.shape) { d, range in Strided.map(x.part(d, range), to.part(d, range), f) }
  }

  /// `to[i] = f(x[i], y[i])` for tensors of equal shape.
  @inlinable @inline(__always)
  public static func zip<T: TensorScalar, S: TensorScalar, U: TensorScalar>(
    _ x: Tensor, _ y: Tensor, _ to: Tensor, _ f: (T, S) -> U
  ) {
    pieces(to.shape) { d, range in Strided.zip(x.part(d, range), y.part(d, range), to.part(d, range), f) }
  }

  /// A fresh tensor of `f(x)`.
  @inlinable @inline(__always)
  public static func map<T: TensorScalar, U: TensorScalar>(_ x: Tensor, _ f: (T) -> U) throws -> Tensor {
    let result = try Tensor(uninitialized: x.shape, U.dtype)
    map(x, result, f)
    return result
  }

  /// A fresh tensor of `f(x, y)`.
  @inlinable @inline(__always)
  public static func zip<T: TensorScalar, S: TensorScalar, U: TensorScalar>(
    _ x: Tensor, _ y: Tensor, _ f: (T, S) -> U
  ) throws -> Tensor {
    let result = try Tensor(uninitialized: x.shape, U.dtype)
    zip(x, y, result, f)
    return result
  }

  /// A fresh tensor of `f(x)` for floating point, by one function of each precision.
  @inlinable @inline(__always)
  public static func scalars(_ x: Tensor, _ f32: (Float) -> Float, _ f64: (Double) -> Double) throws -> Tensor {
    try x.dtype == .f32 ? map(x, f32) : map(x, f64)
  }

  /// A fresh tensor of `f(x, y)` for two floating-point tensors of one type and shape.
  @inlinable @inline(__always)
  public static func scalars(
    _ x: Tensor, _ y: Tensor, _ f32: (Float, Float) -> Float, _ f64: (Double, Double) -> Double
  ) throws -> Tensor {
    try x.dtype == .f32 ? zip(x, y, f32) : zip(x, y, f64)
  }

  // MARK: Eight at a time

  /// A fresh tensor of `f(x)`: f32 in lanes, f64 one by one.
  @inlinable @inline(__always)
  public static func lanes(
    _ x: Tensor, _ f32: (SIMD8<Float>) -> SIMD8<Float>, _ f64: (Double) -> Double
  ) throws -> Tensor {
    if x.dtype != .f32 { return try map(x, f64) }
    let result = try Tensor(uninitialized: x.shape, .f32)
    let packed = try x.contiguous()
    let (p, r) = (packed.pointer(Float.self), result.pointer(Float.self))
    withExtendedLifetime((packed, result)) {
      Parallel.ranges(result.elementCount, grain: grain) { range in
        VectorMath.map(p + range.lowerBound, r + range.lowerBound, range.count, f32)
      }
    }
    return result
  }

  /// A fresh tensor of `f(x, y)` for tensors of one type and shape: f32 in lanes, f64 one by one.
  @inlinable @inline(__always)
  public static func lanes(
    _ x: Tensor, _ y: Tensor, _ f32: (SIMD8<Float>, SIMD8<Float>) -> SIMD8<Float>, _ f64: (Double, Double) -> Double
  ) throws -> Tensor {
    if x.dtype != .f32 { return try zip(x, y, f64) }
    let result = try Tensor(uninitialized: x.shape, .f32)
    let (left, right) = (try x.contiguous(), try y.contiguous())
    let (p, q, r) = (left.pointer(Float.self), right.pointer(Float.self), result.pointer(Float.self))
    withExtendedLifetime((left, right, result)) {
      Parallel.ranges(result.elementCount, grain: grain) { range in
        let i = range.lowerBound
        VectorMath.zip(p + i, q + i, r + i, range.count, f32)
      }
    }
    return result
  }

  // MARK: Cutting

  /// Calls `body` with a dimension and a range of its positions, which together cover the shape.
  @inlinable @inline(__always)
  static func pieces(_ shape: Shape, _ body: (_ dimension: Int, _ range: Range<Int>) -> Void) {
    let cut = cut(shape)
    Parallel.ranges(cut.size, grain: cut.grain) { body(cut.dimension, $0) }
  }

  /// The first dimension of more than one position, its size, and the positions of one piece.
  @usableFromInline
  static func cut(_ shape: Shape) -> (dimension: Int, size: Int, grain: Int) {
    let count = shape.elementCount
    if count == 0 { return (0, 0, 1) }
    guard let d = shape.firstIndex(where: { $0 > 1 }) else { return (0, 1, 1) }
    let each = count / shape[d]
    return (d, shape[d], max(1, (grain + each - 1) / each))
  }
}

extension Tensor {
  /// Some positions of one dimension; the whole of a tensor without dimensions. The range is known to be valid.
  @usableFromInline
  func part(_ dimension: Int, _ range: Range<Int>) -> Tensor {
    if rank == 0 || range.count == shape[dimension] { return self }
    var shape = shape
    shape[dimension] = range.count
    return Tensor(
      storage: storage, dtype: dtype, shape: shape, strides: strides,
      offset: offset + range.lowerBound * strides[dimension])
  }

  /// This tensor if it is floating point, else as f32.
  public func floating() throws -> Tensor { dtype.isFloating ? self : try cast(to: .f32) }
}
