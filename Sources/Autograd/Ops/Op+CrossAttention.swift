/// Attention over packed memories, with biases of relative positions, as an operation.
import Base
import Tensors

extension Op {
  public static let crossAttention = Op(
    "cross_attention", group: "models",
    summary:
      "Attention of packed queries over the keys of their sequences' memories, with relative positions.",
    formula:
      "o_t = sum_s softmax_s(scale q_t . k_s + bias[bucket(s - t)]) v_s in each head, over s <= t if causal",
    shapes:
      "self [N, heads D]: queries of N tokens; memory [M, 2 heads D]: keys and values of M tokens; bias [buckets, "
      + "heads] or nil; the result is [N, heads D]",
    source: "Vaswani et al. 2017, arXiv:1706.03762, sec. 3.2; buckets: Raffel et al. 2020, arXiv:1910.10683",
    parameters: [
      Parameter("self", .tensor, "queries of each token"),
      Parameter("memory", .tensor, "keys and values of each token that is attended to"),
      Parameter("bias", .optionalTensor, "added to the scores: a row for each bucket of relative positions"),
      Parameter("lengths", .integers, "queries of each sequence; they add up to N"),
      Parameter("memory_lengths", .integers, "tokens of each sequence's memory; they add up to M"),
      Parameter("heads", .integer(default: 1), "heads"),
      Parameter("scale", .number(default: 0), "of the scores, 0 for 1 / sqrt(D)"),
      Parameter("causal", .flag(default: false), "whether a query sees no key after its own position"),
      Parameter("max_distance", .integer(default: 128), "from it on, all keys share a bucket"),
    ],
    example: Example(
      "print(T{{0}, {0}}:cross_attention(T{{0, 3}, {0, 5}}, nil, {2}, {2}))",
      prints: "[[4],\n [4]]\n[Tensor f32 2x1]"),
    forward: { context in
      let plan = try CrossAttentionPlan(context.inputs, context.attributes)
      let (q, kv) = (try context[0].contiguous(), try context[1].contiguous())
      let table = try context.inputs[2]?.contiguous()
      let out = try Tensor(uninitialized: q.shape, .f32)
      let lse = try Tensor(uninitialized: [plan.queries.tokenCount, plan.heads], .f32)
      CrossAttentionKernels.forward(
        plan.shape, plan.queries, plan.keys, q.pointer(Float.self), kv.pointer(Float.self),
        plan.bias(table), out.pointer(Float.self), lse.pointer(Float.self))
      context.saved = [lse]
      return withExtendedLifetime((q, kv)) { [out] }
    },
    backward: { context, outputs, gradients in
      guard let dout = try gradients[0]?.contiguous() else { return [nil, nil, nil] }
      let plan = try CrossAttentionPlan(context.inputs, context.attributes)
      let (q, kv) = (try context[0].contiguous(), try context[1].contiguous())
      let table = try context.inputs[2]?.contiguous()
      let (dq, dkv) = (try Tensor(uninitialized: q.shape, .f32), try Tensor(zeros: kv.shape, .f32))
      let parts = try plan.buckets.map {
        try Tensor(zeros: [plan.queries.count, $0.count, plan.heads], .f32)
      }
      CrossAttentionKernels.backward(
        plan.shape, plan.queries, plan.keys, q.pointer(Float.self), kv.pointer(Float.self),
        plan.bias(table), outputs[0].pointer(Float.self), context.saved[0].pointer(Float.self),
        dout.pointer(Float.self), dq.pointer(Float.self), dkv.pointer(Float.self),
        parts?.pointer(Float.self))
      return try withExtendedLifetime((q, kv, dout)) { [dq, dkv, try parts.map(summed)] }
    },
    compose: { inputs, attributes in
      guard let q = inputs[0], let memory = inputs[1] else { return [] }
      let plan = try CrossAttentionPlan(inputs.map { $0?.value }, attributes)
      return [try plan.composed(q, memory, inputs[2])]
    },
    samples: { random in
      func settings(
        _ lengths: [Int], _ memory: [Int], heads: Int, scale: Double = 0, causal: Bool = false,
        distance: Int = 128
      ) -> [Attribute] {
        [
          .integers(lengths), .integers(memory), .integer(heads), .number(scale), .flag(causal),
          .integer(distance),
        ]
      }
      return [
        Sample(
          [try random.normal([5, 6]), try random.normal([7, 12]), nil],
          settings([2, 3], [4, 3], heads: 2)),
        Sample(
          [try random.normal([6, 6]), try random.normal([6, 12]), try random.normal([4, 3])],
          settings([6, 0], [6, 0], heads: 3, scale: 1, causal: true, distance: 4)),
        Sample(
          [try random.normal([4, 4]), try random.normal([9, 8]), try random.normal([6, 2])],
          settings([3, 1, 0], [5, 2, 2], heads: 2, scale: 0.7, distance: 4)),
        Sample([try random.normal([1, 1]), try random.normal([1, 2]), nil], settings([1], [1], heads: 1)),
        Sample([try random.normal([0, 3]), try random.normal([0, 6]), nil], settings([], [], heads: 1)),
        Sample(
          [try random.normal([70, 6], scale: 2), try random.normal([90, 12]), try random.normal([32, 2])],
          settings([70], [90], heads: 2), checksGradient: false),
      ]
    },
    refusals: {
      let (q, kv) = (try Tensor(zeros: [4, 6], .f32), try Tensor(zeros: [5, 12], .f32))
      let bias = try Tensor(zeros: [8, 2], .f32)
      func given(_ lengths: [Int], _ memory: [Int], _ heads: Int) -> [Attribute] {
        [.integers(lengths), .integers(memory), .integer(heads)]
      }
      return [
        Refusal([q, kv, nil], given([3], [5], 2), words: "lengths add up to 3"),
        Refusal([q, kv, nil], given([4], [4], 2), words: "memory_lengths add up to 4"),
        Refusal([q, kv, nil], given([4], [5], 4), words: "4 heads"),
        Refusal([q, kv, nil], given([4], [3, 2], 2), words: "memories of 2 sequences for the queries of 1"),
        Refusal([q, kv, nil], given([1, 3], [5, 0], 2), words: "sequence 2 has no memory"),
        Refusal([q, try Tensor(zeros: [5, 6], .f32), nil], given([4], [5], 2), words: "expected 12"),
        Refusal([q, kv, bias], given([4], [5], 3), words: "bias of 8x2 for 3 heads"),
        Refusal(
          [q, kv, try Tensor(zeros: [3, 2], .f32)], given([4], [5], 2), words: "an even number from 4 on"),
        Refusal(
          [q, kv, nil], given([4], [5], 2) + [.number(0), .flag(true)], words: "as many keys as queries"),
        Refusal(
          [q, kv, bias], given([4], [5], 2) + [.number(0), .flag(false), .integer(4)],
          words: "must be above half of the 8 buckets, got 4"),
      ]
    })

