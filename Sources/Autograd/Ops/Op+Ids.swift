/// Operations on token and class ids, which count from 0, as in the vocabulary file.
import Base
import Tensors

extension Op {
  static let ids: [Op] = [embedding, oneHot, gatherId]

  public static let embedding = Op(
    "embedding", group: "ids",
    summary: "The row of a table for each id.",
    formula: "result[.., :] = weight[id, :], where id 0 is the first row",
    shapes: "weight [vocab, d], ids [...]; the result is [..., d]",
    parameters: [
      Parameter("weight", .tensor, "one row for each id"),
      Parameter("ids", .tensor, "ids from 0, as in the vocabulary"),
    ],
    example: Example(
      "print(T.embedding(T{{1, 2}, {3, 4}}, T{1, 0}))", prints: "[[3, 4],\n [1, 2]]\n[Tensor f32 2x2]"),
    forward: { context in
      if context[0].rank != 2 {
        throw Failure(.shape, "expected a weight of two dimensions, got \(context[0].shape)", argument: 1)
      }
      let ids = try context[1].checkedIds("id", count: context[0].shape[0], argument: 2)
      if context.needs[0] { context.saved = [ids] }
      let shape = try Shape(checked: Array(ids.shape) + [context[0].shape[1]])
      return [try context[0].slices(0, try ids.reshaped([ids.elementCount])).reshaped(shape)]
    },
    backward: { context, _, gradients in
      guard let g = gradients[0], context.needs[0] else { return [nil, nil] }
      // The table is large and the ids are few, so an existing gradient is added to in place.
      let sum = context.accumulator(0)
      let result = try sum ?? Tensor(zeros: context[0].shape, g.dtype)
      let count = context.saved[0].elementCount
      try result.addSlices(
        0, try context.saved[0].reshaped([count]), try g.reshaped([count, context[0].shape[1]]))
      return [sum == nil ? result : nil, nil]
    },
    samples: { random in
      [
        Sample([try random.normal([5, 3]), try random.integers([2, 4], 0..<5)]),
        Sample([
          try random.normal([3, 5]).transposed(0, 1), try random.integers([3, 2], 0..<5).transposed(0, 1),
        ]),
        Sample([try random.normal([2, 3]), try random.integers([], 0..<2)]),
        Sample([try random.normal([2, 3]), try random.integers([0], 0..<2)]),
        Sample([try random.normal([1, 1]), try random.integers([1], 0..<1)]),
      ]
    },
    refusals: {
      let weight = try Tensor(zeros: [4, 2], .f32)
      return [
        Refusal(
          [weight, try positions([1, 2, 4, 0]).reshaped([2, 2])],
          words: "id 4 at [2,1] is not a token id: expected 0..3 (vocab 4)"),
        Refusal(
          [weight, try positions([-1])], words: "id -1 at [1] is not a token id: expected 0..3 (vocab 4)"),
        Refusal([weight, try Tensor([0.5], shape: [1])], words: "expected whole numbers, got 0.5"),
        Refusal(
          [try Tensor(zeros: [4], .f32), try positions([1])],
          words: "expected a weight of two dimensions, got 4"),
      ]
    })

