/// Quotients and remainders with broadcasting.
import Base
import Tensors

extension Op {
  /// The quotient without rounding: `div` by default.
  private static let quotient = binary(
    "div", "The elementwise quotient.", "result = self / other", Example("", prints: ""), floating: true,
    otherDomain: 0.5...2,
    { a, b in try Elementwise.scalars(a, b, { $0 / $1 }, { $0 / $1 }) },
    left: { _, b, _, g in try Elementwise.scalars(g, b, { $0 / $1 }, { $0 / $1 }) },
    right: { _, b, y, g in
      try product(Elementwise.scalars(y, b, { -$0 / $1 }, { -$0 / $1 }), g)
    })

  public static let div = Op(
    "div", group: "arithmetic",
    summary:
      "The elementwise quotient; of integers, in f32. Rounded, it keeps the type and its gradient is 0.",
    formula: "result = self / other, rounded towards -∞ by \"floor\", towards 0 by \"trunc\"",
    shapes: quotient.shapes,
    parameters: operands + [
      Parameter(
        "rounding_mode", .choice(["none", "floor", "trunc"], default: "none"), "how the quotient is rounded")
    ],
    aliases: ["divide", "true_divide"], inPlace: true, metamethod: "__div",
    example: Example(
      "print(T{1, 3}:div(T{2}))\nprint(T{7, -7}:div(2, \"trunc\"))",
      prints: "[0.5, 1.5]\n[Tensor f32 2]\n[3, -3]\n[Tensor f32 2]"),
    forward: { context in
      guard let mode = roundingMode(context) else { return try quotient.forward?(context) ?? [] }
      let (a, b) = try broadcastOperands(context[0], context[1])
      try refuseZero(a, b)
      if mode == "floor" { return [try numeric("div", a, b, floorQuotient, floorQuotient, floorQuotient)] }
      return [
        try numeric(
          "div", a, b, { ($0 / $1).rounded(.towardZero) }, { ($0 / $1).rounded(.towardZero) },
          { $1 == -1 ? 0 &- $0 : $0 / $1 })
      ]
    },
    direct: quotient.direct,
    backward: { context, outputs, gradients in
      if roundingMode(context) == nil { return try quotient.backward?(context, outputs, gradients) ?? [] }
      return try context.inputs.enumerated().map { i, input in
        guard let input, context.needs[i] else { return nil }
        return try Tensor(zeros: input.shape, input.dtype)
      }
    },
    samples: { random in
      let pairs = try quotient.samples(&random)
      let rounded = try ["floor", "trunc"].flatMap { mode in
        [
          // Quotients between whole numbers, where the gradient is 0.
          Sample(
            [try random.uniform([2, 3], 1.1, 1.4), try random.uniform([3], 0.97, 1.03)], [.text(mode)]),
          Sample([try random.integers([7], -9..<9), try random.integers([7], 1..<4)], [.text(mode)]),
          Sample([try random.normal([0, 3]), try random.normal([3])], [.text(mode)]),
        ]
      }
      return pairs.map { Sample($0.inputs, [.text("none")], checksGradient: $0.checksGradient) } + rounded
    },
    refusals: {
      let wide = try Tensor(zeros: [2, 3], .f32)
      let zero = try Tensor([1, 0] as [Int64], shape: [2])
      let flags = try Tensor([true, false], shape: [2])
      return [
        Refusal([wide, try Tensor(zeros: [4], .f32)], [.text("none")], words: "2x3 and 4 cannot broadcast"),
        Refusal([zero, zero], [.text("trunc")], words: "ZeroDivisionError"),
        Refusal([flags, flags], [.text("floor")], words: "takes numbers, got bool tensors"),
      ]
    })

  /// "floor", "trunc", or nil for none.
  private static func roundingMode(_ context: OpContext) -> String? {
    context.text("rounding_mode").flatMap { $0 == "none" ? nil : $0 }
  }

  public static let floorDivide = binary(
    "floor_divide", "The quotient rounded down, as `//` in Lua. No gradient.", "result = ⌊self / other⌋",
    Example("print(T{7, -7}:floor_divide(T{2}))", prints: "[3, -4]\n[Tensor f32 2]"), metamethod: "__idiv",
    otherDomain: 0.5...2,
    { a, b in
      try refuseZero(a, b)
      return try numeric("floor_divide", a, b, floorQuotient, floorQuotient, floorQuotient)
    },
    refusals: zeroDivisions)

