/// Triangles and diagonals of matrices.
import Base
import Tensors

extension Op {
  private static let offset = Parameter(
    "diagonal", .integer(default: 0), "how far above the main diagonal; negative is below")

  /// A copy of the last two dimensions that is zero outside a triangle.
  static func triangle(_ tensor: Tensor, _ offset: Int, upper: Bool) throws -> Tensor {
    let result = try tensor.copied()
    let (rows, columns) = (tensor.shape[tensor.rank - 2], tensor.shape[tensor.rank - 1])
    if result.elementCount == 0 { return result }
    // Row i is not zero in the columns before its edge, or in those from it on.
    let edge = { (i: Int) -> Int in
      let (along, overflow) = offset.addingReportingOverflow(upper ? i : i + 1)
      return overflow ? columns : min(columns, max(0, along))
    }
    let bytes = tensor.dtype.byteCount
    for row in 0..<result.elementCount / columns {
      let edge = edge(row % rows)
      let (from, count) = upper ? (0, edge) : (edge, columns - edge)
      (result.storage.address + (row * columns + from) * bytes).initializeMemory(
        as: UInt8.self, repeating: 0, count: count * bytes)
    }
    return result
  }

  private static func triangular(_ name: String, upper: Bool, formula: String, example: Example) -> Op {
    Op(
      name, group: "linear algebra",
      summary: "The \(upper ? "upper" : "lower") triangle of a matrix; all else is zero.",
      formula: formula, shapes: "self [..., m, n]; the result has the same shape",
      parameters: [matrix, offset], inPlace: true, example: example,
      forward: { context in
        if context[0].rank < 2 {
          throw Failure(.shape, "expected matrices, got \(context[0].shape)", argument: 1)
        }
        return [try triangle(context[0], try context.required("diagonal"), upper: upper)]
      },
      backward: { context, _, gradients in
        [try gradients[0].map { try triangle($0, try context.required("diagonal"), upper: upper) }]
      },
      samples: { random in
        [
          Sample([try random.normal([3, 4])], [.integer(0)]),
          Sample([try random.normal([4, 3]).transposed(0, 1)], [.integer(1)]),
          Sample([try random.normal([2, 3, 3])], [.integer(-1)]),
          Sample([try random.normal([2, 2])], [.integer(7)]),
          Sample([try random.normal([0, 3])], [.integer(0)]),
          Sample([try random.normal([1, 1])], [.integer(0)]),
        ]
      },
      refusals: {
        [Refusal([try Tensor(zeros: [3], .f32)], [.integer(0)], words: "expected matrices, got 3")]
      })
  }

  public static let tril = triangular(
    "tril", upper: false, formula: "result[i, j] = self[i, j] where j − i ≤ diagonal",
    example: Example("print(T{{1, 2}, {3, 4}}:tril())", prints: "[[1, 0],\n [3, 4]]\n[Tensor f32 2x2]"))

  public static let triu = triangular(
    "triu", upper: true, formula: "result[i, j] = self[i, j] where j − i ≥ diagonal",
    example: Example("print(T{{1, 2}, {3, 4}}:triu())", prints: "[[1, 2],\n [0, 4]]\n[Tensor f32 2x2]"))

  public static let diag = Op(
    "diag", group: "linear algebra",
    summary: "The diagonal of a matrix, or a matrix with a vector on its diagonal.",
    formula: "result[k] = self[k, k + diagonal], or result[k, k + diagonal] = self[k]",
    shapes: "self [m, n] gives [length of the diagonal]; self [n] gives [n + |diagonal|, n + |diagonal|]",
    parameters: [own, offset],
    example: Example("print(T{1, 2}:diag())", prints: "[[1, 0],\n [0, 2]]\n[Tensor f32 2x2]"),
    forward: { context in
      let offset = try context.required("diagonal")
      switch context[0].rank {
      case 2: return [try context[0].diagonalView(offset, 0, 1).copied()]
      case 1:
        let side = try Checked.plus(context[0].elementCount, Int(clamping: offset.magnitude), "rows")
        let result = try Tensor(zeros: try Shape(checked: [side, side]), context[0].dtype)
        try Strided.copy(from: context[0], to: result.diagonalView(offset, 0, 1))
        return [result]
      default: throw Failure(.shape, "expected a vector or a matrix, got \(context[0].shape)", argument: 1)
      }
    },
    backward: { context, _, gradients in
      guard let g = gradients[0] else { return [nil] }
      let offset = try context.required("diagonal")
      return [
        context[0].rank == 1
          ? g.diagonalView(offset, 0, 1) : try context[0].zerosFilled({ $0.diagonalView(offset, 0, 1) }, g)
      ]
    },
    samples: { random in
      [
        Sample([try random.normal([3])], [.integer(0)]), Sample([try random.normal([2])], [.integer(-1)]),
        Sample([try random.normal([3, 4])], [.integer(1)]),
        Sample([try random.normal([4, 2]).transposed(0, 1)], [.integer(0)]),
        Sample([try random.normal([2, 2])], [.integer(9)]), Sample([try random.normal([0])], [.integer(2)]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor(zeros: [2, 2, 2], .f32)], [.integer(0)],
          words: "expected a vector or a matrix, got 2x2x2"),
        Refusal([try Tensor(zeros: [2], .f32)], [.integer(1 << 40)], words: "elements"),
      ]
    })

  public static let trace = Op(
    "trace", group: "linear algebra",
    summary: "The sum of the diagonal of a matrix.",
    formula: "result = Σₖ self[k, k]", shapes: "self [m, n]; the result is a scalar",
    parameters: [Parameter("self", .tensor, "a matrix")],
    example: Example("print(T{{1, 2}, {3, 4}}:trace():item())", prints: "5.0"),
    forward: { context in
      if context[0].rank != 2 {
        throw Failure(.shape, "expected a matrix, got \(context[0].shape)", argument: 1)
      }
      let main = context[0].diagonalView(0, 0, 1)
      return [try main.matmul(try Tensor.ones(main.shape, main.dtype))]
    },
    backward: { context, _, gradients in
      guard let g = gradients[0] else { return [nil] }
      let main = context[0].diagonalView(0, 0, 1).shape
      return [try context[0].zerosFilled({ $0.diagonalView(0, 0, 1) }, try g.expanded(to: main))]
    },
    samples: { random in
      [
        Sample([try random.normal([3, 3])]), Sample([try random.normal([4, 2]).transposed(0, 1)]),
        Sample([try random.normal([0, 3])]), Sample([try random.normal([1, 1])]),
      ]
    },
    refusals: { [Refusal([try Tensor(zeros: [3], .f32)], words: "expected a matrix, got 3")] })
}
