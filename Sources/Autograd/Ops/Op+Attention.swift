/// Causal self-attention over packed sequences as an operation.
import Base
import Tensors

extension Op {
  public static let attention = Op(
    "attention", group: "models",
    summary:
      "Causal self-attention of packed sequences, with grouped keys and rotary positions.",
    formula:
      "o_t = sum_{t - window < s <= t} softmax_s(cap(scale q_t . k_s)) v_s in each head, cap(x) = softcap "
      + "tanh(x / softcap)",
    shapes:
      "self [N, (heads + 2 kv_heads) D]: queries, keys and values of N tokens; the result is [N, heads D]",
    source:
      "Vaswani et al. 2017, arXiv:1706.03762, eq. 1; grouped keys: arXiv:2305.13245; tiles: arXiv:2205.14135; "
      + "caps and windows: Gemma 2, arXiv:2408.00118, sec. 2",
    parameters: [
      Parameter("self", .tensor, "queries, keys and values of each token"),
      Parameter("lengths", .integers, "tokens of each sequence; they add up to N"),
      Parameter("heads", .integer(default: 1), "query heads"),
      Parameter("kv_heads", .integer(default: nil), "key and value heads; as many as heads by default"),
      Parameter("rope_base", .number(default: 0), "base of rotary positions, 0 for none"),
      Parameter("scale", .number(default: 0), "of the scores, 0 for 1 / sqrt(D)"),
      Parameter("softcap", .number(default: 0), "bound of the scores, 0 for none"),
      Parameter("window", .integer(default: 0), "keys that a query sees, its own among them; 0 for all"),
      Parameter(
        "rope_divisors", .numbers, "of the rotary frequencies, one for each of the D / 2 pairs; none: 1"),
    ],
    example: Example(
      "print(T{{0, 0, 3}, {0, 0, 5}}:attention({2}, 1))", prints: "[[3],\n [4]]\n[Tensor f32 2x1]"),
    forward: { context in
      let plan = try AttentionPlan(context[0], context.attributes)
      let input = try context[0].contiguous()
      let qkv = try plan.rotated(input)
      let out = try Tensor(uninitialized: [plan.segments.tokenCount, plan.shape.outputWidth], .f32)
      let lse = try Tensor(uninitialized: [plan.segments.tokenCount, plan.shape.heads], .f32)
      AttentionKernels.forward(
        plan.shape, plan.segments, qkv.pointer(Float.self), out.pointer(Float.self), lse.pointer(Float.self))
      context.saved = [qkv, lse]
      return [out]
    },
    backward: { context, outputs, gradients in
      guard let dout = try gradients[0]?.contiguous() else { return [nil] }
      let plan = try AttentionPlan(context[0], context.attributes)
      let (qkv, lse) = (context.saved[0], context.saved[1])
      let dqkv = try Tensor(uninitialized: qkv.shape, .f32)
      AttentionKernels.backward(
        plan.shape, plan.segments, qkv.pointer(Float.self), outputs[0].pointer(Float.self),
        lse.pointer(Float.self),
        dout.pointer(Float.self), dqkv.pointer(Float.self))
      plan.rotateBack(dqkv)
      return [dqkv]
    },
    compose: { inputs, attributes in
      guard let input = inputs[0] else { return [] }
      return [try AttentionPlan(input.value, attributes).composed(input)]
    },
    samples: { random in
      func plain(_ lengths: [Int], heads: Int, keys: Attribute = .none, base: Double = 0) -> [Attribute] {
        [
          .integers(lengths), .integer(heads), keys, .number(base), .number(0), .number(0), .integer(0),
          .numbers([]),
        ]
      }
      return [
        Sample([try random.normal([5, 12])], plain([2, 3], heads: 2)),
        Sample(
          [try random.normal([7, 32])], plain([3, 0, 4], heads: 4, keys: .integer(2), base: 10_000)),
        Sample([try random.normal([1, 3])], plain([1], heads: 1)),
        Sample([try random.normal([0, 6])], plain([], heads: 1)),
        Sample(
          [try random.normal([70, 24], scale: 2)], plain([70], heads: 2, base: 100), checksGradient: false),
        Sample(
          [try random.normal([7, 32])],
          [
            .integers([3, 0, 4]), .integer(4), .integer(2), .number(10_000), .number(0.7), .number(1.5),
            .integer(2), .numbers([2, 8]),
          ]),
      ]
    },
    refusals: {
      let x = try Tensor(zeros: [4, 12], .f32)
      return [
        Refusal([x], [.integers([3]), .integer(2), .none, .number(0)], words: "lengths add up to 3"),
        Refusal([x], [.integers([4]), .integer(5), .none, .number(0)], words: "5 heads"),
        Refusal([x], [.integers([4]), .integer(3), .integer(2), .number(0)], words: "kv_heads"),
        Refusal(
          [x], [.integers([4]), .integer(2), .none, .number(0), .number(0), .number(-1)],
          words: "softcap must be 0 or a positive number of f32, got -1"),
        Refusal(
          [x],
          [
            .integers([4]), .integer(2), .none, .number(9), .number(0), .number(0), .integer(0),
            .numbers([0]),
          ],
          words: "rope_divisors must be 1 positive number"),
      ]
    })
}

