/// Factorisations of matrices, with gradients.
///
/// Seeger and others, "Auto-Differentiating Linear Algebra", 2017, arXiv:1710.08717, sections 3 and 4;
/// Townsend, "Differentiating the Singular Value Decomposition", 2016.
import Base
import Tensors

extension Op {
  /// A Aᵀ plus the identity: symmetric and positive definite.
  private static func positive(_ random: inout Samples, _ shape: Shape) throws -> Tensor {
    let a = try random.normal(shape)
    return try a.matmul(try a.adjoint()).matrixZip(try Tensor.eye(shape[shape.count - 1], nil, .f64)) {
      $0 + $1
    }
  }

  public static let cholesky = Op(
    "cholesky", group: "linear algebra",
    summary:
      "The lower triangular factor of a symmetric positive definite matrix, of which the symmetric part is taken.",
    formula: "result · resultᵀ = (self + selfᵀ) / 2",
    shapes: "self [..., n, n]; the result has the same shape",
    parameters: [matrix],
    example: Example("print(T{{4, 0}, {0, 9}}:cholesky())", prints: "[[2, 0],\n [0, 3]]\n[Tensor f32 2x2]"),
    forward: { context in
      let l = try Linalg.cholesky(try matrices(context).symmetrised())
      if context.needsAny { context.saved = [l] }
      return [try l.cast(to: context[0].dtype)]
    },
    backward: { context, _, gradients in
      guard let g = try gradients[0]?.cast(to: .f64) else { return [nil] }
      let l = context.saved[0]
      // L⁻ᵀ Φ(Lᵀ g) L⁻¹, where Φ is the lower triangle with half the diagonal.
      let inner = try halved(try l.adjoint().matmul(try triangle(g, 0, upper: false)))
      let left = try Linalg.solveTriangular(l, inner, upper: false, transposed: true)
      let both = try Linalg.solveTriangular(l, try left.adjoint(), upper: false, transposed: true)
      return [try both.symmetrised().cast(to: context[0].dtype)]
    },
    samples: { random in
      [
        Sample([try positive(&random, [3, 3])]), Sample([try positive(&random, [2, 2, 2]).transposed(1, 2)]),
        Sample([try random.normal([0, 0])]), Sample([try positive(&random, [1, 1])]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor([1, 2, 2, 1] as [Float], shape: [2, 2])],
          words: "the matrix is not positive definite: its leading minor of order 2 is not"),
        Refusal([try Tensor(zeros: [2, 3], .f32)], words: "expected square matrices, got 2x3"),
      ]
    })

  /// The lower triangle with half the diagonal.
  private static func halved(_ a: Tensor) throws -> Tensor {
    let result = try triangle(a, 0, upper: false)
    let main = result.diagonalView(0, result.rank - 2, result.rank - 1)
    if main.elementCount > 0 { try Strided.map(main, main) { (x: Double) in x / 2 } }
    return result
  }

  public static let qr = Op(
    "qr", group: "linear algebra",
    summary: "Orthonormal columns and an upper triangular matrix (the reduced form).",
    formula: "Q R = self, Qᵀ Q = 1", shapes: "self [..., m, n]; Q [..., m, k], R [..., k, n], k = min(m, n)",
    parameters: [matrix],
    example: Example(
      "print((select(2, T{{2, 0}, {0, 3}}:qr())))", prints: "[[2, 0],\n [0, 3]]\n[Tensor f32 2x2]"),
    forward: { context in
      let (q, r) = try Linalg.qr(try matrices(context, square: false))
      if context.needsAny { context.saved = [q, r] }
      return [try q.cast(to: context[0].dtype), try r.cast(to: context[0].dtype)]
    },
    backward: { context, _, gradients in
      let (q, r) = (context.saved[0], context.saved[1])
      let gq = try gradients[0]?.cast(to: .f64) ?? Tensor(zeros: q.shape, .f64)
      let gr = try triangle(try gradients[1]?.cast(to: .f64) ?? Tensor(zeros: r.shape, .f64), 0, upper: true)
      return [try qrGradient(try matrices(context, square: false), q, r, gq, gr).cast(to: context[0].dtype)]
    },
    samples: { random in
      [
        Sample([try regular(&random, [3, 3])]), Sample([try random.normal([4, 2])]),
        Sample([try random.normal([2, 2, 4]).transposed(1, 2)]), Sample([try random.normal([2, 4])]),
        Sample([try random.normal([0, 2])]), Sample([try random.normal([1, 1])]),
      ]
    },
    refusals: { [Refusal([try Tensor(zeros: [3], .f32)], words: "expected matrices, got 3")] })

  /// (gQ + Q sym(M)) R⁻ᵀ with M = R gRᵀ − gQᵀ Q. A wide matrix [X Y] has Q R = X and Y adds Y gVᵀ to gQ.
  private static func qrGradient(_ a: Tensor, _ q: Tensor, _ r: Tensor, _ gq: Tensor, _ gr: Tensor) throws
    -> Tensor
  {
    let (m, n) = (a.shape[a.rank - 2], a.shape[a.rank - 1])
    if m < n {
      let last = a.rank - 1
      func part(_ t: Tensor, _ left: Bool) throws -> Tensor {
        try t.narrowed(last, from: left ? 0 : m, length: left ? m : n - m)
      }
      let gv = try part(gr, false)
      let wider = try gq.adding(try part(a, false).matmul(try gv.adjoint()))
      let gx = try qrGradient(try part(a, true), q, try part(r, true), wider, try part(gr, true))
      let result = try Tensor(uninitialized: a.shape, .f64)
      try Strided.copy(from: gx, to: try part(result, true))
      try Strided.copy(from: try q.matmul(gv), to: try part(result, false))
      return result
    }
    let inner = try r.matmul(try gr.adjoint()).matrixZip(try gq.adjoint().matmul(q)) { $0 - $1 }
    let lower = try halved(inner)
    let symmetric = try lower.adding(try lower.adjoint())
    let sum = try gq.adding(try q.matmul(symmetric))
    return try Linalg.solveTriangular(r, try sum.adjoint(), upper: true).adjoint()
  }

  public static let svd = Op(
    "svd", group: "linear algebra",
    summary:
      "Singular values in descending order, with their vectors (the thin form; the third result is already transposed). "
      + "The largest component of each column of U is positive.",
    formula: "U diag(S) Vᵀ = self",
    shapes: "self [..., m, n]; U [..., m, k], S [..., k], Vᵀ [..., k, n], k = min(m, n)",
    parameters: [matrix],
    example: Example("print((select(2, T{{3, 0}, {0, 4}}:svd())))", prints: "[4, 3]\n[Tensor f32 2]"),
    forward: { context in
      let (u, s, vt) = try Linalg.svd(try matrices(context, square: false))
      if context.needsAny { context.saved = [u, s, vt] }
      return try [u, s, vt].map { try $0.cast(to: context[0].dtype) }
    },
    backward: { context, _, gradients in
      let g = try gradients.map { try $0?.cast(to: .f64) }
      return [
        try svdGradient(context.saved[0], context.saved[1], context.saved[2], g[0], g[1], g[2]).cast(
          to: context[0].dtype)
      ]
    },
    samples: { random in
      [
        Sample([try random.normal([3, 3])]), Sample([try random.normal([4, 2])]),
        Sample([try random.normal([2, 2, 4])]), Sample([try random.normal([2, 4]).transposed(0, 1)]),
        Sample([try random.normal([0, 2])]), Sample([try random.normal([1, 1])]),
      ]
    },
    refusals: {
      [
        Refusal([try Tensor(zeros: [3], .f32)], words: "expected matrices, got 3"),
        Refusal([try Tensor.full([2, 2], .nan)], words: "elements that are not finite"),
      ]
    })

  private static func svdGradient(
    _ u: Tensor, _ s: Tensor, _ vt: Tensor, _ gu: Tensor?, _ gs: Tensor?, _ gvt: Tensor?
  ) throws -> Tensor {
    let v = try vt.adjoint()
    let inverse = try s.matrixMap { 1 / $0 }
    let gaps = try s.pairs { 1 / ($1 * $1 - $0 * $0) }
    // In the basis of the singular vectors, then the parts of gU and gV outside them.
    var inner = try Tensor(zeros: gaps.shape, .f64)
    if let gs {
      let main = inner.diagonalView(0, inner.rank - 2, inner.rank - 1)
      try Strided.copy(from: gs, to: main)
    }
    if let gu {
      let turned = try u.adjoint().matmul(gu).skewed().matrixScaled(gaps)
      inner = try inner.adding(try turned.matrixScaled(try s.asRow()))
    }
    if let gvt {
      let turned = try vt.matmul(try gvt.adjoint()).skewed().matrixScaled(gaps)
      inner = try inner.adding(try turned.matrixScaled(try s.asColumn()))
    }
    var result = try u.matmul(inner).matmul(vt)
    if let gu {
      let outside = try gu.matrixZip(try u.matmul(try u.adjoint().matmul(gu))) { $0 - $1 }
      result = try result.adding(try outside.matrixScaled(try inverse.asRow()).matmul(vt))
    }
    if let gvt {
      let outside = try gvt.matrixZip(try gvt.matmul(v).matmul(vt)) { $0 - $1 }
      result = try result.adding(try u.matmul(try outside.matrixScaled(try inverse.asColumn())))
    }
    return result
  }

  public static let eigh = Op(
    "eigh", group: "linear algebra",
    summary:
      "Eigenvalues in ascending order and eigenvectors, as columns, of a symmetric matrix, of which the symmetric part is "
      + "taken. The largest component of each eigenvector is positive.",
    formula: "V diag(w) Vᵀ = (self + selfᵀ) / 2", shapes: "self [..., n, n]; w [..., n], V [..., n, n]",
    parameters: [matrix],
    example: Example("print((T{{3, 0}, {0, 2}}:eigh()))", prints: "[2, 3]\n[Tensor f32 2]"),
    forward: { context in
      let (w, v) = try Linalg.eigh(try matrices(context).symmetrised())
      if context.needsAny { context.saved = [w, v] }
      return [try w.cast(to: context[0].dtype), try v.cast(to: context[0].dtype)]
    },
    backward: { context, _, gradients in
      let (w, v) = (context.saved[0], context.saved[1])
      var inner = try Tensor(zeros: v.shape, .f64)
      if let gw = try gradients[0]?.cast(to: .f64) {
        let main = inner.diagonalView(0, inner.rank - 2, inner.rank - 1)
        try Strided.copy(from: gw, to: main)
      }
      if let gv = try gradients[1]?.cast(to: .f64) {
        inner = try inner.adding(try v.adjoint().matmul(gv).matrixScaled(try w.pairs { 1 / ($1 - $0) }))
      }
      return [try v.matmul(inner).matmul(try v.adjoint()).symmetrised().cast(to: context[0].dtype)]
    },
    samples: { random in
      [
        Sample([try random.normal([3, 3])]), Sample([try random.normal([2, 2, 2]).transposed(1, 2)]),
        Sample([try random.normal([0, 0])]), Sample([try random.normal([1, 1])]),
      ]
    },
    refusals: {
      [
        Refusal([try Tensor(zeros: [2, 3], .f32)], words: "expected square matrices, got 2x3"),
        Refusal([try Tensor.full([2, 2], .infinity)], words: "elements that are not finite"),
      ]
    })
}
