/// Applies a function to every element of one or two tensors.
///
/// Three ways, by the cost of the function. `map`, `zip` and `scalars` are for a few instructions: one loop
/// on the calling thread, inlined into the operation, vectorised by the compiler and limited by memory.
/// `lanes` passes f32 data to `VectorMath` eight numbers at a time, and `calls` is for functions of the C
/// library: both divide the work among the threads, at the cost of an indirect call for each step, since a
/// piece of work is a closure.
import Base

public enum Elementwise {
  /// Elements of one piece of work: enough to pay for starting it on another thread.
  @usableFromInline static let grain = 32_768

  // MARK: A few instructions

  /// A new tensor of `f(x)`.
  @inlinable @inline(__always)
  public static func map<T: TensorScalar, U: TensorScalar>(_ x: Tensor, _ f: (T) -> U) throws -> Tensor {
    let result = try Tensor(uninitialized: x.shape, U.dtype)
    try Strided.map(x, result, f)
    return result
  }

  /// A new tensor of `f(x, y)` for tensors of equal shape.
  @inlinable @inline(__always)
  public static func zip<T: TensorScalar, S: TensorScalar, U: TensorScalar>(
    _ x: Tensor, _ y: Tensor, _ f: (T, S) -> U
  ) throws -> Tensor {
    let result = try Tensor(uninitialized: x.shape, U.dtype)
    try Strided.zip(x, y, result, f)
    return result
  }

  /// A new tensor of `f(x)` for floating point, by one function of each precision.
  @inlinable @inline(__always)
  public static func scalars(_ x: Tensor, _ f32: (Float) -> Float, _ f64: (Double) -> Double) throws -> Tensor
  {
    try x.dtype == .f32 ? map(x, f32) : map(x, f64)
  }

  /// A new tensor of `f(x, y)` for two floating-point tensors of one type and shape.
  @inlinable @inline(__always)
  public static func scalars(
    _ x: Tensor, _ y: Tensor, _ f32: (Float, Float) -> Float, _ f64: (Double, Double) -> Double
  ) throws -> Tensor {
    try x.dtype == .f32 ? zip(x, y, f32) : zip(x, y, f64)
  }

  // MARK: Calls

  /// Like `scalars`, for functions of the C library.
  public static func calls(_ x: Tensor, _ f32: (Float) -> Float, _ f64: (Double) -> Double) throws -> Tensor {
    let result = try Tensor(uninitialized: x.shape, x.dtype)
    let packed = try x.contiguous()
    withExtendedLifetime((packed, result)) {
      if x.dtype == .f32 {
        let (p, r) = (packed.pointer(Float.self), result.pointer(Float.self))
        Parallel.ranges(result.elementCount, grain: grain / 8) { for i in $0 { r[i] = f32(p[i]) } }
      } else {
        let (p, r) = (packed.pointer(Double.self), result.pointer(Double.self))
        Parallel.ranges(result.elementCount, grain: grain / 8) { for i in $0 { r[i] = f64(p[i]) } }
      }
    }
    return result
  }

  /// Like `scalars`, for functions of the C library.
  public static func calls(
    _ x: Tensor, _ y: Tensor, _ f32: (Float, Float) -> Float, _ f64: (Double, Double) -> Double
  ) throws -> Tensor {
    let result = try Tensor(uninitialized: x.shape, x.dtype)
    let (left, right) = (try x.contiguous(), try y.contiguous())
    withExtendedLifetime((left, right, result)) {
      if x.dtype == .f32 {
        let (p, q, r) = (left.pointer(Float.self), right.pointer(Float.self), result.pointer(Float.self))
        Parallel.ranges(result.elementCount, grain: grain / 8) { for i in $0 { r[i] = f32(p[i], q[i]) } }
      } else {
        let (p, q, r) = (left.pointer(Double.self), right.pointer(Double.self), result.pointer(Double.self))
        Parallel.ranges(result.elementCount, grain: grain / 8) { for i in $0 { r[i] = f64(p[i], q[i]) } }
      }
    }
    return result
  }

  // MARK: Eight at a time

  /// A new tensor of `f(x)`: f32 in lanes, f64 one by one.
  @inlinable @inline(__always)
  public static func lanes(
    _ x: Tensor, _ f32: (SIMD8<Float>) -> SIMD8<Float>, _ f64: (Double) -> Double
  ) throws -> Tensor {
    if x.dtype != .f32 { return try calls(x, { $0 }, f64) }
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

  /// A new tensor of `f(x, y)` for tensors of one type and shape: f32 in lanes, f64 one by one.
  @inlinable @inline(__always)
  public static func lanes(
    _ x: Tensor, _ y: Tensor, _ f32: (SIMD8<Float>, SIMD8<Float>) -> SIMD8<Float>,
    _ f64: (Double, Double) -> Double
  ) throws -> Tensor {
    if x.dtype != .f32 { return try calls(x, y, { x, _ in x }, f64) }
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
}

extension Tensor {
  /// This tensor if it is floating point, else as f32.
  public func floating() throws -> Tensor { dtype.isFloating ? self : try cast(to: .f32) }
}
