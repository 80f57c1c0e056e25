/// Reductions over any dimensions: sums, means, spread, norms, products and logic.
import Base
import Tensors

extension Op {
  static let reductions: [Op] = [sum, mean, variance, std, norm, prod, amax, amin, all, any]

  static let reductionShapes =
    "self [...]; the result has the other dimensions, and with keepdim size 1 where one was reduced"

  static let reductionParameters = [
    Parameter("self", .tensor, "the elements"),
    Parameter("dim", .dimensions, "the dimensions to reduce; none means all"),
    Parameter("keepdim", .flag(default: false), "whether reduced dimensions stay with size 1"),
  ]

  /// A result of a reduction over `dims`, stretched back to the shape of the input.
  static func spread(_ y: Tensor, _ shape: Shape, _ dims: [Int]) throws -> Tensor {
    var kept = shape
    for d in 0..<shape.count where dims.isEmpty || dims.contains(d) { kept[d] = 1 }
    return try y.reshaped(kept).expanded(to: shape)
  }

  static func spread(_ y: Tensor, _ context: OpContext) throws -> Tensor {
    try spread(y, context[0].shape, dims(context))
  }

  /// The dimensions to reduce, none means all. A scalar may be reduced over its dimension 1.
  static func dims(_ context: OpContext) throws -> [Int] {
    if context[0].rank == 0, (context.integers("dim") ?? []).allSatisfy({ $0 == 0 || $0 == -1 }) { return [] }
    return try context.dimensions("dim", rank: context[0].rank)
  }

  /// The one dimension to reduce, or nil for all.
  static func dim(_ context: OpContext) throws -> Int? {
    if context.integer("dim") == nil { return nil }
    return try context.dimension("dim", rank: context[0].rank)
  }

  /// How many elements each result is made of.
  static func reducedCount(_ context: OpContext) throws -> Int {
    try Reduce.folded(context[0], dims(context)).count
  }

  /// All dimensions, some, kept or not, views, one element, none; `extra` are the attributes after keepdim.
  static func reductionSamples(_ random: inout Samples, _ extra: [Attribute]) throws -> [Sample] {
    func sample(_ x: Tensor, _ dims: [Int], _ keeping: Bool = false) -> Sample {
      Sample([x], [.integers(dims), .flag(keeping)] + extra)
    }
    return [
      sample(try random.distinct([2, 3]), []), sample(try random.distinct([2, 3]), [], true),
      sample(try random.distinct([2, 3]), [1]), sample(try random.distinct([2, 3]), [0], true),
      sample(try random.distinct([2, 3, 4]), [1]), sample(try random.distinct([2, 3, 4]), [2, 0]),
      sample(try random.distinct([4, 3]).transposed(0, 1), [1]),
      sample(try random.distinct([1, 3]).expanded(to: [2, 3]), [1], true),
      sample(try random.distinct([3, 70]).cast(to: .f32), [1]), sample(try random.distinct([70, 3]), [0]),
      sample(try random.distinct([1]), [0]), sample(try random.distinct([]), []),
    ]
  }

  static func reductionSamples(_ random: inout Samples) throws -> [Sample] {
    try reductionSamples(&random, []) + [
      Sample([try random.normal([0])], [.integers([]), .flag(false)]),
      Sample([try random.normal([0, 3])], [.integers([1]), .flag(true)]),
    ]
  }

  static func reductionRefusals() throws -> [Refusal] {
    let x = try Tensor([1, 2] as [Float], shape: [2])
    return [
      Refusal([x], [.integers([1]), .flag(false)], words: "dimension 2 is out of range"),
      Refusal([x], [.integers([0, 0]), .flag(false)], words: "a dimension comes twice"),
    ]
  }

  /// A reduction with the usual three parameters.
  private static func reduction(
    _ name: String, _ summary: String, _ formula: String, _ example: Example, answers: Answer = .tensor,
    _ forward: @escaping (_ x: Tensor, _ dims: [Int], _ keeping: Bool) throws -> Tensor,
    backward: Backward?,
    samples: @escaping (inout Samples) throws -> [Sample] = { try reductionSamples(&$0) },
    refusals: @escaping () throws -> [Refusal] = reductionRefusals
  ) -> Op {
    Op(
      name, group: "reduction", summary: summary, formula: formula, shapes: reductionShapes,
      parameters: reductionParameters, answers: answers, example: example,
      forward: { context in [try forward(context[0], dims(context), context.flag("keepdim"))] },
      backward: backward,
      samples: samples, refusals: refusals)
  }

