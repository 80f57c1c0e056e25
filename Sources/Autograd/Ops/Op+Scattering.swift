/// Writing by positions, into a copy.
import Base
import Tensors

extension Op {
  /// The source of a scatter, cut to the index and in the type of the target.
  private static func source(_ context: OpContext, _ index: Tensor) throws -> Tensor {
    let source = context[2]
    if DType.promote(source.dtype, context[0].dtype) != context[0].dtype {
      throw Failure(
        .dtype, "cannot put \(source.dtype.rawValue) into \(context[0].dtype.rawValue)", argument: 4)
    }
    let cast = try source.cast(to: context[0].dtype)
    if source.rank == 0 { return try cast.expanded(to: index.shape) }
    let fits =
      source.rank == index.rank && (0..<index.rank).allSatisfy { index.shape[$0] <= source.shape[$0] }
    if !fits {
      throw Failure(
        .shape, "index of \(index.shape) is larger than its source of \(source.shape)", argument: 4)
    }
    return cut(cast, to: index.shape)
  }

  private static func cut(_ tensor: Tensor, to shape: Shape) -> Tensor {
    Tensor(
      storage: tensor.storage, dtype: tensor.dtype, shape: shape, strides: tensor.strides,
      offset: tensor.offset)
  }

  /// The gradient of `source`.
  private static func uncut(_ gradient: Tensor, _ source: Tensor) throws -> Tensor {
    if source.rank == 0 { return try gradient.summed(to: []).cast(to: source.dtype) }
    if source.shape == gradient.shape { return try gradient.cast(to: source.dtype) }
    return try source.zerosFilled({ cut($0, to: gradient.shape) }, gradient).cast(to: source.dtype)
  }

  private static let scatterParameters = [
    own, indexed, Parameter("index", .tensor, "positions from 1, with as many dimensions as self"),
    Parameter("source", .operand, "what to put there: a tensor at least as large as the index, or a number"),
  ]

  public static let scatter = Op(
    "scatter", group: "indexing",
    summary: "A copy in which the elements at the given positions are replaced.",
    formula: "result[i, index[i, j]] = source[i, j] for the last dimension; the last of equal positions wins",
    shapes: "self [a, d], index [a', n], source [≥ a', ≥ n] or a number; the result has self's shape",
    parameters: scatterParameters,
    inPlace: true,
    example: Example("print(T{1, 2, 3}:scatter(1, T{3}, T{9}))", prints: "[1, 2, 9]\n[Tensor f32 3]"),
    forward: { context in
      let (dimension, index) = try placed(context)
      let result = try context[0].copied()
      try result.scatter(dimension, index, from: try source(context, index))
      if context.needsAny { context.saved = [index] }
      return [result]
    },
    backward: { context, _, gradients in
      guard let g = gradients[0] else { return [nil, nil, nil] }
      let (dimension, index) = (try context.dimension("dim", rank: context[0].rank), context.saved[0])
      var results: [Tensor?] = [nil, nil, nil]
      if context.needs[0] {
        let kept = try g.copied()
        try kept.scatter(dimension, index, from: try Tensor(zeros: [], g.dtype).expanded(to: index.shape))
        results[0] = kept
      }
      if context.needs[2] { results[2] = try uncut(try winners(g, dimension, index), context[2]) }
      return results
    },
    samples: { random in
      [
        Sample(
          [try random.normal([2, 3]), try positions([1, 3]).reshaped([2, 1]), try random.normal([2, 1])],
          [.integer(1)]),
        Sample(
          [
            try random.normal([3, 2]).transposed(0, 1), try positions([2, 1, 2]).reshaped([1, 3]),
            try random.normal([2, 3]),
          ],
          [.integer(0)]),
        Sample([try random.normal([3]), try positions([2, 2]), try random.normal([2])], [.integer(0)]),
        Sample([try random.normal([3]), try positions([1, -1]), try random.normal([])], [.integer(0)]),
        Sample([try random.normal([3]), try positions([]), try random.normal([0])], [.integer(0)]),
      ]
    },
    refusals: {
      let tensor = try Tensor(zeros: [3], .f32)
      return [
        Refusal([tensor, try positions([0]), tensor], [.integer(0)], words: "index 0: positions start at 1"),
        Refusal(
          [tensor, try positions([1, 2]), try Tensor(zeros: [1], .f32)], [.integer(0)],
          words: "larger than its source of 1"),
        Refusal(
          [try positions([1]), try positions([1]), tensor], [.integer(0)], words: "cannot put f32 into i64"),
      ]
    })

  /// The gradient of what was written: of equal positions only the last one is in the result.
  private static func winners(_ g: Tensor, _ dimension: Int, _ index: Tensor) throws -> Tensor {
    let numbers = try Tensor.arange(0, Double(index.elementCount), .i64).reshaped(index.shape)
    let last = try Tensor(zeros: g.shape, .i64)
    try last.scatter(dimension, index, from: numbers)
    let seen = try Tensor(uninitialized: index.shape, .bool)
    try Strided.zip(try last.gathered(dimension, index), numbers, seen) { (x: Int64, y: Int64) in x == y }
    let result = try g.gathered(dimension, index)
    switch g.dtype {
    case .f32: try Strided.zip(result, seen, result) { (x: Float, won: Bool) in won ? x : 0 }
    case .f64: try Strided.zip(result, seen, result) { (x: Double, won: Bool) in won ? x : 0 }
    case .i64, .bool: break
    }
    return result
  }

