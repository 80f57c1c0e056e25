/// Factorisations and solutions by LAPACK, for batches of f64 matrices.
///
/// LAPACK reads a row-major matrix as its transpose; no copy is made if another option of the call
/// compensates for that. Callers factor f32 matrices in f64 and round once.
import Base
import CSystem

public enum Linalg {
  /// The lower triangular L with L Lᵀ = A, reading the lower triangle of A.
  public static func cholesky(_ a: Tensor) throws -> Tensor {
    let result = try a.copied()
    let n = try order(a)
    try each(result, n * n) { matrix, number in
      var (size, lead, info) = (Int32(n), Int32(max(n, 1)), Int32(0))
      dpotrf_("U", &size, matrix, &lead, &info, 1)
      if info > 0 {
        throw Failure(
          .numeric, "the matrix\(number) is not positive definite: its leading minor of order \(info) is not")
      }
      for i in 0..<n { for j in (i + 1)..<max(n, i + 1) { matrix[i * n + j] = 0 } }
    }
    return result
  }

  /// X with A X = B, or Aᵀ X = B; both in one batch shape.
  public static func solve(_ a: Tensor, _ b: Tensor, transposed: Bool = false) throws -> Tensor {
    try refuseInfinite(a)
    let factors = try a.copied()
    let n = try order(a)
    let columns = b.shape[b.rank - 1]
    let right = try turned(b).copied()
    try checked([columns])
    var pivots = [Int32](repeating: 0, count: n)
    try each(factors, n * n) { matrix, number, index in
      try factor(matrix, n, &pivots, number)
      var (size, lead, count, info) = (Int32(n), Int32(max(n, 1)), Int32(columns), Int32(0))
      let to = right.pointer(Double.self) + index * n * columns
      dgetrs_(transposed ? "N" : "T", &size, &count, matrix, &lead, pivots, to, &lead, &info, 1)
    }
    return try turned(right).contiguous()
  }

  /// X with A X = B for a triangular A; the other triangle is not read.
  public static func solveTriangular(_ a: Tensor, _ b: Tensor, upper: Bool, transposed: Bool = false) throws
    -> Tensor
  {
    let n = try order(a)
    let columns = b.shape[b.rank - 1]
    let (packed, right) = (try a.contiguous(), try turned(b).copied())
    try checked([columns])
    try each(packed, n * n) { matrix, number, index in
      var (size, lead, count, info) = (Int32(n), Int32(max(n, 1)), Int32(columns), Int32(0))
      let to = right.pointer(Double.self) + index * n * columns
      dtrtrs_(
        upper ? "L" : "U", transposed ? "N" : "T", "N", &size, &count, matrix, &lead, to, &lead, &info, 1, 1,
        1)
      if info > 0 {
        throw Failure(.numeric, "the matrix\(number) is singular: element \(info) of its diagonal is zero")
      }
    }
    return try turned(right).contiguous()
  }

  /// The inverse of each square matrix of f64 [..., n, n], by LU factors with pivots. Throws for a matrix that is not square,
  /// is singular, or holds NaN or an infinity.
  ///
  ///     try Linalg.inverse(Tensor([2, 0, 0, 4] as [Double], shape: [2, 2]))       // [[0.5, 0], [0, 0.25]]
  public static func inverse(_ a: Tensor) throws -> Tensor {
    try refuseInfinite(a)
    let result = try a.copied()
    let n = try order(a)
    var pivots = [Int32](repeating: 0, count: n)
    try each(result, n * n) { matrix, number in
      try factor(matrix, n, &pivots, number)
      var (size, lead, info) = (Int32(n), Int32(max(n, 1)), Int32(0))
      withWorkspace { dgetri_(&size, matrix, &lead, pivots, $0, &$1, &info) }
    }
    return result
  }

  /// The sign (0 where singular) and the logarithm of the absolute value of each determinant.
  public static func logDeterminant(_ a: Tensor) throws -> (sign: Tensor, log: Tensor) {
    let factors = try a.copied()
    let n = try order(a)
    let batch = Shape(known: a.shape.dropLast(2))
    let (signs, logs) = (try Tensor(uninitialized: batch, .f64), try Tensor(uninitialized: batch, .f64))
    var pivots = [Int32](repeating: 0, count: n)
    try each(factors, n * n) { matrix, _, index in
      var (size, lead, info) = (Int32(n), Int32(max(n, 1)), Int32(0))
      // With NaN the search for a pivot is undefined.
      if (0..<n * n).contains(where: { !matrix[$0].isFinite }) {
        signs.pointer(Double.self)[index] = .nan
        logs.pointer(Double.self)[index] = .nan
        return
      }
      dgetrf_(&size, &size, matrix, &lead, &pivots, &info)
      var (sign, log) = (1.0, 0.0)
      for i in 0..<n {
        let pivot = matrix[i * n + i]
        if pivot == 0 { sign = 0 } else if (pivot < 0) != (Int(pivots[i]) != i + 1) { sign = -sign }
        if pivot.isNaN { sign = .nan }
        log += Libm.log(abs(pivot))
      }
      signs.pointer(Double.self)[index] = sign
      logs.pointer(Double.self)[index] = log
    }
    return (signs, logs)
  }

