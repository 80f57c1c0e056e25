/// Views with more or fewer dimensions than their base.
import Base
import Tensors

extension Op {
  public static let squeeze = Op(
    "squeeze", group: "views",
    summary: "Without one dimension of size 1, or without all of them; the same storage.",
    formula: "result holds the elements of self",
    shapes: "self [a, 1, b]; the result is [a, b]. A given dimension of another size stays",
    parameters: [
      own,
      Parameter("dim", .dimension(default: nil, optional: true), "the dimension to drop; all by default"),
    ],
    example: Example("print(T{{1, 2}}:squeeze())", prints: "[1, 2]\n[Tensor f32 2]"),
    forward: { context in
      if context.integer("dim") == nil { return [try context[0].squeezed()] }
      return [try context[0].squeezed(try context.dimension("dim", rank: context[0].rank))]
    },
    backward: { context, _, gradients in [try gradients[0]?.reshaped(context[0].shape)] },
    samples: { random in
      [
        Sample([try random.normal([2, 1, 3, 1])], [.none]),
        Sample([try random.normal([2, 1, 3])], [.integer(1)]),
        Sample([try random.normal([2, 1, 3])], [.integer(0)]),
        Sample([try random.normal([1])], [.none]),
        Sample([try random.normal([1, 0])], [.none]),
      ]
    },
    refusals: {
      [Refusal([try Tensor(zeros: [1], .f32)], [.integer(1)], words: "dimension 2 is out of range")]
    })

