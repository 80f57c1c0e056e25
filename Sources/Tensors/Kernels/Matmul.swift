/// Matrix products with PyTorch's rules for ranks: vectors, matrices and broadcast batches.
///
/// Two-dimensional views that are row-major or its transpose are multiplied as they are, without a copy; a batched left
/// operand with one right matrix becomes a single tall product. Products of 32-bit floats are our own (Gemm.swift), those
/// of 64-bit floats and all products with a vector OpenBLAS's.
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

  /// Multiply-adds between two looks at Ctrl-C, where a product is so large that one would wait for it: half a second.
  private static let breath = 0x1p35

  private func multiply<T: MatrixScalar>(_ result: Tensor, _ type: T.Type) throws {
    let (left, right) = (try Operand(a), try Operand(b))
    try Gemm.checkSizes([m, n, k, left.lead, right.lead])
    let (p, q, c) = (left.tensor.pointer(T.self), right.tensor.pointer(T.self), result.pointer(T.self))
    let starts = offsets(left.tensor, right.tensor)
    // Small products of a batch are handed out whole; large ones are cut inside. Both ways give the same bits.
    let together = starts.count >= 4 || m * n * k < 1 << 16 ? max(1, (1 << 17) / (m * n * k)) : starts.count
    let body = { (i: Int) in
      let (x, y, z) = (p + starts[i].0, q + starts[i].1, c + i * m * n)
      if n == 1 {
        T.multiplyVector(left.transposed, m, k, x, left.lead, y, right.transposed ? 1 : right.lead, z)
      } else if m == 1 {
        T.multiplyVector(!right.transposed, n, k, y, right.lead, x, left.transposed ? left.lead : 1, z)
      } else {
        T.multiply(left.transposed, right.transposed, m, n, k, x, left.lead, y, right.lead, z, n)
      }
    }
    try withExtendedLifetime((left.tensor, right.tensor)) {
      if m > 1 && n > 1 && Double(m) * Double(n) * Double(k) > 2 * Self.breath {
        let rows = max(336, Int(Self.breath / Double(n) / Double(k)))
        for (i, start) in starts.enumerated() {
          for row in Swift.stride(from: 0, to: m, by: rows) {
            try Interrupt.check()
            T.multiply(
              left.transposed, right.transposed, min(rows, m - row), n, k,
              p + start.0 + row * (left.transposed ? 1 : left.lead), left.lead, q + start.1, right.lead,
              c + (i * m + row) * n, n)
          }
        }
      } else if together >= starts.count {
        for i in 0..<starts.count { body(i) }
      } else {
        Parallel.ranges(starts.count, grain: together) { range in for i in range { body(i) } }
      }
    }
  }

  /// Where each matrix of the batch starts in either operand.
  private func offsets(_ a: Tensor, _ b: Tensor) -> [(Int, Int)] {
    var (x, y) = (batch, batch)
    for i in 0..<batch.count {
      x[i] = stride(a, i)
      y[i] = stride(b, i)
    }
    var starts: [(Int, Int)] = []
    starts.reserveCapacity(batch.elementCount)
    Strided.rows(batch, x, y, y) { p, q, _, count, steps in
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
    for (index, start) in offsets(a, b).enumerated() {
      for i in 0..<m {
        let row = c + (index * m + i) * n
        row.update(repeating: 0, count: n)
        for l in 0..<k {
          let x = p[start.0 + i * ra + l * ca]
          let y = q + start.1 + l * rb
          for j in 0..<n { row[j] &+= x &* y[j * cb] }
        }
      }
    }
  }
}

/// The last two dimensions as a product wants them: row-major, or row-major of the transpose, `lead` elements apart.
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
}

/// The two types whose products have fast kernels.
private protocol MatrixScalar: TensorScalar {
  /// C = op(A) op(B); the arguments are those of `Gemm.run`.
  static func multiply(
    _ transA: Bool, _ transB: Bool, _ m: Int, _ n: Int, _ k: Int, _ a: UnsafePointer<Self>, _ lda: Int,
    _ b: UnsafePointer<Self>, _ ldb: Int, _ c: UnsafeMutablePointer<Self>, _ ldc: Int)

  /// BLAS's product of a stored [height, width], or its transpose, with a vector whose elements are `step` apart.
  static func gemv(
    _ trans: CBLAS_TRANSPOSE, _ height: Int32, _ width: Int32, _ a: UnsafePointer<Self>, _ lda: Int32,
    _ x: UnsafePointer<Self>, _ step: Int32, _ c: UnsafeMutablePointer<Self>)
}

extension MatrixScalar {
  /// c = A x for `rows` rows of `columns`; A is stored transposed where `trans`. Rows are cut by size alone, each piece
  /// about 64 thousand multiply-adds.
  fileprivate static func multiplyVector(
    _ trans: Bool, _ rows: Int, _ columns: Int, _ a: UnsafePointer<Self>, _ lda: Int,
    _ x: UnsafePointer<Self>,
    _ step: Int, _ c: UnsafeMutablePointer<Self>
  ) {
    _ = Gemm.singleThreaded
    Parallel.ranges(rows, grain: max(64, (1 << 16) / max(columns, 1) / 8 * 8)) { range in
      let start = a + (trans ? range.lowerBound : range.lowerBound * lda)
      let (height, width) = trans ? (columns, range.count) : (range.count, columns)
      gemv(
        trans ? CblasTrans : CblasNoTrans, Int32(height), Int32(width), start, Int32(lda), x, Int32(step),
        c + range.lowerBound)
    }
  }
}

extension Float: MatrixScalar {
  fileprivate static func multiply(
    _ transA: Bool, _ transB: Bool, _ m: Int, _ n: Int, _ k: Int, _ a: UnsafePointer<Float>, _ lda: Int,
    _ b: UnsafePointer<Float>, _ ldb: Int, _ c: UnsafeMutablePointer<Float>, _ ldc: Int
  ) { Gemm.run(transA, transB, m, n, k, 1, a, lda, b, ldb, 0, c, ldc) }

  fileprivate static func gemv(
    _ trans: CBLAS_TRANSPOSE, _ height: Int32, _ width: Int32, _ a: UnsafePointer<Float>, _ lda: Int32,
    _ x: UnsafePointer<Float>, _ step: Int32, _ c: UnsafeMutablePointer<Float>
  ) { cblas_sgemv(CblasRowMajor, trans, height, width, 1, a, lda, x, step, 0, c, 1) }
}

extension Double: MatrixScalar {
  fileprivate static func multiply(
    _ transA: Bool, _ transB: Bool, _ m: Int, _ n: Int, _ k: Int, _ a: UnsafePointer<Double>, _ lda: Int,
    _ b: UnsafePointer<Double>, _ ldb: Int, _ c: UnsafeMutablePointer<Double>, _ ldc: Int
  ) { Gemm.run(transA, transB, m, n, k, 1, a, lda, b, ldb, 0, c, ldc) }

  fileprivate static func gemv(
    _ trans: CBLAS_TRANSPOSE, _ height: Int32, _ width: Int32, _ a: UnsafePointer<Double>, _ lda: Int32,
    _ x: UnsafePointer<Double>, _ step: Int32, _ c: UnsafeMutablePointer<Double>
  ) { cblas_dgemv(CblasRowMajor, trans, height, width, 1, a, lda, x, step, 0, c, 1) }
}
