/// Products of matrices of 64-bit floats, by OpenBLAS, cut into pieces by shape and run on our own threads.
///
/// OpenBLAS is limited to one thread, by CKernels/blas.c: its threads would compete with ours for the cores, and it cuts a
/// product by the thread count, on which results would then depend.
import Base
import CKernels
import COpenBLAS

extension Gemm {
  /// Sees that OpenBLAS has the memory to be called from every thread; without it a call would never end.
  static func reserveBLAS() throws {
    if kernel_reserve_blas(Int32(ThreadCount.current)) == 0 {
      throw Failure(
        .memory,
        "not enough memory for OpenBLAS, which takes 136 MB of addresses a thread: raise the limit of `ulimit -v`"
      )
    }
  }

  /// Refuses sizes and leading dimensions above 32 bits, which BLAS cannot take. It computes products of
  /// 32-bit floats with vectors too.
  public static func checkSizes(_ sizes: [Int]) throws {
    for size in sizes where size > Int(Int32.max) {
      throw Failure(.shape, "size \(size) is more than a matrix product can take (\(Int32.max))")
    }
  }

  /// C = A B for 64-bit floats. Sizes must have passed `checkSizes`, and OpenBLAS `reserveBLAS`.
  public static func run(
    _ a: MatrixView<Double>, _ b: MatrixView<Double>, into c: MutableMatrixView<Double>
  ) {
    let (m, n, k) = (c.rows, c.columns, a.columns)
    if m == 0 || n == 0 { return }
    if n > columnsMax && m > columnsMax {
      for start in stride(from: 0, to: n, by: columnsMax) {
        let count = min(columnsMax, n - start)
        run(
          a, b.columns(from: start, count: count),
          into: MutableMatrixView(c.pointer + start, rows: m, columns: count, lead: c.lead))
      }
      return
    }
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

  /// A product with more rows and more columns than this is computed some columns after others.
  private static let columnsMax = 2048

  /// Pieces of about 256, so that packing the shared operand again is a small part of the work, and fewer rows where
  /// those take more than some 50 milliseconds, since Ctrl-C waits for the end of a piece; at least two pieces from a
  /// hundred thousand multiply-adds (about 2 microseconds) on.
  private static func pieceSize(_ size: Int, other: Int, k: Int) -> Int {
    if size < 16 || size * other * k < 100_000 { return size }
    let most = min(256, max(32, (1 << 29) / (other * k)))
    let pieces = max(2, (size + most - 1) / most)
    let even = pieces + pieces % 2
    return ((size + even - 1) / even + 7) / 8 * 8
  }
}