  /// The sum over sequences, in their order.
  private static func summed(_ parts: Tensor) throws -> Tensor {
    let total = try Tensor(zeros: [parts.shape[1], parts.shape[2]], .f32)
    let (from, to, count) = (parts.pointer(Float.self), total.pointer(Float.self), total.elementCount)
    for sequence in 0..<parts.shape[0] { addScaled(to, 1, from + sequence * count, count) }
    return withExtendedLifetime(parts) { total }
  }
}

/// The checked sizes of a call.
struct CrossAttentionPlan {
  let shape: CrossAttentionShape
  let queries, keys: Segments
  /// Nil without biases.
  let buckets: RelativeBuckets?
  /// Of the scores, in double width.
  private let scale: Double

  var heads: Int { shape.heads }

  init(_ inputs: [Tensor?], _ attributes: Attributes) throws {
    guard let q = inputs[0], let kv = inputs[1], let lengths = attributes.integers("lengths"),
      let memory = attributes.integers("memory_lengths"), let heads = attributes.integer("heads")
    else { throw Failure(.argument, "cross_attention needs queries, a memory, their lengths and heads") }
    try Op.checkFloats(inputs)
    if q.rank != 2 || q.shape[1] == 0 {
      throw Failure(.shape, "expected [tokens, width], got a tensor of \(q.shape)", argument: 1)
    }
    if heads < 1 || q.shape[1] % heads != 0 {
      throw Failure(.shape, "width \(q.shape[1]) is not made of \(heads) heads", argument: 6)
    }
    if kv.rank != 2 || kv.shape[1] != 2 * q.shape[1] {
      throw Failure(
        .shape, "the memory is \(kv.shape), expected \(2 * q.shape[1]) numbers a token: keys and values",
        argument: 2)
    }
    (queries, keys) = (try Segments(lengths: lengths), try Segments(lengths: memory))
    let isCausal = attributes.flag("causal")
    try Self.check(queries, q, "lengths", 4)
    try Self.check(keys, kv, "memory_lengths", 5)
    if keys.count != queries.count {
      throw Failure(
        .shape, "memories of \(keys.count) sequences for the queries of \(queries.count)", argument: 5)
    }
    for i in 0..<queries.count {
      if queries.length(i) > 0 && keys.length(i) == 0 {
        throw Failure(.shape, "sequence \(i + 1) has no memory", argument: 5)
      }
      if isCausal && queries.length(i) != keys.length(i) {
        throw Failure(
          .shape,
          "causal attention needs as many keys as queries, sequence \(i + 1) has \(keys.length(i)) and "
            + "\(queries.length(i))", argument: 5)
      }
    }
    let given = attributes.number("scale") ?? 0
    if !given.isFinite { throw Failure(.value, "scale must be a finite number, got \(given)", argument: 7) }
    let size = q.shape[1] / heads
    scale = given == 0 ? 1 / Double(size).squareRoot() : given
    shape = CrossAttentionShape(heads: heads, headSize: size, scale: Float(scale), isCausal: isCausal)
    buckets = try inputs[2].map { table in
      if table.rank != 2 || table.shape[1] != heads {
        throw Failure(.shape, "bias of \(table.shape) for \(heads) heads", argument: 3)
      }
      return try RelativeBuckets(
        count: table.shape[0], distance: attributes.integer("max_distance") ?? 128, isCausal: isCausal)
    }
  }