  public static let scatterAdd = Op(
    "scatter_add", group: "indexing",
    summary: "A copy to which values are added at the given positions, in row-major order of the index.",
    formula: "result[i, index[i, j]] += source[i, j] for the last dimension",
    shapes: "self [a, d], index [a', n], source [≥ a', ≥ n] or a number; the result has self's shape",
    parameters: scatterParameters,
    inPlace: true,
    example: Example(
      "print(T{1, 2, 3}:scatter_add(1, T{3, 3}, T{1, 1}))", prints: "[1, 2, 5]\n[Tensor f32 3]"),
    forward: { context in
      let (dimension, index) = try placed(context)
      let result = try context[0].copied()
      try result.scatterAdd(dimension, index, from: try source(context, index))
      if context.needs[2] { context.saved = [index] }
      return [result]
    },
    backward: { context, _, gradients in
      guard let g = gradients[0] else { return [nil, nil, nil] }
      let dimension = try context.dimension("dim", rank: context[0].rank)
      return [
        context.needs[0] ? g : nil, nil,
        context.needs[2] ? try uncut(try g.gathered(dimension, context.saved[0]), context[2]) : nil,
      ]
    },
    samples: { random in
      [
        Sample(
          [
            try random.normal([2, 3]), try positions([1, 3, 1, 1]).reshaped([2, 2]),
            try random.normal([2, 2]),
          ],
          [.integer(1)]),
        Sample(
          [
            try random.normal([3, 2]).transposed(0, 1), try positions([2, -1, 1]).reshaped([1, 3]),
            try random.normal([2, 4]),
          ],
          [.integer(0)]),
        Sample([try random.normal([3]), try positions([1, 1]), try random.normal([])], [.integer(0)]),
        Sample([try random.normal([0]), try positions([]), try random.normal([0])], [.integer(0)]),
      ]
    },
    refusals: {
      let tensor = try Tensor(zeros: [3], .f32)
      return [
        Refusal(
          [tensor, try positions([4]), tensor], [.integer(0)], words: "index 4 at [1] is out of range"),
        Refusal(
          [tensor, try positions([1, 1]).reshaped([1, 2]), tensor], [.integer(0)],
          words: "index of 1x2 does not fit a tensor of 3"),
      ]
    })

  public static let indexAdd = Op(
    "index_add", group: "indexing",
    summary: "A copy to whose slices at a list of positions the slices of another tensor are added.",
    formula: "result[.., index[i], ..] += source[.., i, ..]",
    shapes: "self [..., d, ...], index [n], source [..., n, ...]; the result has self's shape",
    parameters: [
      own, indexed, Parameter("index", .tensor, "positions from 1"),
      Parameter("source", .tensor, "what to add: n slices"),
    ],
    inPlace: true,
    example: Example(
      "print(T{1, 2, 3}:index_add(1, T{3, 1}, T{10, 20}))", prints: "[21, 2, 13]\n[Tensor f32 3]"),
    forward: { context in
      let dimension = try context.dimension("dim", rank: context[0].rank)
      let index = try positionList(context[1], size: context[0].shape[dimension])
      var wanted = context[0].shape
      wanted[dimension] = index.elementCount
      if context[2].shape != wanted {
        throw Failure(.shape, "expected a source of \(wanted), got \(context[2].shape)", argument: 4)
      }
      if DType.promote(context[2].dtype, context[0].dtype) != context[0].dtype {
        throw Failure(
          .dtype, "cannot add \(context[2].dtype.rawValue) to \(context[0].dtype.rawValue)", argument: 4)
      }
      let result = try context[0].copied()
      try result.addSlices(dimension, index, try context[2].cast(to: result.dtype))
      if context.needs[2] { context.saved = [index] }
      return [result]
    },
    backward: { context, _, gradients in
      guard let g = gradients[0] else { return [nil, nil, nil] }
      let dimension = try context.dimension("dim", rank: context[0].rank)
      return [
        context.needs[0] ? g : nil, nil,
        context.needs[2] ? try g.slices(dimension, context.saved[0]).cast(to: context[2].dtype) : nil,
      ]
    },
    samples: { random in
      [
        Sample(
          [try random.normal([3, 2]), try positions([3, 3]), try random.normal([2, 2])], [.integer(0)]),
        Sample(
          [
            try random.normal([3, 2]).transposed(0, 1), try positions([1, -1]),
            try random.normal([2, 2]).transposed(0, 1),
          ], [.integer(1)]),
        Sample([try random.normal([3]), try positions([]), try random.normal([0])], [.integer(0)]),
        Sample([try random.normal([1]), try positions([1]), try random.normal([1])], [.integer(0)]),
      ]
    },
    refusals: {
      let tensor = try Tensor(zeros: [3], .f32)
      return [
        Refusal([tensor, try positions([1]), tensor], [.integer(0)], words: "expected a source of 1, got 3"),
        Refusal(
          [tensor, try positions([0, 1, 1]), tensor], [.integer(0)], words: "index 0: positions start at 1"),
        Refusal(
          [try positions([1]), try positions([1]), try Tensor(zeros: [1], .f32)], [.integer(0)],
          words: "cannot add f32 to i64"),
      ]
    })
}
