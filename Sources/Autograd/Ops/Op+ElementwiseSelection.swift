/// Selection by masks, replacement of values, and tests for numbers that are not finite.
import Base
import Tensors

extension Op {
  static let selection: [Op] = [clamp, isnan, isinf, isfinite, nanToNum, whereOp, maskedFill]

  // MARK: Tests

  public static let isnan = test(
    "isnan", "True where an element is NaN.", "result = self ≠ self",
    Example("print(T{0/0, 1}:isnan())", prints: "[true, false]\n[Tensor bool 2]"), { $0 != $0 },
    onIntegers: false)

  public static let isinf = test(
    "isinf", "True where an element is infinite.", "result = |self| = ∞",
    Example("print(T{1/0, 1}:isinf())", prints: "[true, false]\n[Tensor bool 2]"),
    { Swift.abs($0) == .infinity },
    onIntegers: false)

  public static let isfinite = test(
    "isfinite", "True where an element is neither NaN nor infinite.", "result = |self| < ∞",
    Example("print(T{1/0, 1}:isfinite())", prints: "[false, true]\n[Tensor bool 2]"),
    { Swift.abs($0) < .infinity },
    onIntegers: true)

  /// A bool of each element; f32 is widened, which keeps NaN and infinities.
  private static func test(
    _ name: String, _ summary: String, _ formula: String, _ example: Example, _ f: @escaping (Double) -> Bool,
    onIntegers: Bool
  ) -> Op {
    Op(
      name, group: "elementwise", summary: summary, formula: formula,
      shapes: "self [...]; the result is bool of the same shape",
      parameters: [Parameter("self", .tensor, "the argument")], inPlace: true, example: example,
      forward: { context in
        switch context[0].dtype {
        case .f32: return [try Elementwise.map(context[0]) { (x: Float) in f(Double(x)) }]
        case .f64: return [try Elementwise.map(context[0], f)]
        case .i64, .bool:
          let filled = try Tensor(scalar: onIntegers ? 1 : 0, .bool)
          return [try filled.expanded(to: context[0].shape).copied()]
        }
      },
      samples: { random in try unarySamples(&random, -2...2).map { Sample([$0], checksGradient: false) } })
  }

  // MARK: Replacements

  public static let nanToNum = Op(
    "nan_to_num", group: "elementwise", summary: "Replaces NaN and infinities by numbers.",
    formula: "result = nan where self is NaN, posinf where ∞, neginf where -∞, else self",
    shapes: "self [...]; the result has the same shape",
    parameters: [
      Parameter("self", .tensor, "the argument"),
      Parameter("nan", .number(default: 0), "replaces NaN"),
      Parameter("posinf", .number(default: nil), "replaces ∞; nil for the largest finite number"),
      Parameter("neginf", .number(default: nil), "replaces -∞; nil for the smallest finite number"),
    ],
    inPlace: true, example: Example("print(T{0/0, 1}:nan_to_num())", prints: "[0, 1]\n[Tensor f32 2]"),
    forward: { context in
      let (nan, up, down) = (context.number("nan") ?? 0, context.number("posinf"), context.number("neginf"))
      switch context[0].dtype {
      case .i64, .bool: return [try context[0].copied()]
      case .f32:
        let (n, a) = (Float(nan), up.map { Float($0) } ?? .greatestFiniteMagnitude)
        let b = down.map { Float($0) } ?? -.greatestFiniteMagnitude
        return [
          try Elementwise.map(context[0]) { (x: Float) in
            x != x ? n : x == .infinity ? a : x == -.infinity ? b : x
          }
        ]
      case .f64:
        let (a, b) = (up ?? .greatestFiniteMagnitude, down ?? -.greatestFiniteMagnitude)
        return [
          try Elementwise.map(context[0]) { (x: Double) in
            x != x ? nan : x == .infinity ? a : x == -.infinity ? b : x
          }
        ]
      }
    },
    backward: { context, _, gradients in
      guard let g = gradients[0] else { return [nil] }
      return [
        try Elementwise.scalars(
          context[0], g, { Swift.abs($0) < .infinity ? $1 : 0 }, { Swift.abs($0) < .infinity ? $1 : 0 })
      ]
    },
    samples: { random in
      try unarySamples(&random, -2...2).map { Sample([$0], [.number(0), .none, .none]) } + [
        Sample(
          [try Tensor([Double.nan, .infinity, -.infinity, 1], shape: [4])],
          [.number(1), .number(2), .number(3)],
          checksGradient: false)
      ]
    })

