/// Functions of each element: the shared form, and exponentials, logarithms, powers and rounding.
import Base
import Tensors

extension Op {
  static let elementwise: [Op] = [
    exp, log, log2, log10, log1p, expm1, sqrt, rsqrt, reciprocal, square, absolute, sign, floor, ceil, round,
    trunc,
  ]

  /// A function of one tensor, element by element. Integers and bools become f32 first unless
  /// `keepsIntegers`.
  ///
  /// `gradient` gets input, output and output gradient, all of one floating type and shape. Samples are drawn
  /// from `domain`, where the function must be smooth.
  static func unary(
    _ name: String, group: String = "elementwise", _ summary: String, _ formula: String, _ example: Example,
    metamethod: String? = nil, domain: ClosedRange<Double> = -2...2, keepsIntegers: Bool = false,
    _ forward: @escaping (Tensor) throws -> Tensor,
    gradient: ((_ x: Tensor, _ y: Tensor, _ g: Tensor) throws -> Tensor)?,
    refusals: @escaping () throws -> [Refusal] = { [] }
  ) -> Op {
    Op(
      name, group: group, summary: summary, formula: formula,
      shapes: "self [...]; the result has the same shape",
      parameters: [Parameter("self", .tensor, "the argument")], inPlace: true, metamethod: metamethod,
      example: example,
      direct: .one { x in try forward(keepsIntegers ? x : x.floating()) },
      backward: gradient.map { gradient in
        { context, outputs, gradients in
          guard let g = gradients[0] else { return [nil] }
          return [try gradient(context[0], outputs[0], g)]
        }
      },
      samples: { random in try unarySamples(&random, domain).map { Sample([$0]) } },
      refusals: refusals)
  }

  /// A matrix, a transposed view, a stretched view, one element, no dimension, no elements.
  static func unarySamples(_ random: inout Samples, _ domain: ClosedRange<Double>) throws -> [Tensor] {
    let (low, high) = (domain.lowerBound, domain.upperBound)
    return [
      try random.uniform([2, 5], low, high),
      try random.uniform([3, 4], low, high).transposed(0, 1),
      try random.uniform([1, 3], low, high).expanded(to: [2, 3]),
      try random.uniform([19], low, high, .f32),
      try random.uniform([1], low, high),
      try random.uniform([], low, high),
      try random.uniform([2, 0], low, high),
    ]
  }

  /// One function for each numeric type; bools are refused in the name of the operation.
  @inline(__always)
  static func numeric(
    _ name: String, _ x: Tensor, _ f32: (Float) -> Float, _ f64: (Double) -> Double, _ i64: (Int64) -> Int64
  ) throws -> Tensor {
    switch x.dtype {
    case .f32: return try Elementwise.map(x, f32)
    case .f64: return try Elementwise.map(x, f64)
    case .i64: return try Elementwise.map(x, i64)
    case .bool: throw Failure(.dtype, "\(name) takes numbers, got a bool tensor", argument: 1)
    }
  }

  static func boolRefusal() throws -> [Refusal] {
    [Refusal([try Tensor([true, false], shape: [2])], words: "takes numbers, got a bool tensor")]
  }

  /// The gradient of a function that is flat wherever it has one.
  static func flat(_ x: Tensor, _ y: Tensor, _ g: Tensor) throws -> Tensor {
    try Tensor(zeros: x.shape, x.dtype)
  }

  // MARK: Exponentials and logarithms

  public static let exp = unary(
    "exp", "The exponential function.", "result = e^self",
    Example("print(T{0, 0}:exp())", prints: "[1, 1]\n[Tensor f32 2]"),
    { try Elementwise.lanes($0, { VectorMath.exp($0) }, { Libm.exp($0) }) },
    gradient: { _, y, g in try Elementwise.scalars(y, g, { $0 * $1 }, { $0 * $1 }) })

  public static let log = unary(
    "log", "The natural logarithm; -inf at 0 and NaN below.", "result = log self",
    Example("print(T{1, 1}:log())", prints: "[0, 0]\n[Tensor f32 2]"), domain: 0.2...3,
    { try Elementwise.lanes($0, { VectorMath.log($0) }, { Libm.log($0) }) },
    gradient: { x, _, g in try Elementwise.scalars(x, g, { $1 / $0 }, { $1 / $0 }) })

  public static let log2 = unary(
    "log2", "The logarithm to base 2.", "result = log self / log 2",
    Example("print(T{1, 8}:log2())", prints: "[0, 3]\n[Tensor f32 2]"), domain: 0.2...3,
    { try Elementwise.calls($0, { Libm.log2($0) }, { Libm.log2($0) }) },
    gradient: { x, _, g in
      try Elementwise.scalars(x, g, { $1 / ($0 * 0.6931471805599453) }, { $1 / ($0 * 0.6931471805599453) })
    })

