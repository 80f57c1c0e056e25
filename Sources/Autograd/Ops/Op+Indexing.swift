/// Elements by their positions. Positions count from 1, negatives from the end; 0 is an error.
import Base
import Tensors

extension Op {
  static let indexing: [Op] = [
    indexSelect, repeatInterleave, gather, take, maskedSelect, nonzero, scatter, scatterAdd, indexAdd,
  ]

  static let indexed = Parameter(
    "dim", .dimension(default: nil, optional: false), "the dimension that is indexed")

  public static let indexSelect = Op(
    "index_select", group: "indexing",
    summary: "The slices of one dimension at a list of positions.",
    formula: "result[.., i, ..] = self[.., index[i], ..]",
    shapes: "self [..., d, ...], index [n] or a scalar; the result is [..., n, ...]",
    parameters: [own, indexed, Parameter("index", .tensor, "positions from 1")],
    example: Example("print(T{10, 20, 30}:index_select(1, T{3, 1}))", prints: "[30, 10]\n[Tensor f32 2]"),
    forward: { context in
      let dimension = try context.dimension("dim", rank: context[0].rank)
      let index = try positionList(context[1], size: context[0].shape[dimension])
      if context.needs[0] { context.saved = [index] }
      return [try context[0].slices(dimension, index)]
    },
    backward: { context, _, gradients in
      guard let g = gradients[0], context.needs[0] else { return [nil, nil] }
      let result = try Tensor(zeros: context[0].shape, g.dtype)
      try result.addSlices(try context.dimension("dim", rank: context[0].rank), context.saved[0], g)
      return [result, nil]
    },
    samples: { random in
      [
        Sample([try random.normal([4, 3]), try positions([3, 1, -4, 1])], [.integer(0)]),
        Sample([try random.normal([3, 4]).transposed(0, 1), try positions([2, 2])], [.integer(1)]),
        Sample([try random.normal([2, 3, 2]), try positions([3])], [.integer(1)]),
        Sample([try random.normal([2, 3]), try positions([])], [.integer(0)]),
        Sample([try random.normal([2, 0]), try positions([2])], [.integer(0)]),
      ]
    },
    refusals: {
      let tensor = try Tensor(zeros: [3], .f32)
      return [
        Refusal([tensor, try positions([1, 0])], [.integer(0)], words: "index 0: positions start at 1"),
        Refusal(
          [tensor, try positions([1, 4])], [.integer(0)],
          words: "index 4 at [2] is out of range for a dimension of size 3"),
        Refusal([tensor, try positions([-4])], [.integer(0)], words: "index -4 at [1] is out of range"),
        Refusal(
          [tensor, try Tensor([1.5], shape: [1])], [.integer(0)], words: "expected whole numbers, got 1.5"),
        Refusal(
          [tensor, try Tensor([true], shape: [1])], [.integer(0)],
          words: "expected whole numbers, got a tensor of bool"
        ),
        Refusal(
          [tensor, try Tensor(zeros: [1, 1], .i64)], [.integer(0)],
          words: "expected a list of positions, got 1x1"),
      ]
    })

