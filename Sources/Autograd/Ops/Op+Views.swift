/// Views of the same elements: nothing is copied, and a write through a view changes its base.
import Base
import Tensors

extension Op {
  static let views: [Op] = [
    transpose, t, permute, movedim, narrow, select, squeeze, unsqueeze, expand, diagonal, unfold,
  ]

  static let own = Parameter("self", .tensor, "the tensor")

  public static let transpose = Op(
    "transpose", group: "views",
    summary: "Two dimensions exchanged, over the same storage.",
    formula: "result[.., j, .., i, ..] = self[.., i, .., j, ..]",
    shapes: "self [..., a, ..., b, ...]; the result is [..., b, ..., a, ...]",
    parameters: [
      own,
      Parameter("dim1", .dimension(default: nil, optional: false), "one dimension"),
      Parameter("dim2", .dimension(default: nil, optional: false), "the other"),
    ],
    aliases: ["swapaxes", "swapdims"],
    example: Example(
      "print(T{{1, 2}, {3, 4}}:transpose(1, 2))", prints: "[[1, 3],\n [2, 4]]\n[Tensor f32 2x2]"),
    forward: { context in
      let rank = context[0].rank
      return [
        try context[0].transposed(
          try context.dimension("dim1", rank: rank), try context.dimension("dim2", rank: rank))
      ]
    },
    backward: { context, _, gradients in
      let rank = context[0].rank
      return [
        try gradients[0]?.transposed(
          try context.dimension("dim1", rank: rank), try context.dimension("dim2", rank: rank))
      ]
    },
    samples: { random in
      [
        Sample([try random.normal([2, 3])], [.integer(0), .integer(1)]),
        Sample([try random.normal([2, 3, 4]).transposed(0, 1)], [.integer(0), .integer(2)]),
        Sample([try random.normal([0, 3])], [.integer(0), .integer(1)]),
        Sample([try random.normal([1])], [.integer(0), .integer(0)]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor(zeros: [2, 3], .f32)], [.integer(0), .integer(2)],
          words: "dimension 3 is out of range for a tensor of 2 dimensions")
      ]
    })

  public static let t = Op(
    "t", group: "views",
    summary: "The transpose of a matrix, over the same storage; vectors and scalars are returned unchanged.",
    formula: "result[j, i] = self[i, j]",
    shapes: "self [a, b], [a] or a scalar; the result is [b, a], [a] or a scalar",
    parameters: [own],
    example: Example("print(T{{1, 2}, {3, 4}}:t())", prints: "[[1, 3],\n [2, 4]]\n[Tensor f32 2x2]"),
    compose: { inputs, _ in
      guard let x = inputs[0] else { return [] }
      if x.value.rank > 2 {
        throw Failure(.shape, "expected at most two dimensions, got \(x.value.shape)", argument: 1)
      }
      return [x.value.rank == 2 ? try x.transposed(0, 1) : x]
    },
    samples: { random in
      [
        Sample([try random.normal([2, 3])]), Sample([try random.normal([3])]),
        Sample([try random.normal([])]),
        Sample([try random.normal([3, 0])]),
      ]
    },
    refusals: { [Refusal([try Tensor(zeros: [2, 3, 4], .f32)], words: "at most two dimensions, got 2x3x4")] })

  public static let permute = Op(
    "permute", group: "views",
    summary: "The dimensions in another order, over the same storage.",
    formula: "dimension k of the result is dimension dims[k] of self",
    shapes: "self [d1, ..., dn]; the result is [d(dims[1]), ..., d(dims[n])]",
    parameters: [own, Parameter("dims", .dimensions, "every dimension once")],
    example: Example(
      "print(T{{1, 2}, {3, 4}}:permute{2, 1})", prints: "[[1, 3],\n [2, 4]]\n[Tensor f32 2x2]"),
    forward: { context in [try context[0].permuted(try order(context))] },
    backward: { context, _, gradients in
      let order = try order(context)
      var inverse = order
      for (i, d) in order.enumerated() { inverse[d] = i }
      return [try gradients[0]?.permuted(inverse)]
    },
    samples: { random in
      [
        Sample([try random.normal([2, 3, 4])], [.integers([2, 0, 1])]),
        Sample([try random.normal([2, 3])], [.integers([0, 1])]),
        Sample([try random.normal([])], [.integers([])]),
        Sample([try random.normal([0, 2])], [.integers([1, 0])]),
      ]
    },
    refusals: {
      [
        Refusal([try Tensor(zeros: [2, 3], .f32)], [.integers([0])], words: "1 is no order of 2 dimensions"),
        Refusal([try Tensor(zeros: [2, 3], .f32)], [.integers([0, 0])], words: "a dimension comes twice"),
      ]
    })

  private static func order(_ context: OpContext) throws -> [Int] {
    try context.dimensions("dims", rank: context[0].rank)
  }

  public static let movedim = Op(
    "movedim", group: "views",
    summary: "One dimension moved to another position; the order of the others is unchanged.",
    formula: "dimension `destination` of the result is dimension `source` of self",
    shapes: "self [a, b, c]; movedim(1, 3) gives [b, c, a]",
    parameters: [
      own,
      Parameter("source", .dimension(default: nil, optional: false), "the dimension to move"),
      Parameter("destination", .dimension(default: nil, optional: false), "where it goes"),
    ],
    example: Example(
      "print(T{{1, 2}, {3, 4}}:movedim(1, 2))", prints: "[[1, 3],\n [2, 4]]\n[Tensor f32 2x2]"),
    compose: { inputs, attributes in
      guard let x = inputs[0] else { return [] }
      let rank = x.value.rank
      let source = try attributes.dimension("source", rank: rank)
      var order = (0..<rank).filter { $0 != source }
      order.insert(source, at: try attributes.dimension("destination", rank: rank))
      return try permute([x], [.integers(order)])
    },
    samples: { random in
      [
        Sample([try random.normal([2, 3, 4])], [.integer(0), .integer(2)]),
        Sample([try random.normal([2, 3, 4])], [.integer(2), .integer(1)]),
        Sample([try random.normal([5])], [.integer(0), .integer(0)]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor(zeros: [2], .f32)], [.integer(0), .integer(1)], words: "dimension 2 is out of range")
      ]
    })

  public static let narrow = Op(
    "narrow", group: "views",
    summary: "A run of positions of one dimension, over the same storage.",
    formula: "result[.., i, ..] = self[.., start + i − 1, ..] for i = 1..length",
    shapes: "self [..., d, ...]; the result is [..., length, ...]",
    parameters: [
      own,
      Parameter("dim", .dimension(default: nil, optional: false), "the dimension to cut"),
      Parameter("start", .position(default: nil), "the first position; negatives count from the end"),
      Parameter("length", .integer(default: nil), "how many positions"),
    ],
    example: Example("print(T{1, 2, 3, 4}:narrow(1, 2, 2))", prints: "[2, 3]\n[Tensor f32 2]"),
    forward: { context in [try narrowed(context[0], context)] },
    backward: { context, _, gradients in
      [try gradients[0].map { try context[0].zerosFilled({ try narrowed($0, context) }, $0) }]
    },
    samples: { random in
      [
        Sample([try random.normal([4, 3])], [.integer(0), .integer(1), .integer(2)]),
        Sample([try random.normal([4, 3]).transposed(0, 1)], [.integer(1), .integer(-2), .integer(2)]),
        Sample([try random.normal([3])], [.integer(0), .integer(0), .integer(3)]),
        Sample([try random.normal([3])], [.integer(0), .integer(1), .integer(0)]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor(zeros: [4], .f32)], [.integer(0), .integer(2), .integer(3)],
          words: "positions 3..5 are outside dimension 1 of size 4"),
        Refusal(
          [try Tensor(zeros: [4], .f32)], [.integer(0), .integer(0), .integer(-1)], words: "negative length"),
      ]
    })

  private static func narrowed(_ tensor: Tensor, _ context: OpContext) throws -> Tensor {
    let dimension = try context.dimension("dim", rank: tensor.rank)
    let (size, length, given) = (
      tensor.shape[dimension], try context.required("length"), try context.required("start")
    )
    if length < 0 { throw Failure(.value, "negative length \(length)", argument: 4) }
    let start = given < 0 ? given + size : given
    if start < 0 || start > size || length > size - start {
      let (first, last) = (start.addingReportingOverflow(1), start.addingReportingOverflow(length))
      throw Failure(
        .index,
        "positions \(first.partialValue)..\(last.overflow ? "" : String(last.partialValue)) are outside dimension "
          + "\(dimension + 1) of size \(size)", argument: 3)
    }
    return try tensor.narrowed(dimension, from: start, length: length)
  }

  public static let select = Op(
    "select", group: "views",
    summary: "One position of a dimension, which is dropped, over the same storage.",
    formula: "result[.., ..] = self[.., position, ..]",
    shapes: "self [a, d, b]; select(2, p) gives [a, b]",
    parameters: [
      own,
      Parameter("dim", .dimension(default: nil, optional: false), "the dimension to drop"),
      Parameter("position", .position(default: nil), "the position to select; negatives count from the end"),
    ],
    example: Example("print(T{{1, 2}, {3, 4}}:select(1, 2))", prints: "[3, 4]\n[Tensor f32 2]"),
    forward: { context in [try selected(context[0], context)] },
    backward: { context, _, gradients in
      [try gradients[0].map { try context[0].zerosFilled({ try selected($0, context) }, $0) }]
    },
    samples: { random in
      [
        Sample([try random.normal([2, 3])], [.integer(1), .integer(2)]),
        Sample([try random.normal([2, 3])], [.integer(0), .integer(-1)]),
        Sample([try random.normal([1])], [.integer(0), .integer(0)]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor(zeros: [2, 3], .f32)], [.integer(1), .integer(3)],
          words: "position 4 is out of range for a dimension of size 3"),
        Refusal(
          [try Tensor(zeros: [], .f32)], [.integer(0), .integer(0)],
          words: "out of range for a tensor of 0 dimensions"),
      ]
    })

  private static func selected(_ tensor: Tensor, _ context: OpContext) throws -> Tensor {
    let dimension = try context.dimension("dim", rank: tensor.rank)
    return try tensor.selected(dimension, try context.position("position", size: tensor.shape[dimension]))
  }
}

extension Tensor {
  /// Zeros of this shape, with `gradient` copied into the view that `view` takes of them: the gradient of a
  /// view.
  func zerosFilled(_ view: (Tensor) throws -> Tensor, _ gradient: Tensor) throws -> Tensor {
    let result = try Tensor(zeros: shape, gradient.dtype)
    try Strided.copy(from: gradient, to: try view(result))
    return result
  }
}
