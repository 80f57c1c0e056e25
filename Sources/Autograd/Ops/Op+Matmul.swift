/// Products of matrices and vectors.
import Base
import Tensors

extension Op {
  static let products: [Op] = [matmul, bmm, mv, dot, outer, einsum]

  public static let matmul = Op(
    "matmul", group: "products",
    summary: "The matrix product; leading dimensions are batches and broadcast.",
    formula: "result[.., i, j] = Σₖ self[.., i, k] other[.., k, j]",
    shapes:
      "self [..., m, k] or [k], other [..., k, n] or [k]; the result is [..., m, n], without the dimension a vector lacks",
    parameters: [
      Parameter("self", .tensor, "the left operand"), Parameter("other", .tensor, "the right operand"),
    ],
    aliases: ["mm"],
    example: Example(
      "print(T{{1, 2}, {3, 4}}:matmul(T{{1, 0}, {1, 1}}))", prints: "[[3, 2],\n [7, 4]]\n[Tensor f32 2x2]"),
    forward: { context in [try context[0].matmul(context[1])] },
    backward: { context, _, gradients in
      guard let g = gradients[0] else { return [nil, nil] }
      let (a, b) = (context[0], context[1])
      let left = a.rank == 1 ? try a.unsqueezed(0) : a
      let right = b.rank == 1 ? try b.unsqueezed(1) : b
      var shape = g.shape
      if a.rank == 1 { shape.insert(1, at: shape.count - (b.rank == 1 ? 0 : 1)) }
      if b.rank == 1 { shape.append(1) }
      let wide = try g.reshaped(shape)
      return [
        context.needs[0]
          ? try productGradient(wide, right, left.shape).reshaped(a.shape).cast(to: a.dtype) : nil,
        context.needs[1]
          ? try otherGradient(wide, left, right.shape).reshaped(b.shape).cast(to: b.dtype) : nil,
      ]
    },
    samples: { random in
      [
        Sample([try random.normal([2, 3]), try random.normal([3, 4])]),
        Sample([try random.normal([3, 2]).transposed(0, 1), try random.normal([4, 3]).transposed(0, 1)]),
        Sample([try random.normal([3]), try random.normal([3])]),
        Sample([try random.normal([3]), try random.normal([3, 2])]),
        Sample([try random.normal([2, 3]), try random.normal([3])]),
        Sample([try random.normal([2, 2, 3]), try random.normal([3, 2])]),
        Sample([try random.normal([2, 3]), try random.normal([2, 3, 2])]),
        Sample([try random.normal([2, 1, 2, 3]), try random.normal([3, 3, 1])]),
        Sample([try random.normal([3]), try random.normal([2, 3, 2])]),
        Sample([try random.normal([2, 2, 3]), try random.normal([3])]),
        Sample([try random.normal([2, 0]), try random.normal([0, 3])]),
        Sample([try random.normal([0, 2]), try random.normal([2, 3])]),
        Sample([try random.normal([1, 1]), try random.normal([1, 1])]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor(zeros: [2, 3], .f32), try Tensor(zeros: [4, 5], .f32)],
          words: "inner sizes differ: 2x3 x 4x5"),
        Refusal(
          [try Tensor(zeros: [], .f32), try Tensor(zeros: [4], .f32)],
          words: "at least one dimension, got a scalar"),
        Refusal(
          [try Tensor(zeros: [2, 2, 3], .f32), try Tensor(zeros: [3, 3, 2], .f32)],
          words: "batch shapes 2 and 3 cannot broadcast: 2x2x3 x 3x3x2"),
      ]
    })

  /// The gradient of the left operand: g otherᵀ, summed over the batches to which it was broadcast.
  private static func productGradient(_ g: Tensor, _ other: Tensor, _ shape: Shape) throws -> Tensor {
    try g.matmul(try other.transposed(other.rank - 2, other.rank - 1)).summed(to: shape)
  }

  /// The gradient of the right operand: leftᵀ g. One right matrix for a whole batch is one tall product.
  private static func otherGradient(_ g: Tensor, _ left: Tensor, _ shape: Shape) throws -> Tensor {
    if shape.count == 2 && left.rank > 2 && g.elementCount > 0 && left.elementCount > 0 {
      let tall = try left.reshaped([left.elementCount / shape[0], shape[0]])
      return try tall.transposed(0, 1).matmul(try g.reshaped([g.elementCount / shape[1], shape[1]]))
    }
    return try left.transposed(left.rank - 2, left.rank - 1).matmul(g).summed(to: shape)
  }

  /// A product of operands with fixed numbers of dimensions.
  private static func strict(
    _ name: String, _ ranks: (Int, Int), summary: String, formula: String, shapes: String, example: Example,
    samples: @escaping (inout Samples) throws -> [Sample], refusals: @escaping () throws -> [Refusal]
  ) -> Op {
    Op(
      name, group: "products", summary: summary, formula: formula, shapes: shapes,
      parameters: [
        Parameter("self", .tensor, "the left operand"), Parameter("other", .tensor, "the right operand"),
      ],
      example: example,
      compose: { inputs, _ in
        let pair = inputs.compactMap { $0 }
        for (i, rank) in [ranks.0, ranks.1].enumerated() where pair[i].value.rank != rank {
          throw Failure(
            .shape, "expected \(rank) dimension\(rank == 1 ? "" : "s"), got \(pair[i].value.shape)",
            argument: i + 1)
        }
        if ranks.0 == 3 && pair[0].value.shape[0] != pair[1].value.shape[0] {
          throw Failure(
            .shape, "batch sizes differ: \(pair[0].value.shape) x \(pair[1].value.shape)", argument: 2)
        }
        return try matmul(pair)
      }, samples: samples, refusals: refusals)
  }

  public static let bmm = strict(
    "bmm", (3, 3), summary: "The matrix product of each pair of a batch.",
    formula: "result[b, i, j] = Σₖ self[b, i, k] other[b, k, j]",
    shapes: "self [b, m, k], other [b, k, n]; the result is [b, m, n]",
    example: Example("print(T{{{1, 2}}}:bmm(T{{{3}, {4}}}):flatten())", prints: "[11]\n[Tensor f32 1]"),
    samples: { random in
      [
        Sample([try random.normal([2, 2, 3]), try random.normal([2, 3, 2])]),
        Sample([
          try random.normal([2, 3, 2]).transposed(1, 2), try random.normal([2, 2, 3]).transposed(1, 2),
        ]),
        Sample([try random.normal([0, 2, 3]), try random.normal([0, 3, 2])]),
        Sample([try random.normal([1, 1, 1]), try random.normal([1, 1, 1])]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor(zeros: [2, 3], .f32), try Tensor(zeros: [2, 3, 4], .f32)],
          words: "expected 3 dimensions, got 2x3"
        ),
        Refusal(
          [try Tensor(zeros: [1, 2, 3], .f32), try Tensor(zeros: [2, 3, 4], .f32)],
          words: "batch sizes differ: 1x2x3 x 2x3x4"),
      ]
    })

  public static let mv = strict(
    "mv", (2, 1), summary: "The product of a matrix and a vector.",
    formula: "result[i] = Σₖ self[i, k] other[k]", shapes: "self [m, k], other [k]; the result is [m]",
    example: Example("print(T{{1, 2}, {3, 4}}:mv(T{1, 1}))", prints: "[3, 7]\n[Tensor f32 2]"),
    samples: { random in
      [
        Sample([try random.normal([2, 3]), try random.normal([3])]),
        Sample([
          try random.normal([3, 2]).transposed(0, 1), try random.normal([6]).reshaped([3, 2]).selected(1, 0),
        ]),
        Sample([try random.normal([2, 0]), try random.normal([0])]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor(zeros: [2, 3], .f32), try Tensor(zeros: [3, 1], .f32)],
          words: "expected 1 dimension, got 3x1"),
        Refusal(
          [try Tensor(zeros: [2, 3], .f32), try Tensor(zeros: [2], .f32)],
          words: "inner sizes differ: 2x3 x 2"),
      ]
    })

  public static let dot = strict(
    "dot", (1, 1), summary: "The inner product of two vectors.",
    formula: "result = Σₖ self[k] other[k]", shapes: "self [k], other [k]; the result is a scalar",
    example: Example("print(T{1, 2}:dot(T{3, 4}):item())", prints: "11.0"),
    samples: { random in
      [
        Sample([try random.normal([3]), try random.normal([3])]),
        Sample([try random.normal([3, 2]).selected(1, 0), try random.normal([3])]),
        Sample([try random.normal([0]), try random.normal([0])]),
        Sample([try random.normal([1]), try random.normal([1])]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor(zeros: [2], .f32), try Tensor(zeros: [3], .f32)], words: "inner sizes differ: 2 x 3"),
        Refusal(
          [try Tensor(zeros: [2, 1], .f32), try Tensor(zeros: [2], .f32)],
          words: "expected 1 dimension, got 2x1"),
      ]
    })

  public static let outer = Op(
    "outer", group: "products",
    summary: "Every element of one vector times every element of another.",
    formula: "result[i, j] = self[i] other[j]",
    shapes: "self [m], other [n]; the result is [m, n]",
    parameters: [
      Parameter("self", .tensor, "the vector of the rows"),
      Parameter("other", .tensor, "the vector of the columns"),
    ],
    example: Example("print(T{1, 2}:outer(T{3, 4}))", prints: "[[3, 4],\n [6, 8]]\n[Tensor f32 2x2]"),
    compose: { inputs, _ in
      let pair = inputs.compactMap { $0 }
      for (i, operand) in pair.enumerated() where operand.value.rank != 1 {
        throw Failure(.shape, "expected 1 dimension, got \(operand.value.shape)", argument: i + 1)
      }
      return [try pair[0].unsqueezed(1).matrixTimes(try pair[1].unsqueezed(0))]
    },
    samples: { random in
      [
        Sample([try random.normal([2]), try random.normal([3])]),
        Sample([try random.normal([3, 2]).selected(1, 0), try random.normal([1])]),
        Sample([try random.normal([0]), try random.normal([2])]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor(zeros: [2, 1], .f32), try Tensor(zeros: [2], .f32)],
          words: "expected 1 dimension, got 2x1")
      ]
    })
}
