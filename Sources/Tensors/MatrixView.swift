/// Matrices in memory, as products read and write them.
///
///     let x = MatrixView(p, rows: 2, columns: 3)              // element (i, j) is p[3 i + j]
///     let w = MatrixView(q, rows: 4, columns: 3).transposed   // [3, 4]: element (i, j) is q[3 j + i]

/// A matrix that is read: row-major, or the transpose of a row-major matrix.
@frozen public struct MatrixView<Scalar> {
  public let pointer: UnsafePointer<Scalar>
  /// Sizes after transposition.
  public let rows, columns: Int
  /// The leading dimension: elements from one stored row to the next.
  public let lead: Int
  /// Element (i, j) is at pointer[j lead + i], not pointer[i lead + j].
  public let isTransposed: Bool

  /// A row-major matrix. Rows follow each other without a gap unless `lead` says otherwise.
  @inlinable @inline(__always)
  public init(_ pointer: UnsafePointer<Scalar>, rows: Int, columns: Int, lead: Int? = nil) {
    self.init(pointer, rows: rows, columns: columns, lead: lead ?? columns, isTransposed: false)
  }

  @inlinable @inline(__always)
  init(_ pointer: UnsafePointer<Scalar>, rows: Int, columns: Int, lead: Int, isTransposed: Bool) {
    (self.pointer, self.rows, self.columns) = (pointer, rows, columns)
    (self.lead, self.isTransposed) = (lead, isTransposed)
  }

  @inlinable @inline(__always)
  public var transposed: MatrixView {
    MatrixView(pointer, rows: columns, columns: rows, lead: lead, isTransposed: !isTransposed)
  }

  /// Elements from one row to the next, and from one column to the next.
  @inlinable @inline(__always)
  var rowStep: Int { isTransposed ? 1 : lead }
  @inlinable @inline(__always)
  var columnStep: Int { isTransposed ? lead : 1 }

  /// `count` rows from row `start` on.
  @inlinable @inline(__always)
  func rows(from start: Int, count: Int) -> MatrixView {
    MatrixView(
      pointer + start * rowStep, rows: count, columns: columns, lead: lead, isTransposed: isTransposed)
  }

  /// `count` columns from column `start` on.
  @inlinable @inline(__always)
  func columns(from start: Int, count: Int) -> MatrixView {
    MatrixView(
      pointer + start * columnStep, rows: rows, columns: count, lead: lead, isTransposed: isTransposed)
  }
}

/// A row-major matrix that is written.
@frozen public struct MutableMatrixView<Scalar> {
  public let pointer: UnsafeMutablePointer<Scalar>
  public let rows, columns: Int
  public let lead: Int

  @inlinable @inline(__always)
  public init(_ pointer: UnsafeMutablePointer<Scalar>, rows: Int, columns: Int, lead: Int? = nil) {
    (self.pointer, self.rows, self.columns, self.lead) = (pointer, rows, columns, lead ?? columns)
  }
}
