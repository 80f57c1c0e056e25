/// Linear systems, inverses and determinants.
///
/// Everything is computed in f64, gradients too, and rounded once to the type of the arguments.
import Base
import Tensors

extension Op {
  static let linearAlgebra: [Op] = [
    cholesky, qr, svd, eigh, solve, solveTriangular, inverse, det, slogdet, logdet, trace, tril, triu, diag,
  ]

  static let matrix = Parameter("self", .tensor, "a matrix, or a batch of matrices")

  /// Argument `i` as f64 matrices.
  static func matrices(_ context: OpContext, _ i: Int = 0, square: Bool = true) throws -> Tensor {
    let given = context[i]
    if !given.dtype.isFloating {
      throw Failure(.dtype, "expected f32 or f64, got \(given.dtype.rawValue)", argument: i + 1)
    }
    if given.rank < 2 || (square && given.shape[given.rank - 1] != given.shape[given.rank - 2]) {
      throw Failure(
        .shape, "expected \(square ? "square matrices" : "matrices"), got \(given.shape)", argument: i + 1)
    }
    return try given.cast(to: .f64)
  }

  private static let squareRefusals: () throws -> [Refusal] = {
    [
      Refusal([try Tensor(zeros: [2, 3], .f32)], words: "expected square matrices, got 2x3"),
      Refusal([try Tensor(zeros: [3], .f32)], words: "expected square matrices, got 3"),
      Refusal([try Tensor(zeros: [2, 2], .i64)], words: "expected f32 or f64, got i64"),
    ]
  }

  /// Well-conditioned matrices: noise around twice the identity.
  static func regular(_ random: inout Samples, _ shape: Shape) throws -> Tensor {
    let noise = try random.normal(shape, scale: 0.3)
    return try noise.matrixZip(try Tensor.eye(shape[shape.count - 1], nil, .f64)) { $0 + 2 * $1 }
  }

  // MARK: Systems

