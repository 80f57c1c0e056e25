/// Clamping to numbers in one pass, and to tensors by maximum and minimum.
import Base
import Tensors

extension Op {
  public static let clamp: Op = Op(
    "clamp", group: "elementwise", summary: "Limits each element to a range, given by numbers or tensors.",
    formula:
      "result = min(max(self, min), max); the gradient flows where min < self < max, and to a limit where it holds",
    shapes: "self [...], min and max [...] or numbers; the result has their common broadcast shape",
    parameters: [
      Parameter("self", .tensor, "the argument"),
      Parameter(
        "min", .optionalOperand, "the lower limit: a tensor that broadcasts, a number, or nil for none"),
      Parameter("max", .optionalOperand, "the upper limit, which wins where the two cross; nil for none"),
    ],
    aliases: ["clip"], inPlace: true,
    example: Example("print(T{-5, 1, 5}:clamp(-2, 3))", prints: "[-2, 1, 3]\n[Tensor f32 3]"),
    compose: { inputs, _ in
      guard let x = inputs[0] else { return [] }
      let (low, high) = (inputs[1], inputs[2])
      if low == nil && high == nil { throw Failure(.argument, "at least one of min and max must be given") }
      if x.value.dtype == .bool {
        throw Failure(.dtype, "clamp takes numbers, got a bool tensor", argument: 1)
      }
      let limits = [low, high].compactMap { $0 }
      // A number changes the type of integers only, and then to f32.
      let isNumber = { (limit: Variable) in
        limit.value.rank == 0 && !limit.requiresGrad && limit.value.dtype != .bool
          && (limit.value.dtype != .f64 || x.value.dtype == .f64)
      }
      if limits.allSatisfy(isNumber) {
        let numbers = try [low, high].map { try $0?.value.exactItem() ?? .none }
        return try clampByNumbers([x], numbers)
      }
      let raised = try low.map { try x.apply(.maximum, $0) } ?? x
      return [try high.map { try raised.apply(.minimum, $0) } ?? raised]
    },
    samples: { random in
      func number(_ x: Double) throws -> Tensor { try Tensor(scalar: x, .f64) }
      // Limits that are tensors have a gradient, and must differ from each other and from the elements.
      let (low, high) = (try random.uniform([3], -0.9, -0.6), try random.uniform([2, 1], 0.6, 0.9))
      let apart = try Tensor([-2.0, -0.3, 1.4, 0.2, 1.9, -1.3], shape: [2, 3])
      return try unarySamples(&random, -2...2).map { Sample([$0, try number(-0.9), try number(1.1)]) } + [
        Sample([apart, low, high]), Sample([apart, low, nil]), Sample([apart, nil, high]),
        Sample([
          try apart.transposed(0, 1), try number(-1.2),
          try low.expanded(to: [3, 3]).narrowed(1, from: 0, length: 2),
        ]),
        Sample([try number(2), low, nil]), Sample([try random.normal([0, 3]), low, nil]),
        Sample([try random.distinct([7]), try number(0.02), nil]),
        Sample([try random.distinct([7]), nil, try number(0.02)]),
        Sample([try random.distinct([7]), try number(1), try number(-1)]),
        Sample([try random.integers([5], -5..<5), try Tensor(scalar: -1, .i64), try Tensor(scalar: 2, .i64)]),
        Sample([try random.integers([5], -5..<5), try Tensor([-1, 0, 1, 2, 3] as [Int64], shape: [5]), nil]),
        Sample([try random.integers([5], -5..<5), try number(-1.5), nil]),
      ]
    },
    refusals: {
      let x = try Tensor(zeros: [2], .f32)
      return [
        Refusal([x, nil, nil], words: "at least one of min and max"),
        Refusal([try Tensor(zeros: [2], .bool), x, nil], words: "takes numbers, got a bool tensor"),
        Refusal([x, try Tensor(zeros: [3], .f32), nil], words: "2 and 3 cannot broadcast"),
      ]
    })

  /// Limits that are numbers, in one pass.
  private static let clampByNumbers: Op = Op(
    "clamp_numbers", group: clamp.group, summary: clamp.summary, formula: clamp.formula, shapes: clamp.shapes,
    parameters: [
      Parameter("self", .tensor, "the argument"),
      Parameter("min", .scalar, "the lower limit; nil for none"),
      Parameter("max", .scalar, "the upper limit; nil for none"),
    ],
    example: clamp.example,
    forward: { context in
      let (low, high) = limits(context)
      switch context[0].dtype {
      case .f32: return [try clamped32(context[0], Float(low), Float(high))]
      case .f64: return [try clamped64(context[0], low, high)]
      case .i64, .bool:
        guard let a = wholeLimit(context, "min", low), let b = wholeLimit(context, "max", high) else {
          return [try clamped32(context[0].cast(to: .f32), Float(low), Float(high))]
        }
        return [
          try Elementwise.map(context[0].cast(to: .i64)) { (x: Int64) in Swift.min(Swift.max(x, a), b) }
        ]
      }
    },
    backward: { context, _, gradients in
      guard let g = gradients[0] else { return [nil] }
      let (low, high) = limits(context)
      let (a, b) = (Float(low), Float(high))
      // An infinity passes on a side without a limit.
      let (isOpenBelow, isOpenAbove) = (context.number("min") == nil, context.number("max") == nil)
      return [
        try Elementwise.scalars(
          context[0], g, { ($0 > a || isOpenBelow) && ($0 < b || isOpenAbove) ? $1 : 0 },
          { ($0 > low || isOpenBelow) && ($0 < high || isOpenAbove) ? $1 : 0 })
      ]
    },
    samples: { _ in [] })

  private static func limits(_ context: OpContext) -> (Double, Double) {
    (context.number("min") ?? -.infinity, context.number("max") ?? .infinity)
  }

  /// NaN elements stay; a NaN limit gives NaN, as in PyTorch.
  private static func clamped32(_ x: Tensor, _ low: Float, _ high: Float) throws -> Tensor {
    let poison: Float = low.isNaN || high.isNaN ? .nan : 0
    return try Elementwise.map(x) { (x: Float) in
      let raised = x < low ? low : x
      return (raised > high ? high : raised) + poison
    }
  }

  private static func clamped64(_ x: Tensor, _ low: Double, _ high: Double) throws -> Tensor {
    let poison: Double = low.isNaN || high.isNaN ? .nan : 0
    return try Elementwise.map(x) { (x: Double) in
      let raised = x < low ? low : x
      return (raised > high ? high : raised) + poison
    }
  }

  /// A limit as an integer: the end of the range for a limit beyond 64 bits or none, nil for a fraction or
  /// NaN.
  private static func wholeLimit(_ context: OpContext, _ name: String, _ x: Double) -> Int64? {
    if let whole = context.attributes.whole(name) { return whole }
    if x <= -0x1p63 { return .min }
    if x >= 0x1p63 { return .max }
    return Int64(exactly: x)
  }
}

extension Tensor {
  /// The one element as an attribute: an integer keeps all 64 bits.
  fileprivate func exactItem() throws -> Attribute {
    dtype == .i64 ? .integer(Int(try elements(Int64.self)[0])) : .number(try item())
  }
}
