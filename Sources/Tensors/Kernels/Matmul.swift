/// Matrix products with PyTorch's rules for ranks: vectors, matrices and broadcast batches.
///
/// Two-dimensional views that are row-major or the transpose of row-major are multiplied without a copy; a
/// batched left operand with one right matrix becomes a single tall product. `Gemm` computes products of
/// 32-bit floats, OpenBLAS those of 64-bit floats and all products with a vector.
import Base
import COpenBLAS

extension Tensor {
  /// The matrix product over the last dimension of this tensor and the last but one of `other`.
  ///
  ///     try a.matmul(b)   // [2, 3] x [3, 4] -> [2, 4]
  public func matmul(_ other: Tensor) throws -> Tensor {
    for (i, operand) in [self, other].enumerated() where operand.rank == 0 {
      throw Failure(.shape, "expected at least one dimension, got a scalar", argument: i + 1)
    }
    let common = DType.promote(dtype, other.dtype)
    let type = common == .bool ? .i64 : common
    let left = try (rank == 1 ? unsqueezed(0) : self).cast(to: type)
    let right = try (other.rank == 1 ? other.unsqueezed(1) : other).cast(to: type)
    if left.shape[left.rank - 1] != right.shape[right.rank - 2] {
      throw Failure(.shape, "inner sizes differ: \(shape) x \(other.shape)", argument: 2)
    }
    let product = try Product(left, right).run()
    var final = product.shape
    if other.rank == 1 { final.remove(at: final.count - 1) }
    if rank == 1 { final.remove(at: final.count - (other.rank == 1 ? 1 : 2)) }
    return try product.reshaped(final)
  }
}

/// One batched product of operands of at least two dimensions, equal inner sizes and one type.
private struct Product {
  let a: Tensor
  let b: Tensor
  let batch: Shape
  let (m, n, k): (Int, Int, Int)

  init(_ a: Tensor, _ b: Tensor) throws {
    self.a = a
    self.b = b
    (m, n, k) = (a.shape[a.rank - 2], b.shape[b.rank - 1], a.shape[a.rank - 1])
    let (x, y) = (Shape(known: a.shape.dropLast(2)), Shape(known: b.shape.dropLast(2)))
    do { batch = try Shape.broadcast(x, y) } catch let failure as Failure {
      throw Failure(failure.kind, "batch \(failure.message): \(a.shape) x \(b.shape)", argument: 2)
    }
  }

  func run() throws -> Tensor {
    let shape = try Shape(checked: Array(batch) + [m, n])
    if k == 0 || shape.elementCount == 0 { return try Tensor(zeros: shape, a.dtype) }
    if b.rank == 2 && a.rank > 2 {
      let tall = try a.reshaped([a.elementCount / k, k])
      return try Product(tall, b).run().reshaped(shape)
    }
    let result = try Tensor(uninitialized: shape, a.dtype)
    switch a.dtype {
    case .f32: try multiply(result, Float.self)
    case .f64: try multiply(result, Double.self)
    case .i64, .bool: try multiplyWhole(result)
    }
    return result
  }

  /// Multiply-adds between two checks for Ctrl-C: half a second.
  private static let checkInterval = 0x1p35

  private func multiply<T: MatrixScalar>(_ result: Tensor, _ type: T.Type) throws {
    let (left, right) = (try Operand(a), try Operand(b))
    try Gemm.checkSizes([m, n, k, left.lead, right.lead])
    if m == 1 || n == 1 || T.self == Double.self { try Gemm.reserveBLAS() }
    let c = result.pointer(T.self)
    let starts = try offsets(left.tensor, right.tensor)
    // Each small product of a batch runs on one thread; large ones are cut. Both ways give the same bits.
    let together = starts.count >= 4 || m * n * k < 1 << 16 ? max(1, (1 << 17) / (m * n * k)) : starts.count
    let body = { (i: Int) in
      let x = left.view(T.self, rows: m, columns: k, from: starts[i].0)
      let y = right.view(T.self, rows: k, columns: n, from: starts[i].1)
      let z = c + i * m * n
      if n == 1 {
        T.multiplyVector(x, y.pointer, y.rowStep, z)
      } else if m == 1 {
        T.multiplyVector(y.transposed, x.pointer, x.columnStep, z)
      } else {
        T.multiply(x, y, MutableMatrixView(z, rows: m, columns: n))
      }
    }
    try withExtendedLifetime((left.tensor, right.tensor)) {
      if m > 1 && n > 1 && Double(m) * Double(n) * Double(k) > 2 * Self.checkInterval {
        let rows = max(336, Int(Self.checkInterval / Double(n) / Double(k)))
        for (i, start) in starts.enumerated() {
          for row in Swift.stride(from: 0, to: m, by: rows) {
            try Interrupt.check()
            let count = min(rows, m - row)
            T.multiply(
              left.view(T.self, rows: m, columns: k, from: start.0).rows(from: row, count: count),
              right.view(T.self, rows: k, columns: n, from: start.1),
              MutableMatrixView(c + (i * m + row) * n, rows: count, columns: n))
          }
        }
      } else if together >= starts.count {
        for i in 0..<starts.count { body(i) }
      } else {
        Parallel.ranges(starts.count, grain: together) { range in for i in range { body(i) } }
      }
    }
  }