  public static let log10 = unary(
    "log10", "The logarithm to base 10.", "result = log self / log 10",
    Example("print(T{1, 1000}:log10())", prints: "[0, 3]\n[Tensor f32 2]"), domain: 0.2...3,
    { try Elementwise.calls($0, { Libm.log10($0) }, { Libm.log10($0) }) },
    gradient: { x, _, g in
      try Elementwise.scalars(x, g, { $1 / ($0 * 2.302585092994046) }, { $1 / ($0 * 2.302585092994046) })
    })

  public static let log1p = unary(
    "log1p", "The logarithm of 1 + self, exact for small self.", "result = log(1 + self)",
    Example("print(T{0}:log1p())", prints: "[0]\n[Tensor f32 1]"), domain: -0.8...2,
    { try Elementwise.lanes($0, { VectorMath.log1p($0) }, { Libm.log1p($0) }) },
    gradient: { x, _, g in try Elementwise.scalars(x, g, { $1 / ($0 + 1) }, { $1 / ($0 + 1) }) })

  public static let expm1 = unary(
    "expm1", "The exponential minus 1, exact for small self.", "result = e^self - 1",
    Example("print(T{0}:expm1())", prints: "[0]\n[Tensor f32 1]"),
    { try Elementwise.calls($0, { Libm.expm1($0) }, { Libm.expm1($0) }) },
    gradient: { _, y, g in try Elementwise.scalars(y, g, { ($0 + 1) * $1 }, { ($0 + 1) * $1 }) })

  // MARK: Powers

  public static let sqrt = unary(
    "sqrt", "The square root; NaN below 0.", "result = self^(1/2)",
    Example("print(T{4, 9}:sqrt())", prints: "[2, 3]\n[Tensor f32 2]"), domain: 0.2...3,
    { try Elementwise.scalars($0, { $0.squareRoot() }, { $0.squareRoot() }) },
    gradient: { _, y, g in try Elementwise.scalars(y, g, { $1 / (2 * $0) }, { $1 / (2 * $0) }) })

  public static let rsqrt = unary(
    "rsqrt", "One over the square root.", "result = self^(-1/2)",
    Example("print(T{1, 0.25}:rsqrt())", prints: "[1, 2]\n[Tensor f32 2]"), domain: 0.2...3,
    { try Elementwise.scalars($0, { 1 / $0.squareRoot() }, { 1 / $0.squareRoot() }) },
    gradient: { _, y, g in
      try Elementwise.scalars(y, g, { -0.5 * $1 * $0 * $0 * $0 }, { -0.5 * $1 * $0 * $0 * $0 })
    })

  public static let reciprocal = unary(
    "reciprocal", "One over each element.", "result = 1 / self",
    Example("print(T{1, 0.5}:reciprocal())", prints: "[1, 2]\n[Tensor f32 2]"), domain: 0.3...3,
    { try Elementwise.scalars($0, { 1 / $0 }, { 1 / $0 }) },
    gradient: { _, y, g in try Elementwise.scalars(y, g, { -$1 * $0 * $0 }, { -$1 * $0 * $0 }) })

  public static let square = unary(
    "square", "Each element times itself.", "result = self^2",
    Example("print(T{2, 3}:square())", prints: "[4, 9]\n[Tensor f32 2]"), keepsIntegers: true,
    { try numeric("square", $0, { $0 * $0 }, { $0 * $0 }, { $0 &* $0 }) },
    gradient: { x, _, g in try Elementwise.scalars(x, g, { 2 * $0 * $1 }, { 2 * $0 * $1 }) },
    refusals: boolRefusal)

  // MARK: Sign and rounding

  public static let absolute = unary(
    "abs", "The absolute value; the smallest i64 is unchanged.", "result = |self|",
    Example("print(T{-1, 2}:abs())", prints: "[1, 2]\n[Tensor f32 2]"), domain: 0.2...2, keepsIntegers: true,
    { try numeric("abs", $0, { Swift.abs($0) }, { Swift.abs($0) }, { $0 < 0 ? 0 &- $0 : $0 }) },
    gradient: { x, _, g in
      try Elementwise.scalars(
        x, g, { $0 > 0 ? $1 : $0 < 0 ? -$1 : 0 * $0 }, { $0 > 0 ? $1 : $0 < 0 ? -$1 : 0 * $0 })
    }, refusals: boolRefusal)

