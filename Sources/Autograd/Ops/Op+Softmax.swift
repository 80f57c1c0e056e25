/// Softmax and its logarithm.
import Base
import Tensors

extension Op {
  static let softmaxes: [Op] = [softmax, logSoftmax, logsumexp]

  private static let alongDimension = [
    Parameter("self", .tensor, "scores, such as the logits of a model"),
    Parameter(
      "dim", .dimension(default: -1, optional: false), "the dimension along which the result sums to 1"),
  ]

  public static let softmax = Op(
    "softmax", group: "softmax", summary: "Probabilities from scores.",
    formula: "result = e^self / Σ e^self along dim", shapes: "self [...]; the result has the same shape",
    parameters: alongDimension,
    inPlace: true, example: Example("print(T{3, 3}:softmax(1))", prints: "[0.5, 0.5]\n[Tensor f32 2]"),
    forward: { context in [try Reduce.softmax(context[0].floating(), along(context))] },
    backward: { context, outputs, gradients in
      guard let g = gradients[0] else { return [nil] }
      return [try Reduce.softmaxGradient(outputs[0], g, along(context))]
    },
    samples: rowSamples, refusals: rowRefusals)

  public static let logSoftmax = Op(
    "log_softmax", group: "softmax", summary: "The logarithm of softmax, exact for very unequal scores.",
    formula: "result = self - log Σ e^self along dim", shapes: "self [...]; the result has the same shape",
    parameters: alongDimension,
    inPlace: true,
    example: Example("print(T{3, 3}:log_softmax(1))", prints: "[-0.6931, -0.6931]\n[Tensor f32 2]"),
    forward: { context in [try Reduce.logSoftmax(context[0].floating(), along(context))] },
    backward: { context, outputs, gradients in
      guard let g = gradients[0] else { return [nil] }
      return [try Reduce.logSoftmaxGradient(outputs[0], g, along(context))]
    },
    samples: rowSamples, refusals: rowRefusals)

  public static let logsumexp = Op(
    "logsumexp", group: "softmax", summary: "The logarithm of a sum of exponentials, without overflow.",
    formula: "result = log Σ e^self over dim", shapes: reductionShapes, parameters: reductionParameters,
    example: Example("print(T{0, 0}:logsumexp())", prints: "0.6931\n[Tensor f32 scalar]"),
    forward: { context in
      [try Reduce.logSumExp(context[0].floating(), dims(context), keeping: context.flag("keepdim"))]
    },
    backward: { context, outputs, gradients in
      guard let g = gradients[0] else { return [nil] }
      let y = try spread(outputs[0], context)
      let weight = try Elementwise.lanes(
        context[0], y, { VectorMath.exp($0 - $1) }, { Libm.exp($0 - $1) })
      return [try product(weight, spread(g, context))]
    },
    samples: reductionSamples, refusals: reductionRefusals)

  private static func along(_ context: OpContext) throws -> Int {
    try context.dimension("dim", rank: context[0].rank, default: -1)
  }

  private static func rowSamples(_ random: inout Samples) throws -> [Sample] {
    [
      Sample([try random.normal([2, 5])], [.integer(1)]), Sample([try random.normal([2, 5])], [.integer(0)]),
      Sample([try random.normal([2, 3, 4])], [.integer(1)]),
      Sample([try random.normal([3, 4]).transposed(0, 1)], [.integer(1)]),
      Sample([try random.normal([2, 19], .f32, scale: 5)], [.integer(1)]),
      Sample([try random.normal([4], scale: 100)], [.integer(0)]),
      Sample([try random.normal([1])], [.integer(0)]),
      Sample([try random.normal([0, 3])], [.integer(1)]), Sample([try random.normal([3, 0])], [.integer(1)]),
    ]
  }

  private static func rowRefusals() throws -> [Refusal] {
    [Refusal([try Tensor(zeros: [2, 3], .f32)], [.integer(2)], words: "dimension 3 is out of range")]
  }
}
