/// Comparisons and logic, which give bools and have no gradient.
import Base
import Tensors

extension Op {
  static let comparison: [Op] = [
    eq, ne, lt, le, gt, ge, logicalAnd, logicalOr, logicalXor, logicalNot, equal, allclose,
  ]

  public static let eq = compare(
    "eq", "True where the operands are equal.", "result = self = other",
    Example("print(T{1, 2}:eq(T{2}))", prints: "[false, true]\n[Tensor bool 2]"),
    { try relate($0, $1, { $0 == $1 }, { $0 == $1 }, { $0 == $1 }, { $0 == $1 }) })

  public static let ne = compare(
    "ne", "True where the operands differ.", "result = self ≠ other",
    Example("print(T{1, 2}:ne(T{2}))", prints: "[true, false]\n[Tensor bool 2]"),
    { try relate($0, $1, { $0 != $1 }, { $0 != $1 }, { $0 != $1 }, { $0 != $1 }) })

  public static let lt = compare(
    "lt", "True where self is less.", "result = self < other",
    Example("print(T{1, 2}:lt(T{2}))", prints: "[true, false]\n[Tensor bool 2]"),
    { try relate($0, $1, { $0 < $1 }, { $0 < $1 }, { $0 < $1 }, { !$0 && $1 }) })

  public static let le = compare(
    "le", "True where self is less or equal.", "result = self <= other",
    Example("print(T{1, 3}:le(T{2}))", prints: "[true, false]\n[Tensor bool 2]"),
    { try relate($0, $1, { $0 <= $1 }, { $0 <= $1 }, { $0 <= $1 }, { !$0 || $1 }) })

  public static let gt = compare(
    "gt", "True where self is greater.", "result = self > other",
    Example("print(T{1, 3}:gt(T{2}))", prints: "[false, true]\n[Tensor bool 2]"),
    { try relate($0, $1, { $0 > $1 }, { $0 > $1 }, { $0 > $1 }, { $0 && !$1 }) })

  public static let ge = compare(
    "ge", "True where self is greater or equal.", "result = self >= other",
    Example("print(T{1, 2}:ge(T{2}))", prints: "[false, true]\n[Tensor bool 2]"),
    { try relate($0, $1, { $0 >= $1 }, { $0 >= $1 }, { $0 >= $1 }, { $0 || !$1 }) })

  public static let logicalAnd = compare(
    "logical_and", "True where both operands are not 0.", "result = self ≠ 0 and other ≠ 0",
    Example("print(T{0, 1}:logical_and(T{1}))", prints: "[false, true]\n[Tensor bool 2]"),
    { a, b in try Elementwise.zip(a.cast(to: .bool), b.cast(to: .bool)) { (a: Bool, b: Bool) in a && b } })

  public static let logicalOr = compare(
    "logical_or", "True where either operand is not 0.", "result = self ≠ 0 or other ≠ 0",
    Example("print(T{0, 1}:logical_or(T{0}))", prints: "[false, true]\n[Tensor bool 2]"),
    { a, b in try Elementwise.zip(a.cast(to: .bool), b.cast(to: .bool)) { (a: Bool, b: Bool) in a || b } })

  public static let logicalXor = compare(
    "logical_xor", "True where one operand of the two is not 0.", "result = (self ≠ 0) ≠ (other ≠ 0)",
    Example("print(T{0, 1}:logical_xor(T{1}))", prints: "[true, false]\n[Tensor bool 2]"),
    { a, b in try Elementwise.zip(a.cast(to: .bool), b.cast(to: .bool)) { (a: Bool, b: Bool) in a != b } })

  public static let logicalNot = Op(
    "logical_not", group: "comparison", summary: "True where an element is 0.", formula: "result = self = 0",
    shapes: "self [...]; the result is bool of the same shape",
    parameters: [Parameter("self", .tensor, "the argument")],
    inPlace: true, example: Example("print(T{0, 5}:logical_not())", prints: "[true, false]\n[Tensor bool 2]"),
    forward: { context in [try Elementwise.map(context[0].cast(to: .bool)) { (x: Bool) in !x }] },
    samples: { random in
      try unarySamples(&random, -2...2).map { Sample([$0], checksGradient: false) } + [
        Sample([try random.flags([3])])
      ]
    })

  /// An operation of two broadcast operands that gives bools.
  private static func compare(
    _ name: String, _ summary: String, _ formula: String, _ example: Example,
    _ forward: @escaping (Tensor, Tensor) throws -> Tensor
  ) -> Op {
    binary(name, group: "comparison", summary, formula, example, forward)
  }