  // MARK: Sums

  public static let sum = reduction(
    "sum", "The sum; of bools, how many are true.", "result = Σ self over dim",
    Example("print(T{1, 2, 3}:sum())", prints: "6\n[Tensor f32 scalar]"),
    { try Reduce.sum($0, $1, keeping: $2) },
    backward: { context, _, gradients in
      guard let g = gradients[0] else { return [nil] }
      return [try spread(g, context)]
    })

  public static let mean = reduction(
    "mean", "The mean; of integers and bools, in f32. NaN for no elements.", "result = Σ self / n over dim",
    Example("print(T{1, 2, 3}:mean())", prints: "2\n[Tensor f32 scalar]"),
    { x, dims, keeping in
      let x = try x.floating()
      let n = Double(try Reduce.folded(x, dims).count)
      return try Elementwise.scalars(Reduce.sum(x, dims, keeping: keeping), { $0 / Float(n) }, { $0 / n })
    },
    backward: { context, _, gradients in
      guard let g = gradients[0] else { return [nil] }
      let n = Double(try reducedCount(context))
      return [try spread(Elementwise.scalars(g, { $0 / Float(n) }, { $0 / n }), context)]
    })

  // MARK: Spread

  private static let spreadParameters =
    reductionParameters + [
      Parameter(
        "correction", .number(default: 1), "taken off n in the divisor: 1 is unbiased, 0 the population's own"
      )
    ]

  private static func spreadSamples(_ random: inout Samples) throws -> [Sample] {
    var samples = try reductionSamples(&random, [.number(0)])
    samples.append(
      Sample([try random.normal([3, 5], shift: 30)], [.integers([1]), .flag(false), .number(1)]))
    samples.append(
      Sample([try random.normal([3, 5], .f32, shift: 30)], [.integers([0]), .flag(true), .number(1)]))
    return samples.map {
      // One element deviates by 0, where the root of the variance is not smooth.
      Sample($0.inputs, $0.attributes, checksGradient: ($0.inputs[0]?.elementCount ?? 0) > 1)
    }
  }

  public static let variance = Op(
    "var", group: "reduction", summary: "The variance, unbiased unless correction is 0.",
    formula: "result = Σ (self - mean)² / max(n - correction, 0) over dim", shapes: reductionShapes,
    parameters: spreadParameters,
    example: Example("print(T{1, 2, 3}:var())", prints: "1\n[Tensor f32 scalar]"),
    forward: { context in [try varianceOf(context, { $0 })] },
    backward: { context, _, gradients in
      guard let g = gradients[0] else { return [nil] }
      return [try varianceGradient(context, g)]
    },
    samples: spreadSamples)

  public static let std = Op(
    "std", group: "reduction", summary: "The standard deviation: the root of the variance.",
    formula: "result = √(Σ (self - mean)² / max(n - correction, 0)) over dim", shapes: reductionShapes,
    parameters: spreadParameters,
    example: Example("print(T{1, 2, 3}:std())", prints: "1\n[Tensor f32 scalar]"),
    forward: { context in [try varianceOf(context) { $0.squareRoot() }] },
    backward: { context, outputs, gradients in
      guard let g = gradients[0] else { return [nil] }
      let scaled = try Elementwise.scalars(
        g, outputs[0], { $1 == 0 ? 0 : $0 / (2 * $1) }, { $1 == 0 ? 0 : $0 / (2 * $1) })
      return [try varianceGradient(context, scaled)]
    },
    samples: spreadSamples)

  /// `finish` of each variance, before it is rounded to the type of the result.
  private static func varianceOf(_ context: OpContext, _ finish: (Double) -> Double) throws -> Tensor {
    let f = try Reduce.folded(context[0].floating(), dims(context))
    let divisor = Swift.max(Double(f.count) - (context.number("correction") ?? 1), 0)
    if f.tensor.dtype == .f32 {
      return try Reduce.each(f, keeping: context.flag("keepdim")) {
        (p: UnsafeMutablePointer<Float>, step, count) in
        Float(finish(Reduce.squaredDeviations(count) { Double(p[$0 &* step]) } / divisor))
      }
    }
    return try Reduce.each(f, keeping: context.flag("keepdim")) {
      (p: UnsafeMutablePointer<Double>, step, count) in
      finish(Reduce.squaredDeviations(count) { p[$0 &* step] } / divisor)
    }
  }