  public static let repeatInterleave = Op(
    "repeat_interleave", group: "indexing",
    summary: "Each slice of one dimension, or each element, several times in a row.",
    formula: "result = self[1] repeats[1] times, self[2] repeats[2] times, ...",
    shapes:
      "self [..., d, ...], repeats a number or [d]; the result is [..., sum of repeats, ...], flat without dim",
    parameters: [
      own,
      Parameter(
        "repeats", .operand, "how often each comes: a whole number, or a tensor of one for each slice",
        numberType: .i64),
      Parameter(
        "dim", .dimension(default: nil, optional: true),
        "the dimension; nil takes the elements in row-major order"),
    ],
    example: Example(
      "print(T{1, 2}:repeat_interleave(2))\nprint(T{1, 2}:repeat_interleave(T{0, 3}))",
      prints: "[1, 1, 2, 2]\n[Tensor f32 4]\n[2, 2, 2]\n[Tensor f32 3]"),
    compose: { inputs, attributes in
      guard let x = inputs[0], let repeats = inputs[1]?.value else { return [] }
      var (source, dimension) = (x, 0)
      if attributes.integer("dim") != nil {
        dimension = try attributes.dimension("dim", rank: x.value.rank)
      } else {
        source = try x.reshaped([-1])
      }
      let counts = try repeatCounts(repeats, size: source.value.shape[dimension])
      var total = 0
      try Parallel.inOrder(counts.count) {
        for i in $0 { total = try Checked.plus(total, counts[i], "elements") }
      }
      let index = try Tensor(uninitialized: [total], .i64)
      var place = index.pointer(Int64.self)
      try Parallel.inOrder(counts.count, grain: 1 << 12) {
        for i in $0 {
          place.update(repeating: Int64(i + 1), count: counts[i])
          place += counts[i]
        }
      }
      return [try source.indexSelected(dimension, Variable(index))]
    },
    samples: { random in
      [
        Sample([try random.normal([2, 3]), try Tensor(scalar: 2, .i64)], [.none]),
        Sample([try random.normal([2, 3]), try positions([3, 0, 1])], [.integer(1)]),
        Sample([try random.normal([3, 2]).transposed(0, 1), try positions([2, 1])], [.integer(-2)]),
        Sample([try random.normal([3, 2]).transposed(0, 1), try positions([2])], [.none]),
        Sample([try random.normal([]), try Tensor(scalar: 3, .i64)], [.none]),
        Sample([try random.normal([0, 2]), try Tensor(scalar: 3, .i64)], [.integer(0)]),
        Sample([try random.normal([4]), try Tensor(scalar: 0, .i64)], [.integer(0)]),
      ]
    },
    refusals: {
      let tensor = try Tensor(zeros: [2], .f32)
      return [
        Refusal([tensor, try Tensor(scalar: -1, .i64)], [.none], words: "negative number of repeats -1"),
        Refusal([tensor, try Tensor(scalar: 1.5, .f32)], [.none], words: "expected whole numbers, got 1.5"),
        Refusal(
          [tensor, try positions([1, 2, 3])], [.integer(0)], words: "3 repeats for a dimension of size 2"),
        Refusal(
          [tensor, try Tensor(zeros: [1, 2], .i64)], [.integer(0)], words: "a number or a list, got 1x2"),
        Refusal([tensor, try positions([1 << 61, 1 << 61])], [.none], words: "the limit is"),
      ]
    })

  /// One count for each of `size` slices, from a number, a list of one, or a list of `size`.
  private static func repeatCounts(_ repeats: Tensor, size: Int) throws -> [Int] {
    if repeats.rank > 1 {
      throw Failure(.shape, "expected a number or a list, got \(repeats.shape)", argument: 2)
    }
    let given: [Int] =
      try repeats.dtype == .i64
      ? repeats.elements(Int64.self).map { Int($0) }
      : repeats.doubles().map { x in
        guard repeats.dtype.isFloating, let whole = Int(exactly: x) else {
          throw Failure(.value, "expected whole numbers, got \(x)", argument: 2)
        }
        return whole
      }
    if given.count != 1 && given.count != size {
      throw Failure(.shape, "\(given.count) repeats for a dimension of size \(size)", argument: 2)
    }
    for count in given where count < 0 {
      throw Failure(.value, "negative number of repeats \(count)", argument: 2)
    }
    return given.count == size ? given : [Int](repeating: given[0], count: size)
  }

  static func positions(_ values: [Int64]) throws -> Tensor { try Tensor(values, shape: [values.count]) }

  static func positionList(_ index: Tensor, size: Int) throws -> Tensor {
    if index.rank > 1 {
      throw Failure(.shape, "expected a list of positions, got \(index.shape)", argument: 3)
    }
    return try index.zeroBasedPositions(size: size, argument: 3).reshaped([index.elementCount])
  }

