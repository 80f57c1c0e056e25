/// The same elements in another shape or order.
import Base
import Tensors

extension Op {
  static let shapes: [Op] = [reshape, view, flatten, unflatten, contiguous, clone, tile, flip, roll]

  public static let reshape = Op(
    "reshape", group: "views",
    summary:
      "Another shape of the same elements in row-major order: a view where strides allow it, else a copy.",
    formula: "element number i of the result is element number i of self",
    shapes: "self of any shape; the result has the given sizes, with as many elements. One size may be -1",
    parameters: [
      own, Parameter("sizes", .shape(inferred: true), "the sizes of the result; -1 is inferred"),
    ],
    example: Example("print(T{1, 2, 3, 4}:reshape(2, 2))", prints: "[[1, 2],\n [3, 4]]\n[Tensor f32 2x2]"),
    forward: { context in
      [try context[0].reshaped(try context.sizes("sizes", filling: context[0].elementCount))]
    },
    backward: { context, _, gradients in [try gradients[0]?.reshaped(context[0].shape)] },
    samples: { random in
      [
        Sample([try random.normal([2, 3])], [.integers([3, -1])]),
        Sample([try random.normal([2, 3]).transposed(0, 1)], [.integers([6])]),
        Sample([try random.normal([4, 3]).narrowed(0, from: 1, length: 2)], [.integers([1, 2, 3])]),
        Sample([try random.normal([0, 3])], [.integers([3, 0])]),
        Sample([try random.normal([])], [.integers([1, 1])]),
      ]
    },
    refusals: {
      let tensor = try Tensor(zeros: [2, 3], .f32)
      return [
        Refusal([tensor], [.integers([4])], words: "cannot reshape 2x3 to 4: 6 elements against 4"),
        Refusal([tensor], [.integers([4, -1])], words: "cannot reshape 6 elements to 4x-1"),
        Refusal([tensor], [.integers([-1, -1])], words: "only one size can be -1"),
        Refusal([tensor], [.integers([-2, 3])], words: "negative size -2"),
        Refusal([tensor], [.integers([1 << 40, 1 << 40])], words: "too many elements"),
      ]
    })

