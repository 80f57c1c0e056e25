/// Reductions over dimensions: the loop that all of them share.
///
/// A reduction reads its tensor as [outer, count, inner], row-major, and reduces the middle; other layouts
/// are copied into that form first. The order of additions depends on the shape alone, never on the number of
/// threads.
import Base

public enum Reduce {
  /// A packed tensor seen as [outer, count, inner], and the shapes of the result.
  public struct Folded {
    public let tensor: Tensor
    public let outer: Int
    public let count: Int
    public let inner: Int
    /// The shape of the result with sizes of 1 where dimensions were reduced.
    public let kept: Shape
    /// The shape of the result without the reduced dimensions.
    public let dropped: Shape

    @inlinable public var resultCount: Int { outer * inner }

    public func shape(keeping: Bool) -> Shape { keeping ? kept : dropped }
  }

  /// Arranges `x` for a reduction over `dimensions`; none given means all.
  public static func folded(_ x: Tensor, _ dimensions: [Int]) throws -> Folded {
    let reduced = try marked(x, dimensions)
    var (kept, dropped) = (x.shape, Shape())
    for d in 0..<x.rank {
      if reduced[d] { kept[d] = 1 } else { dropped.append(x.shape[d]) }
    }
    let inOrder = (0..<x.rank).filter { reduced[$0] }
    let isOneRun = inOrder.isEmpty || inOrder[inOrder.count - 1] - inOrder[0] == inOrder.count - 1
    if isOneRun && x.isContiguous {
      let first = inOrder.first ?? x.rank
      let last = inOrder.last ?? x.rank - 1
      let outer = Shape(known: x.shape[0..<first]).elementCount
      let inner = Shape(known: x.shape[(last + 1)...]).elementCount
      let count = Shape(known: inOrder.map { x.shape[$0] }).elementCount
      return Folded(tensor: x, outer: outer, count: count, inner: inner, kept: kept, dropped: dropped)
    }
    let order = (0..<x.rank).filter { !reduced[$0] } + inOrder
    let packed = try x.permuted(order).contiguous()
    let count = Shape(known: inOrder.map { x.shape[$0] }).elementCount
    return Folded(
      tensor: packed, outer: dropped.elementCount, count: count, inner: 1, kept: kept, dropped: dropped)
  }

  private static func marked(_ x: Tensor, _ dimensions: [Int]) throws -> [Bool] {
    var reduced = [Bool](repeating: dimensions.isEmpty, count: x.rank)
    for d in dimensions {
      try x.checkDimension(d)
      if reduced[d] { throw Failure(.argument, "dimension \(d &+ 1) appears twice") }
      reduced[d] = true
    }
    return reduced
  }

  /// A new tensor with one result for each [outer, inner]: `body` gets the first element, the distance
  /// between elements, and their number.
  @inlinable @inline(__always)
  public static func each<T: TensorScalar, U: TensorScalar>(
    _ x: Folded, keeping: Bool, _ body: (UnsafeMutablePointer<T>, _ step: Int, _ count: Int) -> U
  ) throws -> Tensor {
    let result = try Tensor(uninitialized: x.shape(keeping: keeping), U.dtype)
    let (from, to) = (x.tensor.pointer(T.self), result.pointer(U.self))
    let (count, inner) = (x.count, x.inner)
    withExtendedLifetime((x.tensor, result)) {
      Parallel.ranges(x.resultCount, grain: grain(count)) { range in
        for i in range {
          let outer = i / Swift.max(inner, 1)
          to[i] = body(from + (outer &* count &* inner &+ i &- outer &* inner), inner, count)
        }
      }
    }
    try Parallel.checkIfCut()
    return result
  }

  /// Results of one piece of work, each from `count` elements.
  @usableFromInline
  static func grain(_ count: Int) -> Int { Swift.max(1, Elementwise.grain / Swift.max(count, 1)) }
}