  private static func varianceGradient(_ context: OpContext, _ g: Tensor) throws -> Tensor {
    let dims = try dims(context)
    let n = Double(try reducedCount(context))
    let scale = 2 / Swift.max(n - (context.number("correction") ?? 1), 0)
    let sum = try spread(Reduce.sum(context[0], dims), context)
    let deviation = try Elementwise.scalars(
      context[0], sum, { ($0 - $1 / Float(n)) * Float(scale) }, { ($0 - $1 / n) * scale })
    return try product(deviation, spread(g, context))
  }

  // MARK: Norms

  public static let norm = Op(
    "norm", group: "reduction", summary: "The p-norm of a vector.",
    formula:
      "result = (Σ |self|^p)^(1/p) over dim; p = ∞ is the largest |self|, p = 0 counts the elements that are not 0",
    shapes: reductionShapes,
    parameters: [
      reductionParameters[0], Parameter("p", .number(default: 2), "the order, such as 1, 2 or math.huge"),
      reductionParameters[1], reductionParameters[2],
    ],
    example: Example("print(T{3, 4}:norm())", prints: "5\n[Tensor f32 scalar]"),
    forward: { context in
      [try normOf(context[0].floating(), context.number("p") ?? 2, dims(context), context.flag("keepdim"))]
    },
    backward: { context, outputs, gradients in
      guard let g = gradients[0] else { return [nil] }
      let dims = try dims(context)
      return [
        try normGradient(
          context[0], spread(outputs[0], context[0].shape, dims), spread(g, context[0].shape, dims),
          context.number("p") ?? 2, dims)
      ]
    },
    samples: { random in
      try [2, 1, 3, 0.5, .infinity, 0].flatMap { (p: Double) in
        [
          Sample([try random.distinct([2, 3])], [.number(p), .integers([]), .flag(false)]),
          Sample([try random.normal([2, 3, 2])], [.number(p), .integers([1]), .flag(true)]),
          Sample([try random.normal([3, 2]).transposed(0, 1)], [.number(p), .integers([0]), .flag(false)]),
        ]
      } + [
        Sample([try random.normal([70], .f32)], [.number(2), .integers([]), .flag(false)]),
        Sample([try random.normal([0])], [.number(2), .integers([]), .flag(false)]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor(zeros: [2], .f32)], [.number(2), .integers([3]), .flag(false)], words: "out of range")
      ]
    })

  private static func normOf(_ x: Tensor, _ p: Double, _ dims: [Int], _ keeping: Bool) throws -> Tensor {
    let size = try Elementwise.scalars(x, { Swift.abs($0) }, { Swift.abs($0) })
    switch p {
    case .infinity: return try Reduce.extreme(size, dims, keeping: keeping, largest: true)
    case -.infinity: return try Reduce.extreme(size, dims, keeping: keeping, largest: false)
    case 0:
      return try Reduce.sum(
        Elementwise.scalars(size, { $0 == 0 ? 0 : 1 }, { $0 == 0 ? 0 : 1 }), dims, keeping: keeping)
    case 1: return try Reduce.sum(size, dims, keeping: keeping)
    case 2:
      let sum = try Reduce.sum(product(x, x), dims, keeping: keeping)
      return try Elementwise.scalars(sum, { $0.squareRoot() }, { $0.squareRoot() })
    default:
      let q = Float(p)
      let powers = try Elementwise.calls(size, { Libm.pow($0, q) }, { Libm.pow($0, p) })
      return try Elementwise.calls(
        Reduce.sum(powers, dims, keeping: keeping), { Libm.pow($0, 1 / q) }, { Libm.pow($0, 1 / p) })
    }
  }

  /// sign(x) |x|^(p-1) / norm^(p-1) g, and 0 where the norm is 0; at p = ∞ the largest elements share it.
  private static func normGradient(_ x: Tensor, _ y: Tensor, _ g: Tensor, _ p: Double, _ dims: [Int]) throws
    -> Tensor
  {
    if p == 0 { return try Tensor(zeros: x.shape, x.dtype) }
    let slope: Tensor
    if Swift.abs(p) == .infinity {
      let hits = try Elementwise.scalars(
        x, y, { Swift.abs($0) == $1 ? 1 : 0 }, { Swift.abs($0) == $1 ? 1 : 0 })
      let count = try spread(Reduce.sum(hits, dims), x.shape, dims)
      let signed = try Elementwise.scalars(
        x, hits, { $0 < 0 ? -$1 : $0 > 0 ? $1 : 0 }, { $0 < 0 ? -$1 : $0 > 0 ? $1 : 0 })
      slope = try Elementwise.scalars(signed, count, { $0 / $1 }, { $0 / $1 })
    } else if p == 2 {
      slope = try Elementwise.scalars(x, y, { $1 == 0 ? 0 : $0 / $1 }, { $1 == 0 ? 0 : $0 / $1 })
    } else {
      let q = Float(p) - 1
      slope = try Elementwise.calls(
        x, y,
        { $0 == 0 || $1 == 0 ? 0 : ($0 < 0 ? -1 : 1) * Libm.pow(Swift.abs($0) / $1, q) },
        { $0 == 0 || $1 == 0 ? 0 : ($0 < 0 ? -1 : 1) * Libm.pow(Swift.abs($0) / $1, p - 1) })
    }
    return try product(slope, g)
  }

  // MARK: Products

  public static let prod = reduction(
    "prod", "The product; 1 for no elements.", "result = Π self over dim",
    Example("print(T{2, 3, 4}:prod())", prints: "24\n[Tensor f32 scalar]"),
    { try Reduce.product($0, $1, keeping: $2) },
    backward: { context, _, gradients in
      guard let g = gradients[0] else { return [nil] }
      let others = try Reduce.productsOfOthers(context[0], dims(context))
      return [try product(others, spread(g, context))]
    },
    samples: { random in
      try reductionSamples(&random).filter { ($0.inputs[0]?.elementCount ?? 0) < 100 } + [
        Sample([try Tensor([2, 0, 3.0], shape: [3])], [.integers([]), .flag(false)]),
        Sample([try Tensor([0, 0, 3.0], shape: [3])], [.integers([]), .flag(false)]),
        Sample([try random.integers([2, 3], 1..<5)], [.integers([1]), .flag(false)]),
      ]
    })

  // MARK: Extremes

  public static let amax = reduction(
    "amax", "The largest element over any dimensions; NaN where there is one. Ties share the gradient.",
    "result = max self over dim", Example("print(T{1, 5, 3}:amax())", prints: "5\n[Tensor f32 scalar]"),
    { try Reduce.extreme($0, $1, keeping: $2, largest: true) }, backward: sharedGradient,
    samples: { try reductionSamples(&$0, []) }, refusals: extremeRefusals)

  public static let amin = reduction(
    "amin", "The smallest element over any dimensions; NaN where there is one. Ties share the gradient.",
    "result = min self over dim", Example("print(T{4, 2, 3}:amin())", prints: "2\n[Tensor f32 scalar]"),
    { try Reduce.extreme($0, $1, keeping: $2, largest: false) }, backward: sharedGradient,
    samples: { try reductionSamples(&$0, []) }, refusals: extremeRefusals)

  /// The gradient in equal parts to all elements that equal the result.
  private static func sharedGradient(_ context: OpContext, _ outputs: [Tensor], _ gradients: [Tensor?]) throws
    -> [Tensor?]
  {
    guard let g = gradients[0] else { return [nil] }
    return [try shared(context[0], outputs[0], g, dims(context))]
  }

  static func shared(_ x: Tensor, _ y: Tensor, _ g: Tensor, _ dims: [Int]) throws -> Tensor {
    let hits = try Elementwise.scalars(
      x, spread(y, x.shape, dims), { $0 == $1 ? 1 : 0 }, { $0 == $1 ? 1 : 0 })
    let count = try spread(Reduce.sum(hits, dims), x.shape, dims)
    let share = try Elementwise.scalars(hits, count, { $0 / $1 }, { $0 / $1 })
    return try product(share, spread(g, x.shape, dims))
  }

  private static func extremeRefusals() throws -> [Refusal] {
    try reductionRefusals() + [
      Refusal(
        [try Tensor(zeros: [0], .f32)], [.integers([]), .flag(false)], words: "no elements to choose from")
    ]
  }

  // MARK: Logic

  public static let all = reduction(
    "all", "Whether every element is true (not 0); true for no elements.", "result = ∀ self ≠ 0 over dim",
    Example("print(T{1, 2, 0}:all())", prints: "false"), answers: .booleanUnless("dim"),
    { try Reduce.logic($0, $1, keeping: $2, stopsAt: false) }, backward: nil)

  public static let any = reduction(
    "any", "Whether some element is true (not 0); false for no elements.", "result = ∃ self ≠ 0 over dim",
    Example("print(T{1, 2, 0}:any())", prints: "true"), answers: .booleanUnless("dim"),
    { try Reduce.logic($0, $1, keeping: $2, stopsAt: true) }, backward: nil)
}
