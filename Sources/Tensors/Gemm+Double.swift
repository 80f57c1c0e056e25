/// Products of matrices of 64-bit floats, by OpenBLAS, cut into pieces by shape and run on our own threads.
///
/// OpenBLAS is limited to one thread: its threads would compete with ours for the cores, and it cuts a
/// product by the thread count, on which results would then depend.
import Base
import COpenBLAS

extension Gemm {
  static let singleThreaded: Void = openblas_set_num_threads(1)

  /// Refuses sizes and leading dimensions above 32 bits, which BLAS cannot take. It computes products of
  /// 32-bit floats with vectors too.
  public static func checkSizes(_ sizes: [Int]) throws {
    for size in sizes where size > Int(Int32.max) {
      throw Failure(.shape, "size \(size) is more than a matrix product can take (\(Int32.max))")
    }
  }

  /// C = A B for 64-bit floats. Sizes must have passed `checkSizes`.
  public static func run(
    _ a: MatrixView<Double>, _ b: MatrixView<Double>, into c: MutableMatrixView<Double>
  ) {
    _ = singleThreaded
    let (m, n, k) = (c.rows, c.columns, a.columns)
    if m == 0 || n == 0 { return }
    // The longer side of C is cut: the pieces share nothing but their inputs.
    let byRows = m >= n
    Parallel.ranges(max(m, n), grain: pieceSize(max(m, n), other: min(m, n), k: k)) { range in
      let start = range.lowerBound
      let a = byRows ? a.rows(from: start, count: range.count) : a
      let b = byRows ? b : b.columns(from: start, count: range.count)
      cblas_dgemm(
        CblasRowMajor, a.isTransposed ? CblasTrans : CblasNoTrans, b.isTransposed ? CblasTrans : CblasNoTrans,
        Int32(a.rows), Int32(b.columns), Int32(k), 1, a.pointer, Int32(a.lead), b.pointer, Int32(b.lead), 0,
        c.pointer + (byRows ? start * c.lead : start), Int32(c.lead))
    }
  }

  /// Pieces of about 256, so that packing the shared operand again is a small part of the work; at least two
  /// pieces from a hundred thousand multiply-adds (about 2 microseconds) on.
  private static func pieceSize(_ size: Int, other: Int, k: Int) -> Int {
    if size < 16 || size * other * k < 100_000 { return size }
    let pieces = max(2, (size + 255) / 256)
    let even = pieces + pieces % 2
    return ((size + even - 1) / even + 7) / 8 * 8
  }
}