  public static let solve = Op(
    "solve", group: "linear algebra",
    summary: "The solution of a linear system.",
    formula: "self · result = other",
    shapes:
      "self [..., n, n], other [..., n, k] or [..., n]; the result has the shape of other, batches broadcast",
    parameters: [matrix, Parameter("other", .tensor, "the right side: a vector or a matrix of columns")],
    example: Example("print(T{{2, 0}, {0, 4}}:solve(T{2, 4}))", prints: "[1, 1]\n[Tensor f32 2]"),
    forward: { context in
      let (a, b, isVector) = try system(context)
      let x = try Linalg.solve(a, b)
      if context.needsAny { context.saved = [a, x] }
      return [try finished(x, context, isVector)]
    },
    backward: { context, _, gradients in
      guard let g = gradients[0] else { return [nil, nil] }
      let wide = try sideGradient(g, context)
      let gb = try Linalg.solve(context.saved[0], wide, transposed: true)
      return try systemGradients(context, gb) { $0 }
    },
    samples: { random in
      [
        Sample([try regular(&random, [3, 3]), try random.normal([3])]),
        Sample([try regular(&random, [3, 3]).transposed(0, 1), try random.normal([2, 3]).transposed(0, 1)]),
        Sample([try regular(&random, [2, 2, 2]), try random.normal([2, 2])]),
        Sample([try regular(&random, [2, 2]), try random.normal([3, 2, 1])]),
        Sample([try regular(&random, [1, 1]), try random.normal([1, 1])]),
        Sample([try random.normal([0, 0]), try random.normal([0, 2])]),
        Sample([try random.normal([0, 2, 2]), try random.normal([0, 2, 1])]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor(zeros: [2, 2], .f32), try Tensor(zeros: [2], .f32)], words: "the matrix is singular"),
        Refusal([try Tensor.eye(2), try Tensor(zeros: [3], .f32)], words: "sizes differ: 2x2 x 3"),
        Refusal(
          [try Tensor(zeros: [2, 3], .f32), try Tensor(zeros: [3], .f32)],
          words: "expected square matrices, got 2x3"),
      ]
    })

  public static let solveTriangular = Op(
    "solve_triangular", group: "linear algebra",
    summary: "The solution of a linear system whose matrix is triangular; its other triangle is not read.",
    formula: "triangle(self) · result = other",
    shapes:
      "self [..., n, n], other [..., n, k] or [..., n]; the result has the shape of other, batches broadcast",
    parameters: [
      matrix, Parameter("other", .tensor, "the right side: a vector or a matrix of columns"),
      Parameter("upper", .flag(default: false), "read the upper triangle, not the lower"),
    ],
    example: Example("print(T{{2, 0}, {0, 4}}:solve_triangular(T{2, 4}))", prints: "[1, 1]\n[Tensor f32 2]"),
    forward: { context in
      let (a, b, isVector) = try system(context)
      let x = try Linalg.solveTriangular(a, b, upper: context.flag("upper"))
      if context.needsAny { context.saved = [a, x] }
      return [try finished(x, context, isVector)]
    },
    backward: { context, _, gradients in
      guard let g = gradients[0] else { return [nil, nil] }
      let upper = context.flag("upper")
      let gb = try Linalg.solveTriangular(
        context.saved[0], try sideGradient(g, context), upper: upper, transposed: true)
      return try systemGradients(context, gb) { try triangle($0, 0, upper: upper) }
    },
    samples: { random in
      [
        Sample([try regular(&random, [3, 3]), try random.normal([3])], [.flag(false)]),
        Sample([try regular(&random, [3, 3]).transposed(0, 1), try random.normal([3, 2])], [.flag(true)]),
        Sample([try regular(&random, [2, 2, 2]), try random.normal([2, 3])], [.flag(true)]),
        Sample([try random.normal([0, 0]), try random.normal([0])], [.flag(false)]),
        Sample([try regular(&random, [1, 1]), try random.normal([1])], [.flag(false)]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor([1, 0, 0, 0] as [Float], shape: [2, 2]), try Tensor(zeros: [2], .f32)], [.flag(false)],
          words: "the matrix is singular: element 2 of its diagonal is zero"),
        Refusal(
          [try Tensor.eye(2), try Tensor(zeros: [3, 1], .f32)], [.flag(false)],
          words: "sizes differ: 2x2 x 3x1"),
      ]
    })

  private static func isVector(_ context: OpContext) -> Bool {
    let (a, b) = (context[0].shape, context[1].shape)
    return b.count == 1 || (b.count == a.count - 1 && Array(b) == Array(a.dropLast()))
  }

  /// Both sides in f64 and a common batch shape.
  private static func system(_ context: OpContext) throws -> (Tensor, Tensor, Bool) {
    let a = try matrices(context)
    if context[1].rank == 0 || !context[1].dtype.isFloating {
      throw Failure(
        .shape,
        "expected vectors or matrices of f32 or f64, got \(context[1].dtype.rawValue) \(context[1].shape)",
        argument: 2)
    }
    let isVector = isVector(context)
    let b = try isVector ? context[1].unsqueezed(context[1].rank) : context[1]
    if b.shape[b.rank - 2] != a.shape[a.rank - 1] {
      throw Failure(.shape, "sizes differ: \(context[0].shape) x \(context[1].shape)", argument: 2)
    }
    let batch = try Shape.broadcast(Shape(known: a.shape.dropLast(2)), Shape(known: b.shape.dropLast(2)))
    let left = try Shape(checked: Array(batch) + a.shape.suffix(2))
    let right = try Shape(checked: Array(batch) + b.shape.suffix(2))
    return (try a.expanded(to: left), try b.cast(to: .f64).expanded(to: right), isVector)
  }

  private static func finished(_ x: Tensor, _ context: OpContext, _ isVector: Bool) throws -> Tensor {
    let type = DType.promote(context[0].dtype, context[1].dtype)
    return try (isVector ? x.selected(x.rank - 1, 0) : x).cast(to: type)
  }

  private static func sideGradient(_ g: Tensor, _ context: OpContext) throws -> Tensor {
    try (isVector(context) ? g.unsqueezed(g.rank) : g).cast(to: .f64)
  }

  /// The gradient of the matrix: minus the product of the right side's gradient and the solution.
  private static func systemGradients(_ context: OpContext, _ gb: Tensor, _ masked: (Tensor) throws -> Tensor)
    throws
    -> [Tensor?]
  {
    var results: [Tensor?] = [nil, nil]
    if context.needs[0] {
      let ga = try masked(try gb.matmul(try context.saved[1].adjoint()).matrixMap { -$0 })
      results[0] = try ga.summed(to: context[0].shape).cast(to: context[0].dtype)
    }
    if context.needs[1] {
      let flat = isVector(context) ? try gb.selected(gb.rank - 1, 0) : gb
      results[1] = try flat.summed(to: context[1].shape).cast(to: context[1].dtype)
    }
    return results
  }

  public static let inverse = Op(
    "inverse", group: "linear algebra",
    summary: "The inverse of a square matrix. To solve a system, solve is faster and more exact.",
    formula: "self · result = 1", shapes: "self [..., n, n]; the result has the same shape",
    parameters: [matrix],
    example: Example(
      "print(T{{2, 1}, {1, 1}}:inverse())", prints: "[[ 1, -1],\n [-1,  2]]\n[Tensor f32 2x2]"),
    forward: { context in
      let x = try Linalg.inverse(try matrices(context))
      if context.needsAny { context.saved = [x] }
      return [try x.cast(to: context[0].dtype)]
    },
    backward: { context, _, gradients in
      guard let g = try gradients[0]?.cast(to: .f64) else { return [nil] }
      let turned = try context.saved[0].adjoint()
      return [try turned.matmul(g).matmul(turned).matrixMap { -$0 }.cast(to: context[0].dtype)]
    },
    samples: { random in
      [
        Sample([try regular(&random, [3, 3])]), Sample([try regular(&random, [2, 3, 3]).transposed(1, 2)]),
        Sample([try random.normal([0, 0])]), Sample([try regular(&random, [1, 1])]),
      ]
    },
    refusals: {
      try squareRefusals() + [
        Refusal([try Tensor(zeros: [2, 2, 2], .f32)], words: "the matrix 1 of the batch is singular")
      ]
    })

  // MARK: Determinants

  public static let det = Op(
    "det", group: "linear algebra",
    summary: "The determinant.",
    formula: "result = Π of the eigenvalues", shapes: "self [..., n, n]; the result is [...]",
    parameters: [matrix],
    example: Example("print(T{{2, 0}, {0, 4}}:det():item())", prints: "8.0"),
    forward: { context in
      let (sign, log) = try Linalg.logDeterminant(try matrices(context))
      let result = try Tensor(uninitialized: sign.shape, .f64)
      try Strided.zip(sign, log, result) { (s: Double, l: Double) in s == 0 ? 0 : s * Libm.exp(l) }
      return [try result.cast(to: context[0].dtype)]
    },
    backward: { context, _, gradients in
      guard let g = try gradients[0]?.cast(to: .f64) else { return [nil] }
      let cofactors = try cofactors(try matrices(context))
      return [
        try g.unsqueezed(g.rank).unsqueezed(g.rank + 1).matrixScaled(cofactors).cast(to: context[0].dtype)
      ]
    },
    samples: { random in
      [
        Sample([try random.normal([3, 3])]), Sample([try random.normal([2, 2, 2]).transposed(1, 2)]),
        Sample([try Tensor([1, 2, 2, 4] as [Double], shape: [2, 2])]), Sample([try random.normal([0, 0])]),
        Sample([try random.normal([1, 1])]), Sample([try random.normal([0, 2, 2])]),
      ]
    }, refusals: squareRefusals)

  /// The derivative of the determinant by each element, from the singular values, so that it exists for
  /// singular matrices too: det(U) det(Vᵀ) U diag(products of the other singular values) Vᵀ.
  private static func cofactors(_ a: Tensor) throws -> Tensor {
    let (u, s, vt) = try Linalg.svd(a)
    let n = a.shape[a.rank - 1]
    let others = try Tensor(uninitialized: s.shape, .f64)
    let (from, to) = (s.pointer(Double.self), others.pointer(Double.self))
    withExtendedLifetime(s) {
      for i in 0..<s.elementCount {
        let line = i / n * n
        to[i] = (line..<line + n).reduce(1) { $1 == i ? $0 : $0 * from[$1] }
      }
    }
    let signs = try Linalg.logDeterminant(u).sign.matrixScaled(try Linalg.logDeterminant(vt).sign)
    let turned = try u.matrixScaled(try others.unsqueezed(others.rank - 1)).matmul(vt)
    return try turned.matrixScaled(try signs.unsqueezed(signs.rank).unsqueezed(signs.rank + 1))
  }

  public static let slogdet = Op(
    "slogdet", group: "linear algebra",
    summary: "The sign of the determinant and the logarithm of its absolute value, which does not overflow.",
    formula: "det(self) = sign · e^log", shapes: "self [..., n, n]; both results are [...]",
    parameters: [matrix],
    example: Example("print((T{{2, 0}, {0, -4}}:slogdet()):item())", prints: "-1.0"),
    forward: { context in
      let (sign, log) = try Linalg.logDeterminant(try matrices(context))
      return [try sign.cast(to: context[0].dtype), try log.cast(to: context[0].dtype)]
    },
    backward: { context, _, gradients in [try gradients[1].map { try logGradient(context, $0) }] },
    samples: { random in
      [
        Sample([try regular(&random, [3, 3])]), Sample([try regular(&random, [2, 2, 2]).transposed(1, 2)]),
        Sample([try random.normal([0, 0])]), Sample([try regular(&random, [1, 1])]),
      ]
    }, refusals: squareRefusals)

  public static let logdet = Op(
    "logdet", group: "linear algebra",
    summary: "The logarithm of the determinant; NaN where that is negative.",
    formula: "result = log det(self)", shapes: "self [..., n, n]; the result is [...]",
    parameters: [matrix],
    example: Example("print(T{{1, 0}, {0, 1}}:logdet():item())", prints: "0.0"),
    forward: { context in
      let (sign, log) = try Linalg.logDeterminant(try matrices(context))
      let result = try Tensor(uninitialized: sign.shape, .f64)
      try Strided.zip(sign, log, result) { (s: Double, l: Double) in s < 0 ? .nan : l }
      return [try result.cast(to: context[0].dtype)]
    },
    backward: { context, _, gradients in [try gradients[0].map { try logGradient(context, $0) }] },
    samples: { random in
      [
        Sample([try regular(&random, [3, 3])]), Sample([try regular(&random, [2, 2, 2]).transposed(1, 2)]),
        Sample([try random.normal([0, 0])]), Sample([try regular(&random, [1, 1])]),
      ]
    }, refusals: squareRefusals)

  private static func logGradient(_ context: OpContext, _ gradient: Tensor) throws -> Tensor {
    let g = try gradient.cast(to: .f64)
    let turned = try Linalg.inverse(try matrices(context)).adjoint()
    return try turned.matrixScaled(try g.unsqueezed(g.rank).unsqueezed(g.rank + 1)).cast(to: context[0].dtype)
  }
}
