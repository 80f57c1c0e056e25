/// Joining tensors and cutting them apart.
import Base
import Tensors

extension Op {
  static let joining: [Op] = [cat, stack, split, chunk]

  public static let cat = Op(
    "cat", group: "joining",
    summary: "Tensors concatenated along an existing dimension.",
    formula: "result = self[1], self[2], ... along dim",
    shapes: "tensors [..., di, ...] that agree elsewhere; the result is [..., d1 + d2 + ..., ...]",
    parameters: [
      Parameter("tensors", .tensors, "the tensors to join, at least one"),
      Parameter("dim", .dimension(default: 0, optional: false), "the dimension along which they are joined"),
    ],
    aliases: ["concat", "concatenate"],
    example: Example("print(T.cat{T{1, 2}, T{3}})", prints: "[1, 2, 3]\n[Tensor f32 3]"),
    forward: { context in
      let (dtype, dimension, parts) = try joined(context)
      guard let first = parts.first else { return [try Tensor(zeros: [0], dtype)] }
      var shape = first.shape
      shape[dimension] = 0
      for part in parts {
        shape[dimension] = try Checked.plus(shape[dimension], part.shape[dimension], "elements")
      }
      _ = try shape.checkedElementCount()
      let result = try Tensor(uninitialized: shape, dtype)
      var start = 0
      for part in parts {
        let length = part.shape[dimension]
        try Strided.copy(
          from: try part.cast(to: dtype), to: try result.narrowed(dimension, from: start, length: length))
        start += length
      }
      return [result]
    },
    backward: { context, _, gradients in
      guard let g = gradients[0] else { return context.inputs.map { _ in nil } }
      let (_, dimension, _) = try joined(context)
      var start = 0
      return try context.inputs.enumerated().map { i, input in
        guard let input else { return nil }
        if isNothing(input) { return context.needs[i] ? try Tensor(zeros: input.shape, input.dtype) : nil }
        let length = input.shape[dimension]
        defer { start += length }
        return context.needs[i]
          ? try g.narrowed(dimension, from: start, length: length).cast(to: input.dtype) : nil
      }
    },
    samples: { random in
      [
        Sample([try random.normal([2, 3]), try random.normal([1, 3])], [.integer(0)]),
        Sample(
          [
            try random.normal([2, 3]), try random.normal([2, 2]).transposed(0, 1), try random.normal([2, 0]),
          ],
          [.integer(1)]),
        Sample([try random.normal([0]), try random.normal([2, 2])], [.integer(-1)]),
        Sample([try random.normal([1])], [.integer(0)]),
      ]
    },
    refusals: {
      [
        Refusal([], [.integer(0)], words: "at least one tensor"),
        Refusal(
          [try Tensor(zeros: [2, 3], .f32), try Tensor(zeros: [2, 4], .f32)], [.integer(0)],
          words: "sizes differ outside dimension 1: tensor 1 is 2x3, tensor 2 is 2x4"),
        Refusal(
          [try Tensor(zeros: [], .f32)], [.integer(0)], words: "tensor 1 has no dimension to join along"),
        Refusal([try Tensor(zeros: [2], .f32)], [.integer(1)], words: "dimension 2 is out of range"),
      ]
    })

  /// A tensor of shape [0] joins with anything, as in PyTorch.
  private static func isNothing(_ tensor: Tensor) -> Bool { tensor.rank == 1 && tensor.shape[0] == 0 }

  /// The common type, the dimension and the parts that hold something.
  private static func joined(_ context: OpContext) throws -> (DType, Int, [Tensor]) {
    let all = context.inputs.compactMap { $0 }
    guard let start = all.first else { throw Failure(.argument, "expected at least one tensor", argument: 1) }
    let dtype = all.dropFirst().reduce(start.dtype) { DType.promote($0, $1.dtype) }
    for (i, part) in all.enumerated() where part.rank == 0 {
      throw Failure(.shape, "tensor \(i + 1) has no dimension to join along", argument: 1)
    }
    guard let lead = all.firstIndex(where: { !isNothing($0) }) else {
      _ = try context.dimension("dim", rank: 1)
      return (dtype, 0, [])
    }
    let dimension = try context.dimension("dim", rank: all[lead].rank)
    for (i, part) in all.enumerated() where !isNothing(part) {
      var shape = part.shape
      if shape.count == all[lead].rank { shape[dimension] = all[lead].shape[dimension] }
      if shape != all[lead].shape {
        throw Failure(
          .shape,
          "sizes differ outside dimension \(dimension + 1): tensor \(lead + 1) is \(all[lead].shape), "
            + "tensor \(i + 1) is \(part.shape)", argument: 1)
      }
    }
    return (dtype, dimension, all.filter { !isNothing($0) })
  }