/// The checked sizes of a call of attention.
struct AttentionPlan {
  let shape: AttentionShape
  let segments: Segments
  let rope: Rotary?
  /// Of the scores, in double width.
  private let scale: Double

  init(_ qkv: Tensor, _ attributes: Attributes) throws {
    guard let lengths = attributes.integers("lengths"), let heads = attributes.integer("heads") else {
      throw Failure(.argument, "attention needs lengths and heads")
    }
    let keyHeads = attributes.integer("kv_heads") ?? heads
    try Op.checkFloats([qkv])
    if qkv.rank != 2 {
      throw Failure(.shape, "expected [tokens, width], got a tensor of \(qkv.shape)", argument: 1)
    }
    if heads < 1 || keyHeads < 1 || heads % keyHeads != 0 {
      throw Failure(.value, "kv_heads \(keyHeads) does not divide heads \(heads)", argument: 4)
    }
    let parts = try Checked.plus(heads, try Checked.times(2, keyHeads, "heads"), "heads")
    if qkv.shape[1] % parts != 0 || qkv.shape[1] == 0 {
      throw Failure(
        .shape, "width \(qkv.shape[1]) is not made of \(heads) heads and \(2 * keyHeads) key and value heads",
        argument: 3)
    }
    let (given, cap) = (attributes.number("scale") ?? 0, attributes.number("softcap") ?? 0)
    if !given.isFinite { throw Failure(.value, "scale must be a finite number, got \(given)", argument: 6) }
    if !(cap == 0 || cap > 0 && Float(cap).isNormal) {
      throw Failure(.value, "softcap must be 0 or a positive number of f32, got \(cap)", argument: 7)
    }
    let window = attributes.integer("window") ?? 0
    if window < 0 { throw Failure(.value, "window must be at least 0, got \(window)", argument: 8) }
    shape = AttentionShape(
      heads: heads, keyHeads: keyHeads, headSize: qkv.shape[1] / parts, scale: given == 0 ? nil : given,
      softcap: cap, window: window == 0 ? .max : window)
    scale = given == 0 ? 1 / Double(shape.headSize).squareRoot() : given
    segments = try Segments(lengths: lengths)
    if segments.tokenCount != qkv.shape[0] {
      throw Failure(
        .shape, "lengths add up to \(segments.tokenCount), the tensor has \(qkv.shape[0]) tokens", argument: 2
      )
    }
    if let base = attributes.number("rope_base"), base != 0 {
      if shape.headSize % 2 != 0 || !(base > 0) {
        throw Failure(
          .value,
          "rotary positions need an even head size and a positive base, got \(shape.headSize) and \(base)",
          argument: 5)
      }
      let divisors = attributes.numbers("rope_divisors") ?? []
      let pairs = shape.headSize / 2
      if !divisors.isEmpty && divisors.count != pairs || !divisors.allSatisfy({ $0 > 0 && $0.isFinite }) {
        throw Failure(
          .value, "rope_divisors must be \(pairs) positive number\(pairs == 1 ? "" : "s"), got \(divisors)",
          argument: 9)
      }
      rope = Rotary(
        base: base, headSize: shape.headSize, positions: segments.longest, divisors: divisors)
    } else if attributes.numbers("rope_divisors")?.isEmpty == false {
      throw Failure(.value, "rope_divisors are of rotary positions, which need rope_base", argument: 9)
    } else {
      rope = nil
    }
  }