  public static let unsqueeze = Op(
    "unsqueeze", group: "views",
    summary: "A new dimension of size 1, over the same storage.",
    formula: "result holds the elements of self",
    shapes: "self [a, b]; unsqueeze(1) gives [1, a, b], unsqueeze(3) gives [a, b, 1]",
    parameters: [
      own,
      Parameter(
        "dim", .newDimension(default: nil), "the position of the new dimension in the result"),
    ],
    example: Example("print(T{1, 2}:unsqueeze(1))", prints: "[[1, 2]]\n[Tensor f32 1x2]"),
    forward: { context in
      if context[0].rank == Limits.dimensionsMax {
        throw Failure(.shape, "a tensor has at most \(Limits.dimensionsMax) dimensions", argument: 1)
      }
      return [try context[0].unsqueezed(try context.dimension("dim", rank: context[0].rank + 1))]
    },
    backward: { context, _, gradients in [try gradients[0]?.reshaped(context[0].shape)] },
    samples: { random in
      [
        Sample([try random.normal([2, 3])], [.integer(0)]),
        Sample([try random.normal([2, 3]).transposed(0, 1)], [.integer(2)]),
        Sample([try random.normal([])], [.integer(0)]),
        Sample([try random.normal([0])], [.integer(1)]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor(zeros: [1, 1, 1, 1, 1, 1, 1, 1], .f32)], [.integer(0)], words: "at most 8 dimensions"),
        Refusal([try Tensor(zeros: [2], .f32)], [.integer(2)], words: "dimension 3 is out of range"),
      ]
    })

  public static let expand = Op(
    "expand", group: "views",
    summary: "Sizes of 1 expanded without a copy; new dimensions may be added in front.",
    formula: "result[i, j] = self[1, j] where self has size 1",
    shapes: "self [1, b]; expand(a, b) gives [a, b]. -1 keeps a size",
    parameters: [own, Parameter("sizes", .shape(inferred: true), "the sizes of the result; -1 keeps one")],
    example: Example("print(T{1, 2}:expand(2, 2))", prints: "[[1, 2],\n [1, 2]]\n[Tensor f32 2x2]"),
    forward: { context in
      var sizes = context.integers("sizes") ?? []
      let lead = sizes.count - context[0].rank
      for i in sizes.indices where sizes[i] == -1 {
        if i < lead || lead < 0 {
          throw Failure(.shape, "-1 cannot stand for the size of a new dimension", argument: 2)
        }
        sizes[i] = context[0].shape[i - lead]
      }
      return [try context[0].expanded(to: try Shape(checked: sizes))]
    },
    backward: { context, _, gradients in [try gradients[0]?.summed(to: context[0].shape)] },
    samples: { random in
      [
        Sample([try random.normal([3])], [.integers([2, 3])]),
        Sample([try random.normal([2, 1])], [.integers([-1, 4])]),
        Sample([try random.normal([])], [.integers([2])]),
        Sample([try random.normal([1, 2])], [.integers([0, 2])]),
        Sample([try random.normal([1])], [.integers([1])]),
      ]
    },
    refusals: {
      [
        Refusal([try Tensor(zeros: [2, 3], .f32)], [.integers([4, 3])], words: "cannot expand 2x3 to 4x3"),
        Refusal([try Tensor(zeros: [3], .f32)], [.integers([-1, 3])], words: "-1 cannot stand for"),
        Refusal([try Tensor(zeros: [2, 3], .f32)], [.integers([3])], words: "cannot expand 2x3 to 3"),
      ]
    })

  public static let diagonal = Op(
    "diagonal", group: "views",
    summary: "The diagonal of two dimensions as the last dimension, over the same storage.",
    formula: "result[.., k] = self[.., k, .., k + offset, ..]",
    shapes: "self [..., a, ..., b, ...]; the result is [..., length of the diagonal]",
    parameters: [
      own,
      Parameter("offset", .integer(default: 0), "how far above the main diagonal; negative is below"),
      Parameter("dim1", .dimension(default: 0, optional: false), "the dimension that counts rows"),
      Parameter("dim2", .dimension(default: 1, optional: false), "the dimension that counts columns"),
    ],
    example: Example("print(T{{1, 2}, {3, 4}}:diagonal())", prints: "[1, 4]\n[Tensor f32 2]"),
    forward: { context in [try diagonalView(context[0], context)] },
    backward: { context, _, gradients in
      [try gradients[0].map { try context[0].zerosFilled({ try diagonalView($0, context) }, $0) }]
    },
    samples: { random in
      [
        Sample([try random.normal([3, 4])], [.integer(0), .integer(0), .integer(1)]),
        Sample([try random.normal([3, 4])], [.integer(-1), .integer(0), .integer(1)]),
        Sample([try random.normal([2, 3, 3])], [.integer(1), .integer(1), .integer(2)]),
        Sample([try random.normal([2, 2])], [.integer(5), .integer(0), .integer(1)]),
        Sample([try random.normal([1, 1])], [.integer(0), .integer(1), .integer(0)]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor(zeros: [2, 2], .f32)], [.integer(0), .integer(1), .integer(1)],
          words: "needs two dimensions"),
        Refusal(
          [try Tensor(zeros: [2], .f32)], [.integer(0), .integer(0), .integer(1)],
          words: "dimension 2 is out of range"),
      ]
    })

  private static func diagonalView(_ tensor: Tensor, _ context: OpContext) throws -> Tensor {
    let (offset, rank) = (try context.required("offset"), tensor.rank)
    let (a, b) = (try context.dimension("dim1", rank: rank), try context.dimension("dim2", rank: rank))
    if a == b { throw Failure(.argument, "a diagonal needs two dimensions, got \(a + 1) twice", argument: 4) }
    return tensor.diagonalView(offset, a, b)
  }

  public static let unfold = Op(
    "unfold", group: "views",
    summary: "All windows of one dimension, over the same storage.",
    formula: "result[.., i, .., k] = self[.., (i − 1) step + k, ..]",
    shapes: "self [..., d, ...]; the result is [..., (d − size) / step + 1, ..., size]",
    parameters: [
      own,
      Parameter("dim", .dimension(default: nil, optional: false), "the dimension to cut into windows"),
      Parameter("size", .integer(default: nil), "the length of a window"),
      Parameter("step", .integer(default: 1), "the distance between the starts of two windows"),
    ],
    example: Example("print(T{1, 2, 3}:unfold(1, 2, 1))", prints: "[[1, 2],\n [2, 3]]\n[Tensor f32 2x2]"),
    forward: { context in [try windows(context[0], context)] },
    backward: { context, _, gradients in
      guard let g = gradients[0] else { return [nil] }
      let result = try Tensor(zeros: context[0].shape, g.dtype)
      let view = try windows(result, context)
      switch g.dtype {
      case .f32: try Strided.fold(g, view) { (sum: Float, x: Float) in sum + x }
      case .f64: try Strided.fold(g, view) { (sum: Double, x: Double) in sum + x }
      case .i64, .bool: break
      }
      return [result]
    },
    samples: { random in
      [
        Sample([try random.normal([7])], [.integer(0), .integer(3), .integer(2)]),
        Sample([try random.normal([2, 5])], [.integer(1), .integer(2), .integer(1)]),
        Sample([try random.normal([4, 2])], [.integer(0), .integer(4), .integer(3)]),
        Sample([try random.normal([0, 4])], [.integer(1), .integer(2), .integer(1)]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor(zeros: [3], .f32)], [.integer(0), .integer(4), .integer(1)],
          words: "window of 4 does not fit in 3"),
        Refusal(
          [try Tensor(zeros: [3], .f32)], [.integer(0), .integer(2), .integer(0)], words: "step of at least 1"
        ),
      ]
    })

  private static func windows(_ tensor: Tensor, _ context: OpContext) throws -> Tensor {
    let dimension = try context.dimension("dim", rank: tensor.rank)
    let (size, step, length) = (
      try context.required("size"), try context.required("step"), tensor.shape[dimension]
    )
    if tensor.rank == Limits.dimensionsMax {
      throw Failure(.shape, "a tensor has at most \(Limits.dimensionsMax) dimensions", argument: 1)
    }
    if size < 0 || size > length {
      throw Failure(.value, "a window of \(size) does not fit in \(length) positions", argument: 3)
    }
    if step < 1 { throw Failure(.value, "expected a step of at least 1, got \(step)", argument: 4) }
    return try tensor.windows(dimension, size: size, step: step)
  }
}