  public static let stack = Op(
    "stack", group: "joining",
    summary: "Tensors of one shape joined along a new dimension.",
    formula: "result[i, ..] = tensors[i][..] for the first dimension",
    shapes: "n tensors [a, b]; stack(tensors) gives [n, a, b], stack(tensors, 3) gives [a, b, n]",
    parameters: [
      Parameter("tensors", .tensors, "the tensors to join, at least one"),
      Parameter(
        "dim", .newDimension(default: 0), "the position of the new dimension in the result"),
    ],
    example: Example("print(T.stack{T{1, 2}, T{3, 4}})", prints: "[[1, 2],\n [3, 4]]\n[Tensor f32 2x2]"),
    compose: { inputs, attributes in
      let all = inputs.compactMap { $0 }
      guard let first = all.first else {
        throw Failure(.argument, "expected at least one tensor", argument: 1)
      }
      for (i, part) in all.enumerated() where part.value.shape != first.value.shape {
        throw Failure(
          .shape, "shapes differ: tensor 1 is \(first.value.shape), tensor \(i + 1) is \(part.value.shape)",
          argument: 1
        )
      }
      let place = try attributes.dimension("dim", rank: first.value.rank + 1)
      return [try Variable.concatenated(try all.map { try $0.unsqueezed(place) }, place)]
    },
    samples: { random in
      [
        Sample([try random.normal([2, 3]), try random.normal([3, 2]).transposed(0, 1)], [.integer(0)]),
        Sample([try random.normal([2]), try random.normal([2])], [.integer(-1)]),
        Sample([try random.normal([]), try random.normal([])], [.integer(0)]),
        Sample([try random.normal([0, 2])], [.integer(1)]),
      ]
    },
    refusals: {
      [
        Refusal([], [.integer(0)], words: "at least one tensor"),
        Refusal(
          [try Tensor(zeros: [2], .f32), try Tensor(zeros: [3], .f32)], [.integer(0)],
          words: "shapes differ: tensor 1 is 2, tensor 2 is 3"),
        Refusal(
          [try Tensor(zeros: [1, 1, 1, 1, 1, 1, 1, 1], .f32)], [.integer(0)], words: "at most 8 dimensions"),
      ]
    })

