/// Walks several strided views of one shape together, row by row.
///
/// Adjacent dimensions that are regular in every view are merged first: contiguous tensors of any rank become
/// one long row, and the compiler vectorises the inner loop.
import Base

public enum Strided {
  /// Calls `body` with the element offset of each view, the length of the row, and the stride of each view
  /// along it.
  @inlinable @inline(__always)
  public static func rows(
    _ shape: Shape, _ a: Shape, _ b: Shape, _ c: Shape,
    _ body: (_ a: Int, _ b: Int, _ c: Int, _ count: Int, _ steps: (Int, Int, Int)) -> Void
  ) {
    if shape.elementCount == 0 { return }
    let (size, x, y, z) = merged(shape, a, b, c)
    let last = size.count - 1
    if last < 0 {
      body(0, 0, 0, 1, (1, 1, 1))
      return
    }
    var index = SIMD8<Int>(repeating: 0)
    var (p, q, r) = (0, 0, 0)
    while true {
      body(p, q, r, size[last], (x[last], y[last], z[last]))
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
  public static func copy(from: Tensor, to: Tensor) {
    precondition(from.shape == to.shape && from.dtype == to.dtype)
    switch from.dtype {
    case .f32: copy(from, to, Float.self)
    case .f64: copy(from, to, Double.self)
    case .i64: copy(from, to, Int64.self)
    case .bool: copy(from, to, Bool.self)
    }
  }

  @inline(__always)
  private static func copy<T: TensorScalar>(_ from: Tensor, _ to: Tensor, _ type: T.Type) {
    let source = from.pointer(T.self)
    let target = to.pointer(T.self)
    let mayBeCut = from.dtype.isFloating  // positions are used before the end of the work
    rows(from.shape, from.strides, to.strides, to.strides) { a, b, _, count, steps in
      if mayBeCut && Parallel.isCut { return }
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
  public static func map<T: TensorScalar, U: TensorScalar>(_ from: Tensor, _ to: Tensor, _ f: (T) -> U) {
    let source = from.pointer(T.self)
    let target = to.pointer(U.self)
    rows(from.shape, from.strides, to.strides, to.strides) { a, b, _, count, steps in
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
  ) {
    let (left, right, target) = (x.pointer(T.self), y.pointer(S.self), to.pointer(U.self))
    rows(to.shape, x.strides, y.strides, to.strides) { a, b, c, count, steps in
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
  public static func fold<T: TensorScalar>(_ from: Tensor, _ to: Tensor, _ f: (T, T) -> T) {
    let (source, target) = (from.pointer(T.self), to.pointer(T.self))
    rows(from.shape, from.strides, to.strides, to.strides) { a, b, _, count, steps in
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
