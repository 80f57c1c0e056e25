/// Matrix products by OpenBLAS, cut into pieces by shape and run on our own threads.
///
/// OpenBLAS itself is held to one thread: its pool would fight ours for the cores, and its way of cutting a product
/// depends on the thread count, which would make results depend on it too.
import Base
import COpenBLAS

public enum Gemm {
  static let singleThreaded: Void = openblas_set_num_threads(1)

  /// Refuses sizes and distances that BLAS, which counts in 32 bits, cannot take.
  public static func checkSizes(_ sizes: [Int]) throws {
    for size in sizes where size > Int(Int32.max) {
      throw Failure(.shape, "size \(size) is more than a matrix product can take (\(Int32.max))")
    }
  }

  /// C = alpha op(A) op(B) + beta C, row-major; `m`, `n`, `k` are the sizes after transposition.
  @inline(__always)
  public static func run(
    _ transA: Bool, _ transB: Bool, _ m: Int, _ n: Int, _ k: Int, _ alpha: Float,
    _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafePointer<Float>, _ ldb: Int, _ beta: Float,
    _ c: UnsafeMutablePointer<Float>, _ ldc: Int
  ) {
    cut(transA, transB, m, n, k, a, lda, b, ldb, c, ldc) { m, n, a, b, c in
      single(transA, transB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
    }
  }

  public static func run(
    _ transA: Bool, _ transB: Bool, _ m: Int, _ n: Int, _ k: Int, _ alpha: Double,
    _ a: UnsafePointer<Double>, _ lda: Int, _ b: UnsafePointer<Double>, _ ldb: Int, _ beta: Double,
    _ c: UnsafeMutablePointer<Double>, _ ldc: Int
  ) {
    cut(transA, transB, m, n, k, a, lda, b, ldb, c, ldc) { m, n, a, b, c in
      cblas_dgemm(
        CblasRowMajor, transA ? CblasTrans : CblasNoTrans, transB ? CblasTrans : CblasNoTrans, Int32(m), Int32(n),
        Int32(k), alpha, a, Int32(lda), b, Int32(ldb), beta, c, Int32(ldc))
    }
  }

  /// One product on the calling thread.
  public static func single(
    _ transA: Bool, _ transB: Bool, _ m: Int, _ n: Int, _ k: Int, _ alpha: Float,
    _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafePointer<Float>, _ ldb: Int, _ beta: Float,
    _ c: UnsafeMutablePointer<Float>, _ ldc: Int
  ) {
    _ = singleThreaded
    cblas_sgemm(
      CblasRowMajor, transA ? CblasTrans : CblasNoTrans, transB ? CblasTrans : CblasNoTrans, Int32(m), Int32(n),
      Int32(k), alpha, a, Int32(lda), b, Int32(ldb), beta, c, Int32(ldc))
  }

  /// Cuts the larger side of C: the pieces share nothing but their inputs.
  @inline(__always)
  private static func cut<T>(
    _ transA: Bool, _ transB: Bool, _ m: Int, _ n: Int, _ k: Int,
    _ a: UnsafePointer<T>, _ lda: Int, _ b: UnsafePointer<T>, _ ldb: Int, _ c: UnsafeMutablePointer<T>, _ ldc: Int,
    _ body: (Int, Int, UnsafePointer<T>, UnsafePointer<T>, UnsafeMutablePointer<T>) -> Void
  ) {
    _ = singleThreaded
    if m == 0 || n == 0 { return }
    let byRows = m >= n
    let size = byRows ? m : n
    let grain = pieceSize(size, other: byRows ? n : m, k: k)
    Parallel.ranges(size, grain: grain) { range in
      let start = range.lowerBound
      if byRows {
        body(range.count, n, a + (transA ? start : start * lda), b, c + start * ldc)
      } else {
        body(m, range.count, a, b + (transB ? start * ldb : start), c + start)
      }
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