  public static let split = Op(
    "split", group: "joining",
    summary: "Views of consecutive runs of one dimension.",
    formula: "the results, joined by cat, are self",
    shapes:
      "self [..., d, ...]; one size gives pieces of that length, the last perhaps shorter; several are the lengths",
    parameters: [
      own,
      Parameter("sizes", .integers, "the length of every piece, or the lengths of all"),
      Parameter("dim", .dimension(default: 0, optional: false), "the dimension to cut"),
    ],
    example: Example("print((select(2, T{1, 2, 3}:split{2, 1})))", prints: "[3]\n[Tensor f32 1]"),
    forward: { context in
      let given = context.integers("sizes") ?? []
      let size = context[0].shape[try context.dimension("dim", rank: context[0].rank)]
      if given.isEmpty { throw Failure(.argument, "expected a size", argument: 2) }
      for part in given where part < 0 { throw Failure(.value, "negative size \(part)", argument: 2) }
      if given.count == 1 && given[0] != size {
        if given[0] == 0 {
          throw Failure(.value, "pieces of size 0 never fill \(size) positions", argument: 2)
        }
        return try pieces(context, every: given[0])
      }
      let total = try given.reduce(0) { try Checked.plus($0, $1, "positions") }
      if total != size {
        throw Failure(
          .shape,
          "sizes add up to \(total), dimension \(try context.dimension("dim", rank: context[0].rank) + 1) has \(size)",
          argument: 2)
      }
      return try cut(context[0], try context.dimension("dim", rank: context[0].rank), given)
    },
    backward: { context, outputs, gradients in
      [try glued(context[0], try context.dimension("dim", rank: context[0].rank), outputs, gradients)]
    },
    samples: { random in
      [
        Sample([try random.normal([5, 2])], [.integers([2]), .integer(0)]),
        Sample([try random.normal([2, 5])], [.integers([1, 4]), .integer(1)]),
        Sample([try random.normal([2, 5]).transposed(0, 1)], [.integers([3, 0, 2]), .integer(-2)]),
        Sample([try random.normal([0])], [.integers([2]), .integer(0)]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor(zeros: [5], .f32)], [.integers([2, 2]), .integer(0)],
          words: "sizes add up to 4, dimension 1 has 5"),
        Refusal([try Tensor(zeros: [5], .f32)], [.integers([0]), .integer(0)], words: "size 0 never fill 5"),
        Refusal([try Tensor(zeros: [5], .f32)], [.integers([-1]), .integer(0)], words: "negative size -1"),
      ]
    })

  public static let chunk = Op(
    "chunk", group: "joining",
    summary: "Views of at most `chunks` runs of one dimension, of equal length except the last.",
    formula: "the results, joined by cat, are self",
    shapes: "self [..., d, ...]; pieces of ceil(d / chunks), the last perhaps shorter",
    parameters: [
      own,
      Parameter("chunks", .integer(default: nil), "how many pieces at most"),
      Parameter("dim", .dimension(default: 0, optional: false), "the dimension to cut"),
    ],
    example: Example("print((T{1, 2, 3}:chunk(2)))", prints: "[1, 2]\n[Tensor f32 2]"),
    compose: { inputs, attributes in
      guard let x = inputs[0] else { return [] }
      let chunks = try attributes.required("chunks")
      if chunks < 1 { throw Failure(.value, "expected at least 1 chunk, got \(chunks)", argument: 2) }
      let dimension = try attributes.dimension("dim", rank: x.value.rank)
      let size = x.value.shape[dimension]
      let length = max(1, size / chunks + (size % chunks == 0 ? 0 : 1))
      return try split([x], [.integers([length]), .integer(dimension)])
    },
    samples: { random in
      [
        Sample([try random.normal([5, 2])], [.integer(2), .integer(0)]),
        Sample([try random.normal([2, 6]).transposed(0, 1)], [.integer(3), .integer(0)]),
        Sample([try random.normal([2])], [.integer(5), .integer(-1)]),
        Sample([try random.normal([0])], [.integer(2), .integer(0)]),
      ]
    },
    refusals: {
      [Refusal([try Tensor(zeros: [5], .f32)], [.integer(0), .integer(0)], words: "at least 1 chunk, got 0")]
    })

  private static func pieces(_ context: OpContext, every length: Int) throws -> [Tensor] {
    let dimension = try context.dimension("dim", rank: context[0].rank)
    let size = context[0].shape[dimension]
    if size == 0 { return [context[0]] }
    let starts = stride(from: 0, to: size, by: length)
    return try cut(context[0], dimension, starts.map { min(length, size - $0) })
  }

  private static func cut(_ tensor: Tensor, _ dimension: Int, _ lengths: [Int]) throws -> [Tensor] {
    var start = 0
    return try lengths.map { length in
      defer { start += length }
      return try tensor.narrowed(dimension, from: start, length: length)
    }
  }

  /// The gradient of `cut`: zeros where no piece has one.
  private static func glued(_ tensor: Tensor, _ dimension: Int, _ pieces: [Tensor], _ gradients: [Tensor?])
    throws
    -> Tensor?
  {
    guard let some = gradients.compactMap({ $0 }).first else { return nil }
    let result = try Tensor(zeros: tensor.shape, some.dtype)
    var start = 0
    for (piece, gradient) in zip(pieces, gradients) {
      let length = piece.shape[dimension]
      if let gradient {
        try Strided.copy(from: gradient, to: try result.narrowed(dimension, from: start, length: length))
      }
      start += length
    }
    return result
  }
}