  public static let gather = Op(
    "gather", group: "indexing",
    summary: "Elements along one dimension, one for each position in an index tensor.",
    formula: "result[i, j] = self[i, index[i, j]] for the last dimension",
    shapes: "self [a, d], index [a', n] with a' ≤ a; gather(2, index) is [a', n]",
    parameters: [
      own, indexed, Parameter("index", .tensor, "positions from 1, with as many dimensions as self"),
    ],
    example: Example(
      "print(T{{1, 2}, {3, 4}}:gather(2, T{{2}, {1}}))", prints: "[[2],\n [3]]\n[Tensor f32 2x1]"),
    forward: { context in
      let (dimension, index) = try placed(context)
      if context.needs[0] { context.saved = [index] }
      return [try context[0].gathered(dimension, index)]
    },
    backward: { context, _, gradients in
      guard let g = gradients[0], context.needs[0] else { return [nil, nil] }
      let result = try Tensor(zeros: context[0].shape, g.dtype)
      try result.scatterAdd(try context.dimension("dim", rank: context[0].rank), context.saved[0], from: g)
      return [result, nil]
    },
    samples: { random in
      [
        Sample([try random.normal([2, 3]), try positions([1, -1, 3, 3]).reshaped([2, 2])], [.integer(1)]),
        Sample(
          [try random.normal([3, 2]).transposed(0, 1), try positions([2, 1]).reshaped([1, 2])], [.integer(0)]),
        Sample([try random.normal([3]), try positions([])], [.integer(0)]),
        Sample([try random.normal([1]), try positions([1, 1])], [.integer(0)]),
      ]
    },
    refusals: {
      let tensor = try Tensor(zeros: [2, 3], .f32)
      return [
        Refusal(
          [tensor, try positions([4]).reshaped([1, 1])], [.integer(1)],
          words: "index 4 at [1,1] is out of range"),
        Refusal(
          [tensor, try positions([0]).reshaped([1, 1])], [.integer(1)], words: "index 0: positions start at 1"
        ),
        Refusal(
          [tensor, try positions([1])], [.integer(1)],
          words: "index of 1 does not fit a tensor of 2x3 along dimension 2"),
        Refusal(
          [tensor, try positions([1, 1, 1]).reshaped([3, 1])], [.integer(1)],
          words: "index of 3x1 does not fit a tensor of 2x3 along dimension 2"),
      ]
    })

  /// The dimension and the checked index of gather and scatter.
  static func placed(_ context: OpContext) throws -> (Int, Tensor) {
    let (own, index) = (context[0], context[1])
    let dimension = try context.dimension("dim", rank: own.rank)
    let fits =
      index.rank == own.rank
      && (0..<own.rank).allSatisfy { $0 == dimension || index.shape[$0] <= own.shape[$0] }
    if !fits {
      throw Failure(
        .shape,
        "index of \(index.shape) does not fit a tensor of \(own.shape) along dimension \(dimension + 1)",
        argument: 3)
    }
    return (dimension, try index.zeroBasedPositions(size: own.shape[dimension], argument: 3))
  }