  private static func check(_ segments: Segments, _ rows: Tensor, _ name: String, _ argument: Int) throws {
    if segments.tokenCount != rows.shape[0] {
      throw Failure(
        .shape, "\(name) add up to \(segments.tokenCount), the tensor has \(rows.shape[0]) tokens",
        argument: argument)
    }
  }

  func bias(_ table: Tensor?) -> RelativeBias? {
    guard let table, let buckets else { return nil }
    return withExtendedLifetime(table) {
      RelativeBias(
        buckets, table.pointer(Float.self), heads: heads, queries: queries.longest, keys: keys.longest)
    }
  }

  /// Composed of other operations, one sequence and one head at a time.
  func composed(_ q: Variable, _ memory: Variable, _ table: Variable?) throws -> Variable {
    let size = shape.headSize
    var rows: [Variable] = []
    for sequence in 0..<queries.count where queries.length(sequence) > 0 {
      let (length, seen) = (queries.length(sequence), keys.length(sequence))
      let query = try q.narrowed(0, from: queries.starts[sequence], length: length)
      let kv = try memory.narrowed(0, from: keys.starts[sequence], length: seen)
      let biases = try relativeBiases(table, length, seen)
      let later = Variable(
        try Tensor((0..<length * seen).map { $0 % seen > $0 / seen }, shape: [length, seen]))
      let outputs = try (0..<heads).map { head in
        func slice(_ x: Variable, _ place: Int) throws -> Variable {
          try x.narrowed(1, from: place * size, length: size)
        }
        var scores = try slice(query, head).matrixTimes(try slice(kv, head).transposed(0, 1)).times(scale)
        if let biases {
          scores = try scores.plus(
            try biases.narrowed(1, from: head, length: 1).reshaped([length, seen]))
        }
        if shape.isCausal { scores = try scores.maskedFill(later, -.infinity) }
        return try scores.softmax(1).matrixTimes(try slice(kv, heads + head))
      }
      rows.append(try Variable.concatenated(outputs, 1))
    }
    return rows.isEmpty ? q : try Variable.concatenated(rows, 0)
  }

  /// The row of the table for each query and key, [queries x keys, heads].
  private func relativeBiases(_ table: Variable?, _ length: Int, _ seen: Int) throws -> Variable? {
    guard let table, let buckets else { return nil }
    let ids = (0..<length * seen).map { Int64(buckets.bucket($0 % seen - $0 / seen)) }
    return try Op.embedding(table, ids: Variable(try Tensor(ids, shape: [ids.count])))
  }
}