  public static let sign = unary(
    "sign", "-1, 0 or 1. The gradient is 0.", "result = self / |self|, and 0 at 0",
    Example("print(T{-3, 0, 2}:sign())", prints: "[-1, 0, 1]\n[Tensor f32 3]"), domain: 0.2...2,
    keepsIntegers: true,
    {
      try numeric(
        "sign", $0, { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 }, { $0 > 0 ? 1 : $0 < 0 ? -1 : 0 }, { $0.signum() })
    }, gradient: flat, refusals: boolRefusal)

  public static let floor = unary(
    "floor", "The largest whole number not above. The gradient is 0.", "result = ⌊self⌋",
    Example("print(T{1.5, -1.5}:floor())", prints: "[1, -2]\n[Tensor f32 2]"), domain: 0.1...0.9,
    keepsIntegers: true,
    { try numeric("floor", $0, { $0.rounded(.down) }, { $0.rounded(.down) }, { $0 }) }, gradient: flat,
    refusals: boolRefusal)

  public static let ceil = unary(
    "ceil", "The smallest whole number not below. The gradient is 0.", "result = ⌈self⌉",
    Example("print(T{1.5, -1.5}:ceil())", prints: "[2, -1]\n[Tensor f32 2]"), domain: 0.1...0.9,
    keepsIntegers: true,
    { try numeric("ceil", $0, { $0.rounded(.up) }, { $0.rounded(.up) }, { $0 }) }, gradient: flat,
    refusals: boolRefusal)

  public static let round = Op(
    "round", group: "elementwise",
    summary:
      "The nearest whole number, or number with `decimals` decimals; ties go to the even one. The gradient is 0.",
    formula: "result = round(10^decimals self) / 10^decimals",
    shapes: "self [...]; the result has the same shape",
    parameters: [
      Parameter("self", .tensor, "the argument"),
      Parameter(
        "decimals", .integer(default: 0),
        "digits after the decimal point; negative rounds to tens, hundreds ..."),
    ],
    inPlace: true,
    example: Example(
      "print(T{0.5, 1.5, 2.6}:round())\nprint(T{3.14159}:round(2))",
      prints: "[0, 2, 3]\n[Tensor f32 3]\n[3.14]\n[Tensor f32 1]"),
    forward: { context in
      let decimals = context.integer("decimals") ?? 0
      if decimals == 0 {
        return [
          try numeric(
            "round", context[0], { $0.rounded(.toNearestOrEven) }, { $0.rounded(.toNearestOrEven) }, { $0 })
        ]
      }
      if !context[0].dtype.isFloating {
        throw Failure(.dtype, "decimals are for f32 and f64, got \(context[0].dtype.rawValue)", argument: 2)
      }
      // As PyTorch: a power with a whole exponent, multiplied for digits behind the point and divided for
      // those before it.
      let wide = Libm.pow(10.0, Double(decimals).magnitude)
      let narrow = Float(wide)
      return [
        try decimals > 0
          ? Elementwise.scalars(
            context[0], { ($0 * narrow).rounded(.toNearestOrEven) / narrow },
            { ($0 * wide).rounded(.toNearestOrEven) / wide })
          : Elementwise.scalars(
            context[0], { ($0 / narrow).rounded(.toNearestOrEven) * narrow },
            { ($0 / wide).rounded(.toNearestOrEven) * wide })
      ]
    },
    backward: { context, outputs, gradients in [try gradients[0].map { try flat(context[0], outputs[0], $0) }]
    },
    samples: { random in
      try unarySamples(&random, 0.1...0.4).map { Sample([$0], [.integer(0)]) } + [
        Sample([try random.uniform([2, 3], 0.31, 0.34)], [.integer(1)]),
        Sample([try random.uniform([3, 2], 11, 14).transposed(0, 1)], [.integer(-1)]),
        Sample([try random.integers([5], -5..<5)], [.integer(0)]),
      ]
    },
    refusals: {
      [
        Refusal(
          [try Tensor([true, false], shape: [2])], [.integer(0)], words: "takes numbers, got a bool tensor"),
        Refusal(
          [try Tensor([1, 2] as [Int64], shape: [2])], [.integer(2)],
          words: "decimals are for f32 and f64, got i64"),
      ]
    })

  public static let trunc = unary(
    "trunc", "The whole part, towards 0. The gradient is 0.", "result = sign(self) ⌊|self|⌋",
    Example("print(T{1.5, -1.5}:trunc())", prints: "[1, -1]\n[Tensor f32 2]"), domain: 0.1...0.9,
    keepsIntegers: true,
    { try numeric("trunc", $0, { $0.rounded(.towardZero) }, { $0.rounded(.towardZero) }, { $0 }) },
    gradient: flat,
    refusals: boolRefusal)
}