  /// Orthonormal Q [m, k] and upper triangular R [k, n] with Q R = A, k = min(m, n).
  public static func qr(_ a: Tensor) throws -> (q: Tensor, r: Tensor) {
    let (m, n) = (a.shape[a.rank - 2], a.shape[a.rank - 1])
    let k = min(m, n)
    try checked([m, n])
    let batch = Array(a.shape.dropLast(2))
    let work = try turned(a).copied()
    let q = try Tensor(uninitialized: try Shape(checked: batch + [k, m]), .f64)
    let r = try Tensor(zeros: try Shape(checked: batch + [k, n]), .f64)
    var tau = [Double](repeating: 0, count: max(k, 1))
    try each(work, m * n) { matrix, _, index in
      var (rows, columns, kept, lead, info) = (Int32(m), Int32(n), Int32(k), Int32(max(m, 1)), Int32(0))
      withWorkspace { dgeqrf_(&rows, &columns, matrix, &lead, &tau, $0, &$1, &info) }
      let upper = r.pointer(Double.self) + index * k * n
      for i in 0..<k { for j in i..<n { upper[i * n + j] = matrix[j * m + i] } }
      withWorkspace { dorgqr_(&rows, &kept, &kept, matrix, &lead, tau, $0, &$1, &info) }
      (q.pointer(Double.self) + index * k * m).update(from: matrix, count: k * m)
    }
    return (try turned(q).contiguous(), r)
  }

  /// U [m, k], singular values [k] in descending order and Vᵀ [k, n] with U diag(S) Vᵀ = A, k = min(m, n).
  /// The largest component of each column of U is positive, so that signs do not depend on the library.
  public static func svd(_ a: Tensor) throws -> (u: Tensor, s: Tensor, vt: Tensor) {
    let (m, n) = (a.shape[a.rank - 2], a.shape[a.rank - 1])
    let k = min(m, n)
    try checked([m, n])
    try refuseInfinite(a)
    let batch = Array(a.shape.dropLast(2))
    let work = try a.copied()
    let u = try Tensor(uninitialized: try Shape(checked: batch + [m, k]), .f64)
    let s = try Tensor(uninitialized: try Shape(checked: batch + [k]), .f64)
    let vt = try Tensor(uninitialized: try Shape(checked: batch + [k, n]), .f64)
    var whole = [Int32](repeating: 0, count: max(8 * k, 1))
    try each(work, m * n) { matrix, number, index in
      // The factors of the transpose are exchanged.
      var (rows, columns, kept, info) = (Int32(n), Int32(m), Int32(max(k, 1)), Int32(0))
      var lead = max(rows, 1)
      let (left, middle) = (vt.pointer(Double.self) + index * k * n, s.pointer(Double.self) + index * k)
      let right = u.pointer(Double.self) + index * m * k
      withWorkspace {
        dgesdd_(
          "S", &rows, &columns, matrix, &lead, middle, left, &lead, right, &kept, $0, &$1, &whole, &info, 1)
      }
      if info != 0 { throw Failure(.numeric, "the singular values of the matrix\(number) did not converge") }
      turn(right, m, k) { i in for j in 0..<n { left[i * n + j] = -left[i * n + j] } }
    }
    return (u, s, vt)
  }

  /// Eigenvalues [n] in ascending order and eigenvectors as columns, reading the lower triangle of a
  /// symmetric A. The largest component of each eigenvector is positive.
  public static func eigh(_ a: Tensor) throws -> (values: Tensor, vectors: Tensor) {
    let n = try order(a)
    try refuseInfinite(a)
    let vectors = try a.copied()
    let values = try Tensor(uninitialized: Shape(known: a.shape.dropLast()), .f64)
    try checked([n, try Checked.times(5, n, "elements")])
    var whole = [Int32](repeating: 0, count: 3 + 5 * n)
    var wholeCount = Int32(whole.count)
    try each(vectors, n * n) { matrix, number, index in
      var (size, lead, info) = (Int32(n), Int32(max(n, 1)), Int32(0))
      let to = values.pointer(Double.self) + index * n
      withWorkspace {
        dsyevd_("V", "U", &size, matrix, &lead, to, $0, &$1, &whole, &wholeCount, &info, 1, 1)
      }
      if info != 0 { throw Failure(.numeric, "the eigenvalues of the matrix\(number) did not converge") }
    }
    let columns = try turned(vectors).contiguous()
    try each(columns, n * n) { matrix, _ in turn(matrix, n, n) { _ in } }
    return (values, columns)
  }

