/// Log-probabilities of tokens: from hidden states through the head, or from logits.
import Base
import Tensors

extension Op {
  public static let tokenLogps = Op(
    "token_logps", group: "models",
    summary:
      "The log-probability of each row's token under the softmax of its logits.",
    formula:
      "y_i = log softmax(cap(self_i weight^T) / temperature)[ids_i], cap(x) = softcap tanh(x / softcap)",
    shapes: "self [N, D], weight [V, D], ids [N] from 0; the result is [N]",
    parameters: [
      Parameter("self", .tensor, "hidden states that predict a token"),
      Parameter("weight", .tensor, "the head: a row for each token of the vocabulary"),
      Parameter("ids", .tensor, "the tokens, as ids of the vocabulary (from 0)"),
      Parameter("temperature", .number(default: 1), "divides the logits"),
      Parameter("softcap", .number(default: 0), "bound of the logits, 0 for none"),
    ],
    example: Example(
      "print(T{{1, 0}}:token_logps(T{{0, 0}, {0, 0}}, T({1}, \"i64\")))", prints: "[-0.6931]\n[Tensor f32 1]"),
    forward: { context in try logpsForward(context, try HeadPlan(context.inputs, context.attributes)) },
    backward: { context, _, gradients in
      try logpsBackward(context, gradients[0], try HeadPlan(context.inputs, context.attributes))
    },
    compose: { inputs, attributes in
      let plan = try HeadPlan(inputs.map { $0?.value }, attributes)
      guard let hidden = inputs[0], let weight = inputs[1], let ids = inputs[2] else { return [] }
      var logits = try hidden.matrixTimes(try weight.transposed(0, 1))
      if plan.softcap > 0 { logits = try logits.dividedBy(plan.softcap).tanh().times(plan.softcap) }
      return [try logits.times(1 / plan.temperature).logSoftmax(1).gatheredIds(ids)]
    },
    samples: { random in
      [
        Sample(
          [try random.normal([4, 5]), try random.normal([7, 5]), try random.integers([4], 0..<7)],
          [.number(1), .number(0)]),
        Sample(
          [
            try random.normal([3, 8], scale: 3), try random.normal([16, 8]), try random.integers([3], 0..<16),
          ],
          [.number(0.5), .number(0)]),
        Sample(
          [try random.normal([4, 5]), try random.normal([11, 5]), try random.integers([4], 0..<11)],
          [.number(0.5), .number(1.5)]),
        Sample(
          [try random.normal([0, 5]), try random.normal([7, 5]), try random.integers([0], 0..<7)],
          [.number(1), .number(0)]),
      ]
    },
    refusals: {
      let (h, w) = (try Tensor(zeros: [1, 2], .f32), try Tensor(zeros: [3, 2], .f32))
      return [
        Refusal([h, w, try Tensor([Int64(3)], shape: [1])], [.number(1)], words: "expected 0..2 (vocab 3)"),
        Refusal([h, w, try Tensor([Int64(0)], shape: [1])], [.number(0)], words: "temperature"),
        Refusal(
          [h, w, try Tensor([Int64(0)], shape: [1])], [.number(1), .number(-1)],
          words: "softcap must be 0 or a positive number of f32, got -1"),
        Refusal([h, w, try Tensor([Int64(0)], shape: [1])], [.number(1e-40)], words: "temperature"),
        Refusal(
          [h, try Tensor(zeros: [3, 4], .f32), try Tensor([Int64(0)], shape: [1])], [.number(1)], words: "1x2"
        ),
      ]
    })

  /// `tokenLogps` with products of bf16, which has no composed form.
  static let tokenLogpsOfBFloat16 = tokenLogps(of: nil, .bf16)

  /// `tokenLogps` with products of a precision, of a head that is stored: no tensor is given for it, and it gets no
  /// gradient.
  static func tokenLogps(of stored: StoredMatrix?, _ precision: Precision) -> Op {
    tokenLogps.computed(
      forward: { context in
        try logpsForward(context, try HeadPlan(context.inputs, context.attributes, stored, precision))
      },
      backward: { context, _, gradients in
        try logpsBackward(
          context, gradients[0], try HeadPlan(context.inputs, context.attributes, stored, precision))
      })
  }