  @inline(__always)
  private static func relate(
    _ a: Tensor, _ b: Tensor, _ f32: (Float, Float) -> Bool, _ f64: (Double, Double) -> Bool,
    _ i64: (Int64, Int64) -> Bool, _ bool: (Bool, Bool) -> Bool
  ) throws -> Tensor {
    switch a.dtype {
    case .f32: return try Elementwise.zip(a, b, f32)
    case .f64: return try Elementwise.zip(a, b, f64)
    case .i64: return try Elementwise.zip(a, b, i64)
    case .bool: return try Elementwise.zip(a, b, bool)
    }
  }

  // MARK: Whole tensors

  public static let equal = Op(
    "equal", group: "comparison", summary: "Whether two tensors have one shape and equal elements.",
    formula: "result = self.shape = other.shape and self = other everywhere",
    shapes: "self [...], other [...]; the result is a boolean",
    parameters: [
      Parameter("self", .tensor, "one tensor"), Parameter("other", .tensor, "the other, of any shape"),
    ],
    answers: .boolean, example: Example("print(T{1, 2}:equal(T{1, 2}))", prints: "true"),
    forward: { context in
      if context[0].shape != context[1].shape { return [try Tensor(scalar: 0, .bool)] }
      let (a, b) = try broadcastOperands(context[0], context[1])
      let same = try relate(a, b, { $0 == $1 }, { $0 == $1 }, { $0 == $1 }, { $0 == $1 })
      return [try Tensor(scalar: same.elements(Bool.self).allSatisfy { $0 } ? 1 : 0, .bool)]
    },
    samples: { random in
      let x = try random.normal([2, 3])
      return [
        Sample([x, x]), Sample([x, try x.transposed(0, 1)]), Sample([x, try random.normal([2, 3])]),
        Sample([try random.normal([0]), try random.normal([0])]),
        Sample([try random.integers([3], 0..<2), try random.normal([3])]),
      ]
    })

  public static let allclose = Op(
    "allclose", group: "comparison", summary: "Whether two tensors agree within a tolerance.",
    formula: "result = |self - other| <= atol + rtol |other| everywhere",
    shapes: "self [...], other [...] that broadcast; the result is a boolean",
    parameters: [
      Parameter("self", .tensor, "what was found"), Parameter("other", .operand, "what was expected"),
      Parameter("rtol", .number(default: 1e-5), "tolerance as a part of |other|"),
      Parameter("atol", .number(default: 1e-8), "tolerance as it stands"),
      Parameter("equal_nan", .flag(default: false), "whether two NaN agree"),
    ],
    answers: .boolean, example: Example("print(T{1}:allclose(T{1.000001}))", prints: "true"),
    forward: { context in
      let (relative, absolute) = (context.number("rtol") ?? 1e-5, context.number("atol") ?? 1e-8)
      let nanAgrees = context.flag("equal_nan")
      if !(relative >= 0 && absolute >= 0) { throw Failure(.value, "a tolerance must not be negative") }
      let (a, b) = try broadcastOperands(context[0], context[1])
      if a.dtype == .i64 {
        let close = try Elementwise.zip(a, b) { (x: Int64, y: Int64) in
          // The distance is exact below 2^53, and no tolerance can tell larger distances apart.
          let distance = x < y ? UInt64(bitPattern: y &- x) : UInt64(bitPattern: x &- y)
          return x == y || Double(distance) <= absolute + relative * Double(y.magnitude)
        }
        return [try Tensor(scalar: close.elements(Bool.self).allSatisfy { $0 } ? 1 : 0, .bool)]
      }
      let close = try Elementwise.zip(a.cast(to: .f64), b.cast(to: .f64)) { (x: Double, y: Double) in
        if x == y || (nanAgrees && x != x && y != y) { return true }
        return Swift.abs(y) < .infinity && Swift.abs(x - y) <= absolute + relative * Swift.abs(y)
      }
      return [try Tensor(scalar: close.elements(Bool.self).allSatisfy { $0 } ? 1 : 0, .bool)]
    },
    samples: { random in
      let x = try random.normal([2, 3])
      let exact: [Attribute] = [.number(0), .number(0), .flag(true)]
      return [
        Sample([x, x], exact),
        Sample([x, try random.normal([3])], [.number(1e-5), .number(1e-8), .flag(false)]),
        Sample([try random.normal([0]), try random.normal([0])], exact),
      ]
    },
    refusals: {
      let x = try Tensor(zeros: [2], .f32)
      return [Refusal([x, x], [.number(-1), .number(0), .flag(false)], words: "must not be negative")]
    })
}