  // MARK: Masks

  public static let whereOp = Op(
    "where", group: "elementwise",
    summary: "Selects elements from one tensor where a condition is true, else from another.",
    formula: "result = condition ? self : other",
    shapes:
      "condition bool [...], self and other [...] or numbers; the result has their common broadcast shape",
    parameters: [
      Parameter("condition", .tensor, "bool: where to select from self"),
      Parameter("self", .operand, "selected where the condition is true: a tensor or a number"),
      Parameter("other", .operand, "selected where the condition is false: a tensor or a number"),
    ],
    example: Example("print(T{1, -2}:gt(0):where(T{1, 1}, T{0, 0}))", prints: "[1, 0]\n[Tensor f32 2]"),
    forward: { context in
      let (mask, a, b) = try whereOperands(context)
      switch a.dtype {
      case .f32: return [try choose(mask, a, b, Float.self)]
      case .f64: return [try choose(mask, a, b, Double.self)]
      case .i64: return [try choose(mask, a, b, Int64.self)]
      case .bool: return [try choose(mask, a, b, Bool.self)]
      }
    },
    backward: { context, _, gradients in
      guard let g = gradients[0] else { return [nil, nil, nil] }
      let mask = try context[0].expanded(to: g.shape)
      let left = try context.needs[1] ? reduced(context, 1, masked(g, mask, keeping: true)) : nil
      return [nil, left, try context.needs[2] ? reduced(context, 2, masked(g, mask, keeping: false)) : nil]
    },
    samples: { random in
      [
        Sample([try random.flags([2, 3]), try random.normal([2, 3]), try random.normal([2, 3])]),
        Sample([try random.flags([3]), try random.normal([2, 1]), try random.normal([])]),
        Sample([
          try random.flags([2, 1]), try random.normal([3, 2]).transposed(0, 1), try random.normal([1, 3]),
        ]),
        Sample([try random.flags([0]), try random.normal([1]), try random.normal([])]),
        Sample([try random.flags([4]), try random.integers([4], 0..<9), try random.integers([4], 0..<9)]),
      ]
    },
    refusals: {
      let x = try Tensor(zeros: [2], .f32)
      return [
        Refusal([x, x, x], words: "condition must be bool"),
        Refusal(
          [try Tensor(zeros: [3], .bool), x, x], words: "3 and 2 cannot broadcast"),
      ]
    })

  private static func whereOperands(_ context: OpContext) throws -> (Tensor, Tensor, Tensor) {
    if context[0].dtype != .bool {
      throw Failure(.dtype, "the condition must be bool, got \(context[0].dtype.rawValue)", argument: 1)
    }
    let dtype = DType.promote(context[1].dtype, context[2].dtype)
    let shape = try Shape.broadcast(context[0].shape, try Shape.broadcast(context[1].shape, context[2].shape))
    let a = try context[1].cast(to: dtype).expanded(to: shape)
    return (try context[0].expanded(to: shape), a, try context[2].cast(to: dtype).expanded(to: shape))
  }

  private static func choose<T: TensorScalar>(_ mask: Tensor, _ a: Tensor, _ b: Tensor, _ type: T.Type) throws
    -> Tensor
  {
    let result = try b.copied()
    let (flags, left) = (try mask.contiguous(), try a.contiguous())
    let (m, p, r) = (flags.pointer(Bool.self), left.pointer(T.self), result.pointer(T.self))
    return withExtendedLifetime((flags, left)) {
      for i in 0..<result.elementCount where m[i] { r[i] = p[i] }
      return result
    }
  }

