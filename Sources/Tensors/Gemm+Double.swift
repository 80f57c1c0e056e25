/// Products of matrices of 64-bit floats, by OpenBLAS, cut into pieces by shape and run on our own threads.
///
/// OpenBLAS itself is held to one thread: its pool would fight ours for the cores, and its way of cutting a product
/// depends on the thread count, which would make results depend on it too.
import Base
import COpenBLAS

extension Gemm {
  static let singleThreaded: Void = openblas_set_num_threads(1)

  /// Refuses sizes and distances that BLAS, which counts in 32 bits, cannot take. Those of 32-bit floats too, as their
  /// products with vectors are BLAS's.
  public static func checkSizes(_ sizes: [Int]) throws {
    for size in sizes where size > Int(Int32.max) {
      throw Failure(.shape, "size \(size) is more than a matrix product can take (\(Int32.max))")
    }
  }

  /// C = alpha op(A) op(B) + beta C, row-major, as for 32-bit floats. Sizes must have passed `checkSizes`.
  public static func run(
    _ transA: Bool, _ transB: Bool, _ m: Int, _ n: Int, _ k: Int, _ alpha: Double,
    _ a: UnsafePointer<Double>, _ lda: Int, _ b: UnsafePointer<Double>, _ ldb: Int, _ beta: Double,
    _ c: UnsafeMutablePointer<Double>, _ ldc: Int
  ) {
    _ = singleThreaded
    if m == 0 || n == 0 { return }
    // The larger side of C is cut: the pieces share nothing but their inputs.
    let byRows = m >= n
    Parallel.ranges(max(m, n), grain: pieceSize(max(m, n), other: min(m, n), k: k)) { range in
      let start = range.lowerBound
      let (rows, columns) = byRows ? (range.count, n) : (m, range.count)
      let a = byRows ? a + (transA ? start : start * lda) : a
      let b = byRows ? b : b + (transB ? start * ldb : start)
      let c = c + (byRows ? start * ldc : start)
      cblas_dgemm(
        CblasRowMajor, transA ? CblasTrans : CblasNoTrans, transB ? CblasTrans : CblasNoTrans, Int32(rows),
        Int32(columns), Int32(k), alpha, a, Int32(lda), b, Int32(ldb), beta, c, Int32(ldc))
    }
  }

  /// Pieces of about 256, so that packing the shared operand again is a small part; at least two pieces once the
  /// product is worth a hand-over (a hundred thousand multiply-adds take some 2 microseconds).
  private static func pieceSize(_ size: Int, other: Int, k: Int) -> Int {
    if size < 16 || size * other * k < 100_000 { return size }
    let pieces = max(2, (size + 255) / 256)
    let even = pieces + pieces % 2
    return ((size + even - 1) / even + 7) / 8 * 8
  }
}