  private static func logpsForward(_ context: OpContext, _ plan: HeadPlan) throws -> [Tensor] {
    let (hidden, weight) = (try context[0].contiguous(), try context.inputs[1]?.contiguous())
    let ids = try context[2].contiguous()
    let logps = try Tensor(uninitialized: [plan.rows], .f32)
    let cached = context.needsAny ? try plan.buffers() : nil
    try plan.logps(hidden, weight, ids, logps, cached)
    if let cached { context.saved = cached.all }
    return withExtendedLifetime((hidden, weight, ids)) { [logps] }
  }

  private static func logpsBackward(_ context: OpContext, _ gradient: Tensor?, _ plan: HeadPlan) throws
    -> [Tensor?]
  {
    guard let g = try gradient?.contiguous() else { return [nil, nil, nil] }
    let (hidden, weight) = (try context[0].contiguous(), try context.inputs[1]?.contiguous())
    let ids = try context[2].contiguous()
    // The exponentials become the gradient in place; a second pass over a retained graph computes them
    // again.
    let cached: HeadBuffers
    if let saved = HeadBuffers(context.saved) {
      cached = saved
      context.saved = []
    } else {
      cached = try plan.buffers()
      try plan.logps(hidden, weight, ids, try Tensor(uninitialized: [plan.rows], .f32), cached)
    }
    let (d, places) = (cached.exponentials.pointer(Float.self), cached.places)
    func differentiate(_ rows: Range<Int>) {
      HeadKernels.logitGradient(
        places, ids: ids.pointer(Int64.self), gradient: g.pointer(Float.self), rows,
        vocabulary: plan.vocabulary, temperature: Float(plan.temperature))
    }
    var dhidden: Tensor?
    if context.needs[0] {
      let made = try Tensor(uninitialized: [plan.rows, plan.width], .f32)
      let weights = try plan.weights(weight)
      let workspace = try weights.workspace()
      weights.multiplyBack(
        d, rows: plan.rows, into: made.pointer(Float.self), workspace: workspace?.pointer(Float.self),
        before: differentiate)
      withExtendedLifetime(workspace) {}
      dhidden = made
    } else {
      Parallel.ranges(plan.rows, grain: 32, differentiate)
    }
    let dweight =
      context.needs[1]
      ? try context.weightGradient(
        1, d, hidden.pointer(Float.self), rows: plan.rows, outputs: plan.vocabulary, inputs: plan.width,
        plan.precision)
      : nil
    return withExtendedLifetime((hidden, weight, ids, cached, g)) { [dhidden, dweight, nil] }
  }

  public static let crossEntropy = Op(
    "cross_entropy", group: "models",
    summary: "The mean negative log-likelihood of class ids under the softmax of logits.",
    formula: "loss = -mean_i log softmax(self_i)[ids_i]",
    shapes: "self [N, V], ids [N] from 0; the result is a scalar",
    parameters: [
      Parameter("self", .tensor, "logits"), Parameter("ids", .tensor, "class or token ids (from 0)"),
    ],
    example: Example(
      "print(T{{0, 0}}:cross_entropy(T({1}, \"i64\")))", prints: "0.6931\n[Tensor f32 scalar]"),
    compose: { inputs, _ in
      guard let logits = inputs[0], let ids = inputs[1] else { return [] }
      try checkFloats([logits.value])
      if logits.value.rank != 2 || ids.value.shape != [logits.value.shape[0]] {
        throw Failure(
          .shape, "expected logits [N, V] and ids [N], got \(logits.value.shape) and \(ids.value.shape)",
          argument: 2)
      }
      try checkIds(ids.value, vocabulary: logits.value.shape[1], argument: 2)
      return [try logits.logSoftmax(1).gatheredIds(ids).mean().times(-1)]
    },
    samples: { random in
      [
        Sample([try random.normal([4, 5]), try random.integers([4], 0..<5)]),
        Sample([try random.normal([1, 1]), try random.integers([1], 0..<1)]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor(zeros: [1, 3], .f32), try Tensor([Int64(-1)], shape: [1])],
          words: "-1 at [1] is not a token id")
      ]
    })
}