  /// Makes the largest component of each column positive; returns which columns changed sign.
  private static func turn(
    _ matrix: UnsafeMutablePointer<Double>, _ rows: Int, _ columns: Int, _ turned: (Int) -> Void
  ) {
    for j in 0..<columns {
      var largest = 0.0
      for i in 0..<rows where abs(matrix[i * columns + j]) > abs(largest) {
        largest = matrix[i * columns + j]
      }
      if largest >= 0 { continue }
      for i in 0..<rows { matrix[i * columns + j] = -matrix[i * columns + j] }
      turned(j)
    }
  }

  private static func factor(
    _ matrix: UnsafeMutablePointer<Double>, _ n: Int, _ pivots: inout [Int32], _ number: String
  ) throws {
    var (size, lead, info) = (Int32(n), Int32(max(n, 1)), Int32(0))
    dgetrf_(&size, &size, matrix, &lead, &pivots, &info)
    if info > 0 { throw Failure(.numeric, "the matrix\(number) is singular: pivot \(info) is zero") }
  }

  private static func turned(_ matrix: Tensor) throws -> Tensor {
    try matrix.transposed(matrix.rank - 2, matrix.rank - 1)
  }

  private static func order(_ matrix: Tensor) throws -> Int {
    let n = matrix.shape[matrix.rank - 1]
    try checked([n])
    return n
  }

  /// LAPACK counts in 32 bits; half of the range is left for its workspaces.
  private static func checked(_ sizes: [Int]) throws {
    try Gemm.checkSizes(sizes.map { $0.multipliedReportingOverflow(by: 2).partialValue })
  }

  private static func refuseInfinite(_ matrix: Tensor) throws {
    var finite = true
    try Strided.rows(matrix.shape, matrix.strides, matrix.strides, matrix.strides) {
      start, _, _, count, steps in
      let from = matrix.pointer(Double.self) + start
      for i in 0..<count where !from[i * steps.0].isFinite { finite = false }
    }
    if !finite { throw Failure(.numeric, "the matrix has elements that are not finite") }
  }

  /// Elements of a matrix that LAPACK works on for more than some milliseconds.
  private static let largeSize = 1 << 16

  /// Calls `body` with each matrix of a row-major batch and a text that names it in errors.
  ///
  /// LAPACK cannot be stopped: a large matrix is left to a thread of its own, which goes on alone after Ctrl-C. `body` keeps
  /// everything alive that it works on.
  private static func each(
    _ batch: Tensor, _ size: Int, _ body: @escaping (UnsafeMutablePointer<Double>, String, Int) throws -> Void
  ) throws {
    try Gemm.reserveBLAS()
    let count = batch.shape.dropLast(2).reduce(1, *)
    try withExtendedLifetime(batch) {
      for index in 0..<count {
        if index & 63 == 63 { try Interrupt.check() }
        let matrix = batch.pointer(Double.self) + index * size
        let number = count > 1 ? " \(index + 1) of the batch" : ""
        if size < largeSize {
          try body(matrix, number, index)
        } else {
          try Detached.run { try withExtendedLifetime(batch) { try body(matrix, number, index) } }
        }
      }
    }
  }

  private static func each(
    _ batch: Tensor, _ size: Int, _ body: @escaping (UnsafeMutablePointer<Double>, String) throws -> Void
  ) throws {
    try each(batch, size) { matrix, number, _ in try body(matrix, number) }
  }

  /// Queries the size of the workspace (length −1), then runs the routine.
  private static func withWorkspace(_ routine: (UnsafeMutablePointer<Double>, inout Int32) -> Void) {
    var (answer, query) = (0.0, Int32(-1))
    routine(&answer, &query)
    var length = Int32(max(1, min(answer, Double(Int32.max))))
    var work = [Double](repeating: 0, count: Int(length))
    work.withUnsafeMutableBufferPointer { buffer in
      if let base = buffer.baseAddress { routine(base, &length) }
    }
  }
}