  /// The rows with queries and keys rotated to their positions; the input itself without rotary positions.
  func rotated(_ input: Tensor) throws -> Tensor {
    guard let rope else { return input }
    let result = try Tensor(uninitialized: input.shape, .f32)
    let (x, y) = (input.pointer(Float.self), result.pointer(Float.self))
    let turned = shape.heads + shape.keyHeads
    forEachToken { token, position in
      let (from, to) = (x + token * shape.width, y + token * shape.width)
      rope.rotate(from, to, heads: turned, position: position, back: false)
      (to + turned * shape.headSize).update(
        from: from + turned * shape.headSize, count: shape.keyHeads * shape.headSize)
    }
    return withExtendedLifetime(input) { result }
  }

  func rotateBack(_ gradient: Tensor) {
    guard let rope else { return }
    let x = gradient.pointer(Float.self)
    forEachToken { token, position in
      let row = x + token * shape.width
      rope.rotate(row, row, heads: shape.heads + shape.keyHeads, position: position, back: true)
    }
  }

  private func forEachToken(_ body: (_ token: Int, _ position: Int) -> Void) {
    Parallel.ranges(segments.count, grain: max(1, 256 / max(segments.longest, 1))) { range in
      for sequence in range {
        for (position, token) in segments.range(sequence).enumerated() { body(token, position) }
      }
    }
  }

  /// Composed of other operations, one sequence and one head at a time.
  func composed(_ input: Variable) throws -> Variable {
    var rows: [Variable] = []
    for sequence in 0..<segments.count where segments.length(sequence) > 0 {
      let length = segments.length(sequence)
      let part = try input.narrowed(0, from: segments.starts[sequence], length: length)
      var outputs: [Variable] = []
      for head in 0..<shape.heads {
        let keyHead = shape.heads + head / shape.group
        let q = try turned(try slice(part, head), length)
        let k = try turned(try slice(part, keyHead), length)
        let v = try slice(part, keyHead + shape.keyHeads)
        var scores = try q.matrixTimes(try k.transposed(0, 1)).times(scale)
        if shape.softcap > 0 {
          scores = try scores.dividedBy(Double(shape.softcap)).tanh().times(Double(shape.softcap))
        }
        let unseen = (0..<length * length).map { at in
          let (query, key) = at.quotientAndRemainder(dividingBy: length)
          return key > query || key < shape.firstKey(query)
        }
        let mask = Variable(try Tensor(unseen, shape: [length, length]))
        let masked = try scores.maskedFill(mask, -.infinity)
        outputs.append(try masked.softmax(1).matrixTimes(v))
      }
      rows.append(try Variable.concatenated(outputs, 1))
    }
    if rows.isEmpty { return try input.narrowed(1, from: 0, length: shape.outputWidth) }
    return try Variable.concatenated(rows, 0)
  }

  private func slice(_ part: Variable, _ head: Int) throws -> Variable {
    try part.narrowed(1, from: head * shape.headSize, length: shape.headSize)
  }

  private func turned(_ x: Variable, _ length: Int) throws -> Variable {
    guard let rope else { return x }
    // Each pair (a, b) becomes (a cos - b sin, a sin + b cos): x * cos + swapped(x) * (-sin, sin).
    let size = shape.headSize
    var swap = [Double](repeating: 0, count: size * size)
    for i in 0..<size { swap[i * size + (i ^ 1)] = 1 }
    let (cosines, sines) = rope.factors(length)
    let dtype = x.value.dtype
    let swapped = try x.matrixTimes(Variable(try Tensor(swap, shape: [size, size]).cast(to: dtype)))
    let c = Variable(try Tensor(cosines, shape: [length, size]).cast(to: dtype))
    let s = Variable(try Tensor(sines, shape: [length, size]).cast(to: dtype))
    return try x.times(c).plus(try swapped.times(s))
  }
}