  public static let view = Op(
    "view", group: "views",
    summary: "Another shape over the same storage; an error if that needs a copy.",
    formula: "element number i of the result is element number i of self",
    shapes: "self of any shape; the result has the given sizes, with as many elements. One size may be -1",
    parameters: [
      own, Parameter("sizes", .shape(inferred: true), "the sizes of the result; -1 is inferred"),
    ],
    example: Example("print(T{1, 2, 3, 4}:view(2, -1))", prints: "[[1, 2],\n [3, 4]]\n[Tensor f32 2x2]"),
    forward: { context in
      [try context[0].viewed(try context.sizes("sizes", filling: context[0].elementCount))]
    },
    backward: { context, _, gradients in [try gradients[0]?.reshaped(context[0].shape)] },
    samples: { random in
      [
        Sample([try random.normal([2, 6])], [.integers([4, 3])]),
        Sample([try random.normal([2, 3, 4]).transposed(0, 1)], [.integers([3, 2, 2, 2])]),
        Sample([try random.normal([1])], [.integers([])]),
        Sample([try random.normal([0])], [.integers([2, 0])]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor(zeros: [2, 3], .f32).transposed(0, 1)], [.integers([6])],
          words: "no view of 3x2 as 6 without a copy: use reshape"),
        Refusal([try Tensor(zeros: [2, 3], .f32)], [.integers([5])], words: "6 elements against 5"),
      ]
    })

  public static let flatten = Op(
    "flatten", group: "views",
    summary: "Adjacent dimensions joined into one.",
    formula: "element number i of the result is element number i of self",
    shapes: "self [a, b, c]; flatten() gives [a b c], flatten(2) gives [a, b c]. A scalar becomes [1]",
    parameters: [
      own,
      Parameter(
        "start_dim", .dimension(default: nil, optional: true),
        "the first dimension joined; the first by default"),
      Parameter(
        "end_dim", .dimension(default: nil, optional: true), "the last dimension joined; the last by default"),
    ],
    example: Example("print(T{{1, 2}, {3, 4}}:flatten())", prints: "[1, 2, 3, 4]\n[Tensor f32 4]"),
    compose: { inputs, attributes in
      guard let x = inputs[0] else { return [] }
      let shape = x.value.shape
      if shape.isEmpty { return [try x.reshaped([1])] }
      let first = try attributes.dimension("start_dim", rank: shape.count, default: 0)
      let last = try attributes.dimension("end_dim", rank: shape.count, default: -1)
      if first > last {
        throw Failure(
          .argument, "dimension \(first + 1) does not come before dimension \(last + 1)", argument: 3)
      }
      let joined = shape[first...last].reduce(1, *)
      return [try x.reshaped(Array(shape[..<first]) + [joined] + Array(shape[(last + 1)...]))]
    },
    samples: { random in
      [
        Sample([try random.normal([2, 3, 2])], [.none, .none]),
        Sample([try random.normal([2, 3, 2])], [.integer(1), .integer(-1)]),
        Sample([try random.normal([2, 3, 2]).transposed(0, 1)], [.integer(0), .integer(1)]),
        Sample([try random.normal([])], [.none, .none]),
        Sample([try random.normal([2, 0])], [.none, .none]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor(zeros: [2, 3], .f32)], [.integer(1), .integer(0)],
          words: "dimension 2 does not come before"),
        Refusal(
          [try Tensor(zeros: [2, 3], .f32)], [.integer(2), .none], words: "dimension 3 is out of range"),
      ]
    })

  public static let unflatten = Op(
    "unflatten", group: "views",
    summary: "One dimension split into several.",
    formula: "element number i of the result is element number i of self",
    shapes: "self [a, b c]; unflatten(2, {b, c}) gives [a, b, c]. One size may be -1",
    parameters: [
      own,
      Parameter("dim", .dimension(default: nil, optional: false), "the dimension to split"),
      Parameter("sizes", .shape(inferred: true), "what it becomes; -1 is inferred"),
    ],
    example: Example(
      "print(T{1, 2, 3, 4}:unflatten(1, {2, 2}))", prints: "[[1, 2],\n [3, 4]]\n[Tensor f32 2x2]"),
    compose: { inputs, attributes in
      guard let x = inputs[0] else { return [] }
      let shape = x.value.shape
      let dimension = try attributes.dimension("dim", rank: shape.count)
      let parts = try attributes.sizes("sizes", filling: shape[dimension])
      if parts.elementCount != shape[dimension] {
        throw Failure(
          .shape, "dimension \(dimension + 1) of size \(shape[dimension]) is not \(parts)", argument: 3)
      }
      return [try x.reshaped(Array(shape[..<dimension]) + Array(parts) + Array(shape[(dimension + 1)...]))]
    },
    samples: { random in
      [
        Sample([try random.normal([2, 6])], [.integer(1), .integers([2, -1])]),
        Sample([try random.normal([4, 3]).transposed(0, 1)], [.integer(-1), .integers([2, 2])]),
        Sample([try random.normal([1])], [.integer(0), .integers([1, 1])]),
        Sample([try random.normal([0])], [.integer(0), .integers([0, 2])]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor(zeros: [6], .f32)], [.integer(0), .integers([4, 2])],
          words: "dimension 1 of size 6 is not 4x2")
      ]
    })

  public static let contiguous = Op(
    "contiguous", group: "views",
    summary: "The same tensor if it is row-major without gaps, else a row-major copy.",
    formula: "result = self",
    shapes: "self [...]; the result has the same shape",
    parameters: [own],
    example: Example(
      "print(T{{1, 2}, {3, 4}}:t():contiguous())", prints: "[[1, 3],\n [2, 4]]\n[Tensor f32 2x2]"),
    forward: { context in [try context[0].contiguous()] },
    backward: { _, _, gradients in gradients },
    samples: { random in
      [
        Sample([try random.normal([2, 3]).transposed(0, 1)]), Sample([try random.normal([3])]),
        Sample([try random.normal([0])]),
      ]
    })

  public static let clone = Op(
    "clone", group: "views",
    summary: "A copy with its own storage; gradients flow through it.",
    formula: "result = self",
    shapes: "self [...]; the result has the same shape",
    parameters: [own],
    example: Example("print(T{1, 2}:clone())", prints: "[1, 2]\n[Tensor f32 2]"),
    forward: { context in [try context[0].copied()] },
    backward: { _, _, gradients in gradients },
    samples: { random in
      [
        Sample([try random.normal([2, 3]).transposed(0, 1)]), Sample([try random.normal([])]),
        Sample([try random.normal([0, 2])]),
      ]
    })

  public static let tile = Op(
    "tile", group: "views",
    summary: "Repeated copies along each dimension (PyTorch's repeat, which is a keyword in Lua).",
    formula: "result[i] = self[(i − 1) mod size + 1] in every dimension",
    shapes:
      "self [a, b]; tile(m, n) gives [m a, n b]. Counts for fewer dimensions than self has belong to the last ones",
    parameters: [
      own, Parameter("counts", .shape(inferred: false), "the number of copies along each dimension"),
    ],
    aliases: ["repeat"], example: Example("print(T{1, 2}:tile(2))", prints: "[1, 2, 1, 2]\n[Tensor f32 4]"),
    forward: { context in
      let (counts, sizes) = try tiling(context)
      var result = try context[0].reshaped(Shape(known: sizes))
      for d in sizes.indices.reversed() where counts[d] != 1 {
        let (outer, inner) = blocks(result.shape, d)
        let wide = try Shape(checked: [outer, counts[d], inner])
        var target = result.shape
        target[d] = try Checked.times(target[d], counts[d], "elements")
        result = try result.reshaped([outer, 1, inner]).expanded(to: wide).copied().reshaped(target)
      }
      return [counts.allSatisfy { $0 == 1 } ? try result.copied() : result]
    },
    backward: { context, outputs, gradients in
      guard var g = gradients[0] else { return [nil] }
      let (counts, sizes) = try tiling(context)
      for d in sizes.indices where counts[d] != 1 {
        var target = g.shape
        target[d] = sizes[d]
        let (outer, inner) = blocks(target, d)
        g = try g.reshaped([outer, counts[d], inner]).summed(to: [outer, 1, inner]).reshaped(target)
      }
      return [try g.reshaped(context[0].shape)]
    },
    samples: { random in
      [
        Sample([try random.normal([2, 3])], [.integers([2, 2])]),
        Sample([try random.normal([3])], [.integers([2, 3])]),
        Sample([try random.normal([2, 3]).transposed(0, 1)], [.integers([2])]),
        Sample([try random.normal([2])], [.integers([0])]),
        Sample([try random.normal([])], [.integers([3])]),
        Sample([try random.normal([2])], [.integers([1])]),
      ]
    },
    refusals: {
      [
        Refusal([try Tensor(zeros: [2], .f32)], [.integers([-1])], words: "negative size -1"),
        Refusal(
          [try Tensor(zeros: [2], .f32)], [.integers([1, 1, 1, 1, 1, 1, 1, 1, 1])], words: "at most 8"),
        Refusal([try Tensor(zeros: [2, 2], .f32)], [.integers([1 << 30, 1 << 31])], words: "elements"),
      ]
    })

  private static func tiling(_ context: OpContext) throws -> (counts: [Int], sizes: [Int]) {
    var counts = context.integers("counts") ?? []
    _ = try Shape(checked: counts)
    var sizes = Array(context[0].shape)
    counts.insert(contentsOf: repeatElement(1, count: max(0, sizes.count - counts.count)), at: 0)
    sizes.insert(contentsOf: repeatElement(1, count: counts.count - sizes.count), at: 0)
    _ = try Shape(checked: try zip(counts, sizes).map { try Checked.times($0, $1, "elements") })
    return (counts, sizes)
  }

  /// The number of elements before a dimension, and from it on.
  private static func blocks(_ shape: Shape, _ dimension: Int) -> (Int, Int) {
    (shape[..<dimension].reduce(1, *), shape[dimension...].reduce(1, *))
  }

  public static let flip = Op(
    "flip", group: "views",
    summary: "A copy with the order of some dimensions reversed.",
    formula: "result[.., i, ..] = self[.., d + 1 − i, ..]",
    shapes: "self [...]; the result has the same shape",
    parameters: [own, Parameter("dims", .dimensions, "the dimensions to reverse")],
    example: Example("print(T{1, 2, 3}:flip{1})", prints: "[3, 2, 1]\n[Tensor f32 3]"),
    forward: { context in [try flipped(context[0], try context.dimensions("dims", rank: context[0].rank))] },
    backward: { context, _, gradients in
      [try gradients[0].map { try flipped($0, try context.dimensions("dims", rank: context[0].rank)) }]
    },
    samples: { random in
      [
        Sample([try random.normal([2, 3])], [.integers([1])]),
        Sample([try random.normal([2, 3]).transposed(0, 1)], [.integers([0, 1])]),
        Sample([try random.normal([0, 2])], [.integers([0])]),
        Sample([try random.normal([1])], [.integers([0])]),
      ]
    },
    refusals: {
      [
        Refusal([try Tensor(zeros: [2], .f32)], [.integers([1])], words: "dimension 2 is out of range"),
        Refusal([try Tensor(zeros: [2], .f32)], [.integers([0, 0])], words: "a dimension comes twice"),
      ]
    })

  private static func flipped(_ tensor: Tensor, _ dimensions: [Int]) throws -> Tensor {
    if tensor.elementCount == 0 { return try tensor.copied() }
    var (strides, offset) = (tensor.strides, tensor.offset)
    for d in dimensions {
      offset += (tensor.shape[d] - 1) * strides[d]
      strides[d] = -strides[d]
    }
    let reversed = Tensor(
      storage: tensor.storage, dtype: tensor.dtype, shape: tensor.shape, strides: strides, offset: offset)
    return try reversed.copied()
  }

  public static let roll = Op(
    "roll", group: "views",
    summary: "A copy whose positions are shifted; the last ones wrap around to the front.",
    formula: "result[(i − 1 + shift) mod d + 1] = self[i]",
    shapes: "self [...]; the result has the same shape",
    parameters: [
      own,
      Parameter("shift", .integer(default: nil), "the number of positions; negative shifts to the front"),
      Parameter(
        "dim", .dimension(default: nil, optional: true),
        "the dimension; by default the flattened tensor is rolled"),
    ],
    example: Example("print(T{1, 2, 3}:roll(1))", prints: "[3, 1, 2]\n[Tensor f32 3]"),
    forward: { context in [try rolled(context[0], context, sign: 1)] },
    backward: { context, _, gradients in [try gradients[0].map { try rolled($0, context, sign: -1) }] },
    samples: { random in
      [
        Sample([try random.normal([2, 3])], [.integer(1), .none]),
        Sample([try random.normal([4, 3])], [.integer(-5), .integer(0)]),
        Sample([try random.normal([4, 3]).transposed(0, 1)], [.integer(2), .integer(1)]),
        Sample([try random.normal([0])], [.integer(1), .none]),
        Sample([try random.normal([])], [.integer(1), .none]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor(zeros: [2], .f32)], [.integer(1), .integer(1)], words: "dimension 2 is out of range")
      ]
    })

  private static func rolled(_ tensor: Tensor, _ context: OpContext, sign: Int) throws -> Tensor {
    let flat = context.integer("dim") == nil
    let source = flat ? try tensor.reshaped([tensor.elementCount]) : tensor
    let dimension = flat ? 0 : try context.dimension("dim", rank: tensor.rank)
    let size = source.shape[dimension]
    if size == 0 { return try tensor.copied() }
    let shift = (try context.required("shift") % size * sign + size) % size
    let result = try Tensor(uninitialized: source.shape, source.dtype)
    try Strided.copy(
      from: try source.narrowed(dimension, from: 0, length: size - shift),
      to: try result.narrowed(dimension, from: shift, length: size - shift))
    try Strided.copy(
      from: try source.narrowed(dimension, from: size - shift, length: shift),
      to: try result.narrowed(dimension, from: 0, length: shift))
    return try result.reshaped(tensor.shape)
  }
}
