/// Walks several strided views of one shape together, row by row.
///
/// Adjacent dimensions that are regular in every view are merged first: contiguous tensors of any rank become
/// one long row, and the compiler vectorises the inner loop.
import Base

public enum Strided {
  /// Elements between two looks at the flag of Ctrl-C.
  @usableFromInline static let cutEvery = 1 << 18

  /// Calls `body` with the element offset of each view, the length of the row or of a part of it, and the stride of each
  /// view along it. Within `Parallel.cutting`, Ctrl-C ends the walk with a failure.
  @inlinable @inline(__always)
  public static func rows(
    _ shape: Shape, _ a: Shape, _ b: Shape, _ c: Shape,
    _ body: (_ a: Int, _ b: Int, _ c: Int, _ count: Int, _ steps: (Int, Int, Int)) -> Void
  ) throws {
    if shape.elementCount == 0 { return }
    let (size, x, y, z) = merged(shape, a, b, c)
    let last = size.count - 1
    if last < 0 {
      body(0, 0, 0, 1, (1, 1, 1))
      return
    }
    var index = SIMD8<Int>(repeating: 0)
    var (p, q, r) = (0, 0, 0)
    let steps = (x[last], y[last], z[last])
    var untilLook = cutEvery
    while true {
      var start = 0
      repeat {
        let count = Swift.min(size[last] &- start, cutEvery)
        body(p &+ start &* steps.0, q &+ start &* steps.1, r &+ start &* steps.2, count, steps)
        start &+= count
        untilLook &-= count
        if untilLook <= 0 {
          try Parallel.checkIfCut()
          untilLook = cutEvery
        }
      } while start < size[last]
      var d = last - 1
      while d >= 0 {
        index[d] += 1
        p += x[d]
        q += y[d]
        r += z[d]
        if index[d] < size[d] { break }
        p -= x[d] * size[d]
        q -= y[d] * size[d]
        r -= z[d] * size[d]
        index[d] = 0
        d -= 1
      }
      if d < 0 { return }
    }
  }

  @usableFromInline
  static func merged(_ shape: Shape, _ a: Shape, _ b: Shape, _ c: Shape) -> (Shape, Shape, Shape, Shape) {
    var (size, x, y, z) = (Shape(), Shape(), Shape(), Shape())
    for i in 0..<shape.count where shape[i] != 1 {
      let k = size.count - 1
      if k >= 0, x[k] == a[i] * shape[i], y[k] == b[i] * shape[i], z[k] == c[i] * shape[i] {
        size[k] *= shape[i]
        x[k] = a[i]
        y[k] = b[i]
        z[k] = c[i]
      } else {
        size.append(shape[i])
        x.append(a[i])
        y.append(b[i])
        z.append(c[i])
      }
    }
    return (size, x, y, z)
  }

  /// Copies elements between views of equal shape and type.
  public static func copy(from: Tensor, to: Tensor) throws {
    precondition(from.shape == to.shape && from.dtype == to.dtype)
    switch from.dtype {
    case .f32: try copy(from, to, Float.self)
    case .f64: try copy(from, to, Double.self)
    case .i64: try copy(from, to, Int64.self)
    case .bool: try copy(from, to, Bool.self)
    }
  }

  @inline(__always)
  private static func copy<T: TensorScalar>(_ from: Tensor, _ to: Tensor, _ type: T.Type) throws {
    let source = from.pointer(T.self)
    let target = to.pointer(T.self)
    try rows(from.shape, from.strides, to.strides, to.strides) { a, b, _, count, steps in
      if steps.0 == 1 && steps.1 == 1 {
        (target + b).update(from: source + a, count: count)
      } else {
        var (p, q) = (source + a, target + b)
        for _ in 0..<count {
          q.pointee = p.pointee
          p += steps.0
          q += steps.1
        }
      }
    }
  }

  /// `to[i] = f(from[i])`; `to` is contiguous or any view of the same shape.
  @inlinable @inline(__always)
  public static func map<T: TensorScalar, U: TensorScalar>(_ from: Tensor, _ to: Tensor, _ f: (T) -> U) throws
  {
    let source = from.pointer(T.self)
    let target = to.pointer(U.self)
    try rows(from.shape, from.strides, to.strides, to.strides) { a, b, _, count, steps in
      let (p, q) = (source + a, target + b)
      if steps.0 == 1 && steps.1 == 1 {
        for i in 0..<count { q[i] = f(p[i]) }
      } else {
        for i in 0..<count { q[i &* steps.1] = f(p[i &* steps.0]) }
      }
    }
  }

  /// `to[i] = f(x[i], y[i])` for views already expanded to the shape of `to`.
  @inlinable @inline(__always)
  public static func zip<T: TensorScalar, S: TensorScalar, U: TensorScalar>(
    _ x: Tensor, _ y: Tensor, _ to: Tensor, _ f: (T, S) -> U
  ) throws {
    let (left, right, target) = (x.pointer(T.self), y.pointer(S.self), to.pointer(U.self))
    try rows(to.shape, x.strides, y.strides, to.strides) { a, b, c, count, steps in
      let (p, q, r) = (left + a, right + b, target + c)
      switch steps {
      case (1, 1, 1): for i in 0..<count { r[i] = f(p[i], q[i]) }
      case (1, 0, 1):
        let fixed = q[0]
        for i in 0..<count { r[i] = f(p[i], fixed) }
      case (0, 1, 1):
        let fixed = p[0]
        for i in 0..<count { r[i] = f(fixed, q[i]) }
      default:
        for i in 0..<count { r[i &* steps.2] = f(p[i &* steps.0], q[i &* steps.1]) }
      }
    }
  }

  /// `to[i] = f(to[i], from[i])` in row-major order, where views of `to` may have stride 0.
  @inlinable @inline(__always)
  public static func fold<T: TensorScalar>(_ from: Tensor, _ to: Tensor, _ f: (T, T) -> T) throws {
    let (source, target) = (from.pointer(T.self), to.pointer(T.self))
    try rows(from.shape, from.strides, to.strides, to.strides) { a, b, _, count, steps in
      let (p, q) = (source + a, target + b)
      if steps.1 == 0 {
        var sum = q[0]
        for i in 0..<count { sum = f(sum, p[i &* steps.0]) }
        q[0] = sum
      } else if steps.0 == 1 && steps.1 == 1 {
        for i in 0..<count { q[i] = f(q[i], p[i]) }
      } else {
        for i in 0..<count { q[i &* steps.1] = f(q[i &* steps.1], p[i &* steps.0]) }
      }
    }
  }
}