  public static let take = Op(
    "take", group: "indexing",
    summary: "Elements at positions in row-major order.",
    formula: "result[i] = flatten(self)[index[i]]",
    shapes: "self [...], index of any shape; the result has the shape of the index",
    parameters: [own, Parameter("index", .tensor, "positions from 1 among all elements")],
    example: Example("print(T{{1, 2}, {3, 4}}:take(T{4, 1}))", prints: "[4, 1]\n[Tensor f32 2]"),
    forward: { context in
      let index = try context[1].zeroBasedPositions(size: context[0].elementCount, argument: 2)
      if context.needs[0] { context.saved = [index] }
      let flat = try context[0].reshaped([context[0].elementCount])
      return [try flat.slices(0, try index.reshaped([index.elementCount])).reshaped(index.shape)]
    },
    backward: { context, _, gradients in
      guard let g = gradients[0], context.needs[0] else { return [nil, nil] }
      let result = try Tensor(zeros: [context[0].elementCount], g.dtype)
      try result.scatterAdd(
        0, try context.saved[0].reshaped([g.elementCount]), from: try g.reshaped([g.elementCount]))
      return [try result.reshaped(context[0].shape), nil]
    },
    samples: { random in
      [
        Sample([try random.normal([2, 3]), try positions([6, 1, 1, -2]).reshaped([2, 2])]),
        Sample([try random.normal([2, 3]).transposed(0, 1), try positions([2])]),
        Sample([try random.normal([1]), try positions([])]),
        Sample([try random.normal([]), try positions([1])]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor(zeros: [2, 2], .f32), try positions([5])],
          words: "index 5 at [1] is out of range for a dimension of size 4"),
        Refusal(
          [try Tensor(zeros: [2, 2], .f32), try positions([0])], words: "index 0: positions start at 1"),
      ]
    })

  public static let maskedSelect = Op(
    "masked_select", group: "indexing",
    summary: "The elements where a mask is true, in row-major order.",
    formula: "result = self[i] for all i with mask[i]",
    shapes: "self [...], mask [...] of bool, broadcast together; the result is [number of true elements]",
    parameters: [own, Parameter("mask", .tensor, "a tensor of bool")],
    example: Example("print(T{1, 2, 3}:masked_select(T{1, 2, 3}:gt(1)))", prints: "[2, 3]\n[Tensor f32 2]"),
    forward: { context in
      if context[1].dtype != .bool {
        throw Failure(.dtype, "expected a mask of bool, got \(context[1].dtype.rawValue)", argument: 2)
      }
      let shape = try Shape.broadcast(context[0].shape, context[1].shape)
      let places = try context[1].expanded(to: shape).placesOfTrue()
      if context.needs[0] { context.saved = [places] }
      return [try context[0].expanded(to: shape).reshaped([shape.elementCount]).slices(0, places)]
    },
    backward: { context, _, gradients in
      guard let g = gradients[0], context.needs[0] else { return [nil, nil] }
      let shape = try Shape.broadcast(context[0].shape, context[1].shape)
      let result = try Tensor(zeros: [shape.elementCount], g.dtype)
      try result.scatter(0, context.saved[0], from: g)
      return [try result.reshaped(shape).summed(to: context[0].shape), nil]
    },
    samples: { random in
      [
        Sample([try random.normal([2, 3]), try random.flags([2, 3])]),
        Sample([try random.normal([3, 2]).transposed(0, 1), try random.flags([3])]),
        Sample([try random.normal([3]), try random.flags([2, 1])]),
        Sample([try random.normal([0]), try random.flags([0])]),
        Sample([try random.normal([1]), try Tensor([false], shape: [1])]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor(zeros: [2], .f32), try Tensor(zeros: [2], .f32)],
          words: "expected a mask of bool, got f32"),
        Refusal(
          [try Tensor(zeros: [2], .f32), try Tensor(zeros: [3], .bool)], words: "2 and 3 cannot broadcast"),
      ]
    })

  public static let nonzero = Op(
    "nonzero", group: "indexing",
    summary: "The positions of all elements that are not zero, in row-major order.",
    formula: "row r of the result holds the position, from 1, of the r-th such element along each dimension",
    shapes: "self [d1, ..., dn]; the result is [number of them, n] of i64",
    parameters: [own],
    aliases: ["argwhere"],
    example: Example("print(T{0, 5, 0, 7}:nonzero())", prints: "[[2],\n [4]]\n[Tensor i64 2x1]"),
    forward: { context in
      let places = try context[0].cast(to: .bool).placesOfTrue()
      let (shape, count) = (context[0].shape, places.elementCount)
      let result = try Tensor(uninitialized: [count, shape.count], .i64)
      let (from, to) = (places.pointer(Int64.self), result.pointer(Int64.self))
      withExtendedLifetime(places) {
        for i in 0..<count {
          var rest = Int(from[i])
          for d in shape.indices.reversed() {
            to[i * shape.count + d] = Int64(rest % shape[d] + 1)
            rest /= shape[d]
          }
        }
      }
      return [result]
    },
    samples: { random in
      [
        Sample([try random.flags([2, 3])]), Sample([try random.integers([3, 2], 0..<2).transposed(0, 1)]),
        Sample([try random.normal([0, 2])]), Sample([try random.normal([])]),
      ]
    })
}