  public static let remainder = binary(
    "remainder", "The remainder of division with the sign of other, as `%` in Lua.",
    "result = self - other ⌊self / other⌋",
    Example("print(T{7, -7}:remainder(T{3}))", prints: "[1, 2]\n[Tensor f32 2]"), metamethod: "__mod",
    domain: 0.1...0.9,
    otherDomain: 0.32...0.33,
    { a, b in
      try refuseZero(a, b)
      return try numeric(
        "remainder", a, b, modulo, modulo,
        { x, y in y == -1 ? 0 : { r in r != 0 && (r < 0) != (y < 0) ? r &+ y : r }(x % y) })
    },
    left: { _, _, _, g in g },
    right: { a, b, _, g in
      try product(Elementwise.scalars(a, b, { -floorQuotient($0, $1) }, { -floorQuotient($0, $1) }), g)
    },
    refusals: zeroDivisions)

  public static let fmod = binary(
    "fmod", "The remainder of division with the sign of self.", "result = self - other trunc(self / other)",
    Example("print(T{7, -7}:fmod(T{3}))", prints: "[1, -1]\n[Tensor f32 2]"), domain: 0.1...0.9,
    otherDomain: 0.32...0.33,
    { a, b in
      try refuseZero(a, b)
      return try numeric(
        "fmod", a, b, { Libm.fmod($0, $1) }, { Libm.fmod($0, $1) }, { $1 == -1 ? 0 : $0 % $1 })
    },
    left: { _, _, _, g in g },
    right: { a, b, _, g in
      try product(
        Elementwise.scalars(a, b, { -($0 / $1).rounded(.towardZero) }, { -($0 / $1).rounded(.towardZero) }), g
      )
    }, refusals: zeroDivisions)

  private static func modulo(_ x: Float, _ y: Float) -> Float { signed(Libm.fmod(x, y), as: y) }
  private static func modulo(_ x: Double, _ y: Double) -> Double { signed(Libm.fmod(x, y), as: y) }

  /// The remainder with the sign of the divisor, from that with the sign of the dividend.
  @inline(__always)
  private static func signed<T: BinaryFloatingPoint>(_ r: T, as y: T) -> T {
    r != 0 && (r < 0) != (y < 0) ? r + y : r
  }

  private static func floorQuotient(_ x: Float, _ y: Float) -> Float {
    floorQuotient(x, y, leaving: Libm.fmod(x, y))
  }
  private static func floorQuotient(_ x: Double, _ y: Double) -> Double {
    floorQuotient(x, y, leaving: Libm.fmod(x, y))
  }

  /// Python's quotient of floating-point numbers, as PyTorch computes it: exact where self / other would
  /// round up to a whole number.
  @inline(__always)
  private static func floorQuotient<T: BinaryFloatingPoint>(_ x: T, _ y: T, leaving r: T) -> T {
    if y == 0 { return x / y }
    var q = (x - r) / y
    if r != 0 && (y < 0) != (r < 0) { q -= 1 }
    if q == 0 { return x / y < 0 ? -T.zero : 0 }
    let whole = q.rounded(.down)
    return q - whole > 0.5 ? whole + 1 : whole
  }

  private static func floorQuotient(_ x: Int64, _ y: Int64) -> Int64 {
    if y == -1 { return 0 &- x }
    return x % y != 0 && (x < 0) != (y < 0) ? x / y - 1 : x / y
  }

  /// Integers have no infinity.
  private static func refuseZero(_ a: Tensor, _ b: Tensor) throws {
    if b.dtype != .i64 || a.elementCount == 0 { return }
    var found = false
    let zeros = try Elementwise.map(b) { (y: Int64) in y == 0 }
    try Strided.map(zeros, zeros) { (zero: Bool) -> Bool in
      if zero { found = true }
      return zero
    }
    if found { throw Failure(.value, "ZeroDivisionError: division of an integer by 0", argument: 2) }
  }

  private static func zeroDivisions() throws -> [Refusal] {
    let zero = try Tensor([1, 0] as [Int64], shape: [2])
    return [Refusal([zero, zero], words: "ZeroDivisionError")] + (try boolPairRefusals())
  }
}