  public static let oneHot = Op(
    "one_hot", group: "ids",
    summary: "For each class id, a vector that is 1 at that class and 0 elsewhere.",
    formula: "result[.., id + 1] = 1, all else 0",
    shapes: "ids [...]; the result is [..., classes] of i64",
    parameters: [
      Parameter("ids", .tensor, "class ids from 0"),
      Parameter(
        "classes", .integer(default: -1),
        "the number of classes; one more than the largest id by default"),
    ],
    example: Example("print(T{1, 0}:one_hot(2))", prints: "[[0, 1],\n [1, 0]]\n[Tensor i64 2x2]"),
    forward: { context in
      var classes = try context.required("classes")
      if classes == -1 {
        let largest = try context[0].checkedIds("class", count: Int.max, argument: 1).elements(Int64.self)
          .max()
        guard let largest else {
          throw Failure(.value, "no ids to count the classes of: pass their number", argument: 2)
        }
        classes = try Checked.plus(Int(largest), 1, "classes")
      }
      if classes < 1 { throw Failure(.value, "expected at least 1 class, got \(classes)", argument: 2) }
      let ids = try context[0].checkedIds("class", count: classes, argument: 1)
      let result = try Tensor(zeros: try Shape(checked: Array(ids.shape) + [classes]), .i64)
      let (from, to) = (ids.pointer(Int64.self), result.pointer(Int64.self))
      withExtendedLifetime(ids) { for i in 0..<ids.elementCount { to[i * classes + Int(from[i])] = 1 } }
      return [result]
    },
    samples: { random in
      [
        Sample([try random.integers([2, 3], 0..<4)], [.integer(4)]),
        Sample([try random.integers([3, 2], 0..<4).transposed(0, 1)], [.integer(-1)]),
        Sample([try random.integers([], 0..<2)], [.integer(2)]),
        Sample([try random.integers([0], 0..<2)], [.integer(2)]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try positions([1, 4])], [.integer(4)],
          words: "class 4 at [2] is not a class id: expected 0..3 (classes 4)"),
        Refusal([try positions([1])], [.integer(0)], words: "at least 1 class, got 0"),
        Refusal([try positions([])], [.integer(-1)], words: "no ids to count the classes of"),
        Refusal([try positions([1])], [.integer(1 << 50)], words: "limit"),
      ]
    })

  public static let gatherId = Op(
    "gather_id", group: "ids",
    summary:
      "For each token id, its element of the last dimension, such as its log-probability.",
    formula: "result[..] = self[.., id + 1]",
    shapes: "self [..., vocab], ids [...]; the result has the shape of the ids",
    parameters: [
      Parameter("self", .tensor, "one number for each id of the vocabulary, in the last dimension"),
      Parameter("ids", .tensor, "ids from 0, as in the vocabulary"),
    ],
    example: Example("print(T{{1, 2}, {3, 4}}:gather_id(T{1, 0}))", prints: "[2, 3]\n[Tensor f32 2]"),
    forward: { context in
      let (own, lead) = (context[0], Shape(known: context[0].shape.dropLast()))
      if own.rank == 0 || context[1].shape != lead {
        throw Failure(
          .shape,
          own.rank == 0
            ? "expected at least one dimension, got a scalar"
            : "expected ids of \(lead), got \(context[1].shape)",
          argument: own.rank == 0 ? 1 : 2)
      }
      let ids = try context[1].checkedIds("target", count: own.shape[own.rank - 1], argument: 2)
      if context.needs[0] { context.saved = [ids] }
      return [try own.gathered(own.rank - 1, try column(ids)).reshaped(lead)]
    },
    backward: { context, _, gradients in
      guard let g = gradients[0], context.needs[0] else { return [nil, nil] }
      let result = try Tensor(zeros: context[0].shape, g.dtype)
      try result.scatter(context[0].rank - 1, try column(context.saved[0]), from: try column(g))
      return [result, nil]
    },
    samples: { random in
      [
        Sample([try random.normal([2, 3, 4]), try random.integers([2, 3], 0..<4)]),
        Sample([try random.normal([4, 3]).transposed(0, 1), try random.integers([3], 0..<4)]),
        Sample([try random.normal([3]), try random.integers([], 0..<3)]),
        Sample([try random.normal([0, 3]), try random.integers([0], 0..<3)]),
        Sample([try random.normal([1, 1]), try random.integers([1], 0..<1)]),
      ]
    },
    refusals: {
      let logps = try Tensor(zeros: [2, 3], .f32)
      return [
        Refusal(
          [logps, try positions([0, 3])], words: "target 3 at [2] is not a token id: expected 0..2 (vocab 3)"),
        Refusal([logps, try positions([0])], words: "expected ids of 2, got 1"),
        Refusal(
          [try Tensor(zeros: [], .f32), try positions([])], words: "at least one dimension, got a scalar"),
      ]
    })

  /// A last dimension of size 1. The rank is within the limit: the ids have one dimension less than their
  /// tensor.
  private static func column(_ tensor: Tensor) throws -> Tensor { try tensor.unsqueezed(tensor.rank) }
}