/// The checked sizes of a call of the head.
struct HeadPlan {
  let rows: Int
  let width: Int
  let vocabulary: Int
  let temperature: Double
  let softcap: Double
  /// A head that is no input of the operation.
  private let stored: StoredMatrix?
  let precision: Precision

  init(
    _ inputs: [Tensor?], _ attributes: Attributes, _ stored: StoredMatrix? = nil,
    _ precision: Precision = .f32
  ) throws {
    (self.stored, self.precision) = (stored, precision)
    guard let hidden = inputs[0], let weight = stored?.shape ?? inputs[1]?.shape, let ids = inputs[2] else {
      throw Failure(.argument, "token_logps needs three tensors")
    }
    try Op.checkFloats([hidden, inputs[1]])
    if (stored != nil || precision == .bf16) && hidden.dtype != .f32 {
      let what = stored != nil ? "stored weights" : "products of bf16"
      throw Failure(.dtype, "\(what) multiply f32, got \(hidden.dtype.rawValue)", argument: 1)
    }
    if hidden.rank != 2 || weight.count != 2 || hidden.shape[1] != weight[1] {
      throw Failure(.shape, "inner sizes differ: \(hidden.shape) x \(weight) transposed", argument: 2)
    }
    rows = hidden.shape[0]
    width = hidden.shape[1]
    vocabulary = weight[0]
    if ids.shape != [rows] {
      throw Failure(
        .shape, "expected one id for each of \(rows) rows, got a tensor of \(ids.shape)", argument: 3)
    }
    try Op.checkIds(ids, vocabulary: vocabulary, argument: 3)
    guard let given = attributes.number("temperature"), given > 0, given.isFinite, (1 / Float(given)).isFinite
    else {
      throw Failure(
        .value, "temperature must be a positive number whose reciprocal is finite in f32", argument: 4)
    }
    temperature = given
    softcap = attributes.number("softcap") ?? 0
    if !(softcap == 0 || softcap > 0 && Float(softcap).isNormal) {
      throw Failure(.value, "softcap must be 0 or a positive number of f32, got \(softcap)", argument: 5)
    }
  }

  /// Buffers for what the backward pass needs.
  func buffers() throws -> HeadBuffers {
    HeadBuffers(
      exponentials: try Tensor(uninitialized: [rows, vocabulary], .f32),
      sums: try Tensor(uninitialized: [rows], .f32),
      slopes: softcap > 0 ? try Tensor(uninitialized: [rows, vocabulary], .f32) : nil)
  }

  func weights(_ weight: Tensor?) throws -> LinearWeights {
    if let stored { return LinearWeights(.stored(stored), precision) }
    guard let weight else { throw Failure(.argument, "token_logps needs three tensors") }
    return LinearWeights(.floats(weight.pointer(Float.self), outputs: vocabulary, inputs: width), precision)
  }

  func logps(
    _ hidden: Tensor, _ weight: Tensor?, _ ids: Tensor, _ logps: Tensor, _ saved: HeadBuffers?
  ) throws {
    try HeadKernels.tokenLogps(
      hidden: hidden.pointer(Float.self), weight: try weights(weight), ids: ids.pointer(Int64.self),
      rows: rows,
      temperature: Float(temperature), softcap: Float(softcap), logps: logps.pointer(Float.self),
      saved: saved?.places)
  }
}

/// What the head keeps for its backward pass (`HeadKernels.Saved`).
struct HeadBuffers {
  let exponentials, sums: Tensor
  let slopes: Tensor?

  init(exponentials: Tensor, sums: Tensor, slopes: Tensor?) {
    (self.exponentials, self.sums, self.slopes) = (exponentials, sums, slopes)
  }

  /// From `all`; nil if nothing was kept.
  init?(_ saved: [Tensor]) {
    if saved.count < 2 { return nil }
    self.init(exponentials: saved[0], sums: saved[1], slopes: saved.count > 2 ? saved[2] : nil)
  }

  var all: [Tensor] { [exponentials, sums] + (slopes.map { [$0] } ?? []) }

  var places: HeadKernels.Saved {
    HeadKernels.Saved(
      exponentials: exponentials.pointer(Float.self), sums: sums.pointer(Float.self),
      slopes: slopes?.pointer(Float.self))
  }
}