  /// `g` where the mask equals `keeping`, else 0.
  static func masked(_ g: Tensor, _ mask: Tensor, keeping: Bool) throws -> Tensor {
    switch g.dtype {
    case .f32: return try Elementwise.zip(g, mask) { (g: Float, m: Bool) in m == keeping ? g : 0 }
    case .f64: return try Elementwise.zip(g, mask) { (g: Double, m: Bool) in m == keeping ? g : 0 }
    case .i64: return try Elementwise.zip(g, mask) { (g: Int64, m: Bool) in m == keeping ? g : 0 }
    case .bool: return try Elementwise.zip(g, mask) { (g: Bool, m: Bool) in m == keeping && g }
    }
  }

  public static let maskedFill = Op(
    "masked_fill", group: "elementwise", summary: "Writes one number where a mask is true.",
    formula: "result = mask ? value : self",
    shapes: "self [...], mask bool [...]; the result has their common broadcast shape",
    parameters: [
      Parameter("self", .tensor, "the elements where the mask is false"),
      Parameter("mask", .tensor, "bool: where to write"),
      Parameter("value", .scalar, "what to write; a whole number stays exact in i64"),
    ],
    inPlace: true,
    example: Example("print(T{1, 2}:masked_fill(T{1, 2}:gt(1), 0))", prints: "[1, 0]\n[Tensor f32 2]"),
    forward: { context in
      guard let value = context.number("value") else {
        throw Failure(.argument, "value is missing", argument: 3)
      }
      let mask = context[1]
      if mask.dtype != .bool {
        throw Failure(.dtype, "the mask must be bool, got \(mask.dtype.rawValue)", argument: 2)
      }
      let shape = try Shape.broadcast(context[0].shape, mask.shape)
      let (x, m) = (try context[0].expanded(to: shape), try mask.expanded(to: shape))
      switch x.dtype {
      case .f32:
        let fill = Float(value)
        return [try Elementwise.zip(x, m) { (x: Float, m: Bool) in m ? fill : x }]
      case .f64: return [try Elementwise.zip(x, m) { (x: Double, m: Bool) in m ? value : x }]
      case .bool: return [try Elementwise.zip(x, m) { (x: Bool, m: Bool) in m ? value != 0 : x }]
      case .i64:
        guard let fill = context.attributes.whole("value") else {
          throw Failure(.value, "\(value) is no i64", argument: 3)
        }
        return [try Elementwise.zip(x, m) { (x: Int64, m: Bool) in m ? fill : x }]
      }
    },
    backward: { context, _, gradients in
      guard let g = gradients[0] else { return [nil, nil] }
      return [try reduced(context, 0, masked(g, context[1].expanded(to: g.shape), keeping: false)), nil]
    },
    samples: { random in
      [
        Sample([try random.normal([2, 3]), try random.flags([2, 3])], [.number(-7)]),
        Sample(
          [try random.normal([2, 3]), try random.flags([3])], [.number(-.infinity)], checksGradient: false),
        Sample([try random.normal([3, 2]).transposed(0, 1), try random.flags([2, 1])], [.number(1)]),
        Sample([try random.normal([]), try random.flags([2])], [.number(1)]),
        Sample([try random.normal([0]), try random.flags([0])], [.number(1)]),
        Sample([try random.integers([3], 0..<5), try random.flags([3])], [.number(9)]),
      ]
    },
    refusals: {
      let flags = try Tensor(zeros: [2], .bool)
      let whole = try Tensor([1, 2] as [Int64], shape: [2])
      return [
        Refusal([whole, whole], [.number(0)], words: "mask must be bool"),
        Refusal([whole, flags], [.number(0.5)], words: "0.5 is no i64"),
      ]
    })
}
