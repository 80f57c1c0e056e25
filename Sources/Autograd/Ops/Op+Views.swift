/// Other views of the same elements: nothing is copied, and a write through the view is seen in its base.
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
    example: Example(
      "print(T{{1, 2}, {3, 4}}:transpose(1, 2))", prints: "[[1, 3],\n [2, 4]]\n[Tensor f32 2x2]"),
    forward: { call in
      let rank = call[0].rank
      return [try call[0].transposed(try call.dimension(0, rank: rank), try call.dimension(1, rank: rank))]
    },
    backward: { call, _, gradients in
      let rank = call[0].rank
      return [
        try gradients[0]?.transposed(try call.dimension(0, rank: rank), try call.dimension(1, rank: rank))
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
    summary: "The transpose of a matrix, over the same storage; vectors and scalars stay as they are.",
    formula: "result[j, i] = self[i, j]",
    shapes: "self [a, b], [a] or a scalar; the result is [b, a], [a] or a scalar",
    parameters: [own],
    example: Example("print(T{{1, 2}, {3, 4}}:t())", prints: "[[1, 3],\n [2, 4]]\n[Tensor f32 2x2]"),
    forward: { call in
      if call[0].rank > 2 {
        throw Failure(.shape, "expected at most two dimensions, got \(call[0].shape)", argument: 1)
      }
      return [call[0].rank == 2 ? try call[0].transposed(0, 1) : call[0]]
    },
    backward: { call, _, gradients in
      [call[0].rank == 2 ? try gradients[0]?.transposed(0, 1) : gradients[0]]
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
    forward: { call in [try call[0].permuted(try order(call))] },
    backward: { call, _, gradients in
      let order = try order(call)
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

  private static func order(_ call: Invocation) throws -> [Int] { try call.dimensions(0, rank: call[0].rank) }

  public static let movedim = Op(
    "movedim", group: "views",
    summary: "One dimension moved to another place; the others keep their order.",
    formula: "dimension `destination` of the result is dimension `source` of self",
    shapes: "self [a, b, c]; movedim(1, 3) gives [b, c, a]",
    parameters: [
      own,
      Parameter("source", .dimension(default: nil, optional: false), "the dimension to move"),
      Parameter("destination", .dimension(default: nil, optional: false), "where it goes"),
    ],
    example: Example(
      "print(T{{1, 2}, {3, 4}}:movedim(1, 2))", prints: "[[1, 3],\n [2, 4]]\n[Tensor f32 2x2]"),
    forward: { call in [try moved(call[0], call, 0, 1)] },
    backward: { call, _, gradients in [try gradients[0].map { try moved($0, call, 1, 0) }] },
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

  private static func moved(_ tensor: Tensor, _ call: Invocation, _ from: Int, _ to: Int) throws -> Tensor {
    let (source, destination) = (
      try call.dimension(from, rank: tensor.rank), try call.dimension(to, rank: tensor.rank)
    )
    var order = (0..<tensor.rank).filter { $0 != source }
    order.insert(source, at: destination)
    return try tensor.permuted(order)
  }

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
    forward: { call in [try narrowed(call[0], call)] },
    backward: { call, _, gradients in
      [try gradients[0].map { try call[0].zerosFilled({ try narrowed($0, call) }, $0) }]
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

  private static func narrowed(_ tensor: Tensor, _ call: Invocation) throws -> Tensor {
    let dimension = try call.dimension(0, rank: tensor.rank)
    let (size, length, given) = (tensor.shape[dimension], try call.required(2), try call.required(1))
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
    summary: "One position of a dimension, which disappears, over the same storage.",
    formula: "result[.., ..] = self[.., position, ..]",
    shapes: "self [a, d, b]; select(2, p) gives [a, b]",
    parameters: [
      own,
      Parameter("dim", .dimension(default: nil, optional: false), "the dimension to drop"),
      Parameter("position", .position(default: nil), "the position kept; negatives count from the end"),
    ],
    example: Example("print(T{{1, 2}, {3, 4}}:select(1, 2))", prints: "[3, 4]\n[Tensor f32 2]"),
    forward: { call in [try selected(call[0], call)] },
    backward: { call, _, gradients in
      [try gradients[0].map { try call[0].zerosFilled({ try selected($0, call) }, $0) }]
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

  private static func selected(_ tensor: Tensor, _ call: Invocation) throws -> Tensor {
    let dimension = try call.dimension(0, rank: tensor.rank)
    return try tensor.selected(dimension, try call.position(1, size: tensor.shape[dimension]))
  }
}