  /// The element at which each matrix of the batch starts, in both operands.
  private func offsets(_ a: Tensor, _ b: Tensor) throws -> [(Int, Int)] {
    var (x, y) = (batch, batch)
    for i in 0..<batch.count {
      x[i] = stride(a, i)
      y[i] = stride(b, i)
    }
    var starts: [(Int, Int)] = []
    starts.reserveCapacity(batch.elementCount)
    try Strided.rows(batch, x, y, y) { p, q, _, count, steps in
      for i in 0..<count { starts.append((p + i * steps.0, q + i * steps.1)) }
    }
    return starts
  }

  private func stride(_ operand: Tensor, _ dimension: Int) -> Int {
    let own = dimension - (batch.count - (operand.rank - 2))
    return own >= 0 && operand.shape[own] > 1 ? operand.strides[own] : 0
  }

  /// Whole numbers wrap around, as 64-bit arithmetic in Lua does.
  private func multiplyWhole(_ result: Tensor) throws {
    let (p, q, c) = (a.pointer(Int64.self), b.pointer(Int64.self), result.pointer(Int64.self))
    let (ra, ca) = (a.strides[a.rank - 2], a.strides[a.rank - 1])
    let (rb, cb) = (b.strides[b.rank - 2], b.strides[b.rank - 1])
    for (index, start) in try offsets(a, b).enumerated() {
      for i in 0..<m {
        let row = c + (index * m + i) * n
        row.update(repeating: 0, count: n)
        for l in 0..<k {
          if l & 63 == 0 { try Parallel.checkIfCut() }
          let x = p[start.0 + i * ra + l * ca]
          let y = q + start.1 + l * rb
          for j in 0..<n { row[j] &+= x &* y[j * cb] }
        }
      }
    }
  }
}

/// A tensor whose last two dimensions are row-major or the transpose of row-major; a copy of any other
/// tensor.
private struct Operand {
  let tensor: Tensor
  let transposed: Bool
  let lead: Int

  init(_ tensor: Tensor) throws {
    let (rows, columns) = (tensor.shape[tensor.rank - 2], tensor.shape[tensor.rank - 1])
    let (down, along) = (tensor.strides[tensor.rank - 2], tensor.strides[tensor.rank - 1])
    if (along == 1 || columns == 1) && (down >= columns || rows == 1) {
      self.tensor = tensor
      transposed = false
      lead = rows == 1 ? max(columns, 1) : down
    } else if (down == 1 || rows == 1) && (along >= rows || columns == 1) {
      self.tensor = tensor
      transposed = true
      lead = columns == 1 ? max(rows, 1) : along
    } else {
      self.tensor = try tensor.copied()
      transposed = false
      lead = max(columns, 1)
    }
  }

  /// The matrix of the batch that starts at element `start`.
  @inline(__always)
  func view<T: TensorScalar>(_ type: T.Type, rows: Int, columns: Int, from start: Int) -> MatrixView<T> {
    MatrixView(
      tensor.pointer(T.self) + start, rows: rows, columns: columns, lead: lead, isTransposed: transposed)
  }
}

/// The two types whose products have fast kernels.
private protocol MatrixScalar: TensorScalar {
  /// C = A B.
  static func multiply(_ a: MatrixView<Self>, _ b: MatrixView<Self>, _ c: MutableMatrixView<Self>)

  /// c = A x by BLAS. The elements of x are `step` apart.
  static func gemv(
    _ a: MatrixView<Self>, _ x: UnsafePointer<Self>, _ step: Int, _ c: UnsafeMutablePointer<Self>)
}

/// The arguments that cblas_sgemv and cblas_dgemv need of a matrix.
extension MatrixView {
  fileprivate var order: CBLAS_TRANSPOSE { isTransposed ? CblasTrans : CblasNoTrans }
  fileprivate var storedRows: Int32 { Int32(isTransposed ? columns : rows) }
  fileprivate var storedColumns: Int32 { Int32(isTransposed ? rows : columns) }
}

extension MatrixScalar {
  /// c = A x. Rows are cut by size alone, each piece about 64 thousand multiply-adds.
  fileprivate static func multiplyVector(
    _ a: MatrixView<Self>, _ x: UnsafePointer<Self>, _ step: Int, _ c: UnsafeMutablePointer<Self>
  ) {
    Parallel.ranges(a.rows, grain: max(64, (1 << 16) / max(a.columns, 1) / 8 * 8)) { range in
      gemv(a.rows(from: range.lowerBound, count: range.count), x, step, c + range.lowerBound)
    }
  }
}

extension Float: MatrixScalar {
  fileprivate static func multiply(
    _ a: MatrixView<Float>, _ b: MatrixView<Float>, _ c: MutableMatrixView<Float>
  ) { Gemm.run(a, b, into: c) }

  fileprivate static func gemv(
    _ a: MatrixView<Float>, _ x: UnsafePointer<Float>, _ step: Int, _ c: UnsafeMutablePointer<Float>
  ) {
    cblas_sgemv(
      CblasRowMajor, a.order, a.storedRows, a.storedColumns, 1, a.pointer, Int32(a.lead), x, Int32(step), 0,
      c, 1)
  }
}

extension Double: MatrixScalar {
  fileprivate static func multiply(
    _ a: MatrixView<Double>, _ b: MatrixView<Double>, _ c: MutableMatrixView<Double>
  ) { Gemm.run(a, b, into: c) }

  fileprivate static func gemv(
    _ a: MatrixView<Double>, _ x: UnsafePointer<Double>, _ step: Int, _ c: UnsafeMutablePointer<Double>
  ) {
    cblas_dgemv(
      CblasRowMajor, a.order, a.storedRows, a.storedColumns, 1, a.pointer, Int32(a.lead), x, Int32(step), 0,
      c, 1)
  }
}
