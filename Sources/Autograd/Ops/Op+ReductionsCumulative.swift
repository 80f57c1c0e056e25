/// Running sums and products.
import Base
import Tensors

extension Op {
  static let cumulative: [Op] = [cumsum, cumprod]

  private static let alongParameters = [
    Parameter("self", .tensor, "the elements"),
    Parameter("dim", .dimension(default: nil, optional: false), "the dimension to run along"),
  ]

  public static let cumsum = Op(
    "cumsum", group: "reduction", summary: "Running sums along a dimension; of bools, in i64.",
    formula: "result[k] = Σ self[i] for i <= k", shapes: "self [...]; the result has the same shape",
    parameters: alongParameters,
    inPlace: true, example: Example("print(T{1, 2, 3}:cumsum(1))", prints: "[1, 3, 6]\n[Tensor f32 3]"),
    forward: { context in [try Reduce.runningSums(context[0], along(context), reversed: false)] },
    backward: { context, _, gradients in
      guard let g = gradients[0] else { return [nil] }
      return [try Reduce.runningSums(g, along(context), reversed: true)]
    },
    samples: cumulativeSamples, refusals: cumulativeRefusals)

  public static let cumprod = Op(
    "cumprod", group: "reduction", summary: "Running products along a dimension; of bools, in i64.",
    formula: "result[k] = Π self[i] for i <= k", shapes: "self [...]; the result has the same shape",
    parameters: alongParameters,
    inPlace: true, example: Example("print(T{1, 2, 3}:cumprod(1))", prints: "[1, 2, 6]\n[Tensor f32 3]"),
    forward: { context in [try Reduce.runningProducts(context[0], along(context))] },
    backward: { context, outputs, gradients in
      guard let g = gradients[0] else { return [nil] }
      return [try Reduce.runningProductsGradient(context[0], outputs[0], g, along(context))]
    },
    samples: { random in
      try cumulativeSamples(&random) + [Sample([try Tensor([2, 0, 3, 0, 5.0], shape: [5])], [.integer(0)])]
    },
    refusals: cumulativeRefusals)

  private static func along(_ context: OpContext) throws -> Int {
    try context.dimension("dim", rank: context[0].rank)
  }

  private static func cumulativeSamples(_ random: inout Samples) throws -> [Sample] {
    [
      Sample([try random.normal([2, 5])], [.integer(1)]), Sample([try random.normal([4, 3])], [.integer(0)]),
      Sample([try random.normal([2, 3, 2])], [.integer(1)]),
      Sample([try random.normal([3, 4]).transposed(0, 1)], [.integer(1)]),
      Sample([try random.normal([21], .f32)], [.integer(0)]), Sample([try random.normal([1])], [.integer(0)]),
      Sample([try random.normal([0, 3])], [.integer(1)]), Sample([try random.normal([3, 0])], [.integer(1)]),
      Sample([try random.integers([5], -4..<5)], [.integer(0)]),
      Sample([try random.flags([5])], [.integer(0)]),
    ]
  }

  private static func cumulativeRefusals() throws -> [Refusal] {
    let x = try Tensor(zeros: [2], .f32)
    return [
      Refusal([x], [.integer(1)], words: "dimension 2 is out of range"),
      Refusal([x], [.none], words: "expected a dimension"),
    ]
  }
}
