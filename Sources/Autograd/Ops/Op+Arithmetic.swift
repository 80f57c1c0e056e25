/// Arithmetic with broadcasting.
import Base
import Tensors

extension Op {
  static let arithmetic: [Op] = [
    add, sub, mul, div, floorDivide, remainder, fmod, pow, neg, maximum, minimum, logaddexp, lerp,
  ]

  static let operands = [
    Parameter("self", .tensor, "the left operand"),
    Parameter("other", .operand, "the right operand: a tensor that broadcasts with it, or a number"),
  ]

  /// Both operands in their common type and shape.
  static func broadcastOperands(_ a: Tensor, _ b: Tensor) throws -> (Tensor, Tensor) {
    if a.dtype == b.dtype && a.shape == b.shape { return (a, b) }
    let dtype = DType.promote(a.dtype, b.dtype)
    let shape = try Shape.broadcast(a.shape, b.shape)
    return (try a.cast(to: dtype).expanded(to: shape), try b.cast(to: dtype).expanded(to: shape))
  }

  /// The gradient of input `i` from that of its broadcast form.
  static func reduced(_ context: OpContext, _ i: Int, _ g: Tensor) throws -> Tensor {
    try g.summed(to: context[i].shape).cast(to: context[i].dtype)
  }

  /// An operation of two broadcast operands. `forward` gets them in their common type and shape. `left` and
  /// `right` compute their gradients from the operands and the output gradient; they are nil for an operation
  /// without gradients.
  static func binary(
    _ name: String, group: String = "arithmetic", _ summary: String, _ formula: String, _ example: Example,
    metamethod: String? = nil, floating: Bool = false, domain: ClosedRange<Double> = -2...2,
    otherDomain: ClosedRange<Double>? = nil,
    _ forward: @escaping (_ a: Tensor, _ b: Tensor) throws -> Tensor,
    left: ((_ a: Tensor, _ b: Tensor, _ y: Tensor, _ g: Tensor) throws -> Tensor)? = nil,
    right: ((_ a: Tensor, _ b: Tensor, _ y: Tensor, _ g: Tensor) throws -> Tensor)? = nil,
    refusals: @escaping () throws -> [Refusal] = { [] }
  ) -> Op {
    func operands(_ x: Tensor, _ y: Tensor) throws -> (Tensor, Tensor) {
      let (a, b) = try broadcastOperands(x, y)
      return floating ? (try a.floating(), try b.floating()) : (a, b)
    }
    var backward: Backward?
    if let left, let right {
      backward = { context, outputs, gradients in
        guard let g = gradients[0] else { return [nil, nil] }
        let (a, b) = try operands(context[0], context[1])
        return [
          try context.needs[0] ? reduced(context, 0, left(a, b, outputs[0], g)) : nil,
          try context.needs[1] ? reduced(context, 1, right(a, b, outputs[0], g)) : nil,
        ]
      }
    }
    return Op(
      name, group: group, summary: summary, formula: formula,
      shapes: "self [...], other [...] or a number; the result has their common broadcast shape",
      parameters: Op.operands, inPlace: true, metamethod: metamethod, example: example,
      direct: .two { x, y in
        let (a, b) = try operands(x, y)
        return try forward(a, b)
      },
      backward: backward,
      samples: { random in try binarySamples(&random, domain, otherDomain ?? domain) },
      refusals: {
        let wide = try Tensor(zeros: [2, 3], .f32)
        return [Refusal([wide, try Tensor(zeros: [4], .f32)], words: "2x3 and 4 cannot broadcast")]
          + (try refusals())
      })
  }

  /// Equal shapes, both directions of broadcasting, views, scalars, no elements, mixed types.
  static func binarySamples(
    _ random: inout Samples, _ left: ClosedRange<Double>, _ right: ClosedRange<Double>
  ) throws
    -> [Sample]
  {
    func a(_ shape: Shape, _ dtype: DType = .f64) throws -> Tensor {
      try random.uniform(shape, left.lowerBound, left.upperBound, dtype)
    }
    func b(_ shape: Shape, _ dtype: DType = .f64) throws -> Tensor {
      try random.uniform(shape, right.lowerBound, right.upperBound, dtype)
    }
    return [
      Sample([try a([2, 3]), try b([2, 3])]), Sample([try a([2, 3]), try b([3])]),
      Sample([try a([2, 1]), try b([1, 4])]), Sample([try a([]), try b([2, 2])]),
      Sample([try a([4, 3]).transposed(0, 1), try b([3, 4])]), Sample([try a([3, 2]), try b([])]),
      Sample([try a([1, 2]).expanded(to: [3, 2]), try b([2, 3]).transposed(0, 1)]),
      Sample([try a([0, 3]), try b([1, 3])]), Sample([try a([1]), try b([1])]),
      Sample([try a([11], .f32), try b([11], .f32)]), Sample([try a([2], .f32), try b([3, 2])]),
      Sample([try random.integers([5], 1..<9), try random.integers([5], 1..<9)]),
      Sample([try random.integers([5], 1..<9), try b([5])]),
    ]
  }

  /// One function for each numeric type, and one for bools; without the latter, bools are refused.
  @inline(__always)
  static func numeric(
    _ name: String, _ a: Tensor, _ b: Tensor, _ f32: (Float, Float) -> Float,
    _ f64: (Double, Double) -> Double,
    _ i64: (Int64, Int64) -> Int64, bool: ((Bool, Bool) -> Bool)? = nil
  ) throws -> Tensor {
    switch a.dtype {
    case .f32: return try Elementwise.zip(a, b, f32)
    case .f64: return try Elementwise.zip(a, b, f64)
    case .i64: return try Elementwise.zip(a, b, i64)
    case .bool:
      if let bool { return try Elementwise.zip(a, b, bool) }
      throw Failure(.dtype, "\(name) takes numbers, got bool tensors", argument: 1)
    }
  }

  static func boolPairRefusals() throws -> [Refusal] {
    let flags = try Tensor([true, false], shape: [2])
    return [Refusal([flags, flags], words: "takes numbers, got bool tensors")]
  }

  static func product(_ a: Tensor, _ b: Tensor) throws -> Tensor {
    try Elementwise.scalars(a, b, { $0 * $1 }, { $0 * $1 })
  }

  // MARK: Sums and products

  public static let add = binary(
    "add", "The elementwise sum; of bools, or.", "result = self + other",
    Example("print(T{1, 2}:add(T{10}))", prints: "[11, 12]\n[Tensor f32 2]"), metamethod: "__add",
    { a, b in try numeric("add", a, b, { $0 + $1 }, { $0 + $1 }, { $0 &+ $1 }, bool: { $0 || $1 }) },
    left: { _, _, _, g in g }, right: { _, _, _, g in g })

  public static let sub = binary(
    "sub", "The elementwise difference.", "result = self - other",
    Example("print(T{1, 2}:sub(T{10}))", prints: "[-9, -8]\n[Tensor f32 2]"), metamethod: "__sub",
    { a, b in try numeric("sub", a, b, { $0 - $1 }, { $0 - $1 }, { $0 &- $1 }) },
    left: { _, _, _, g in g }, right: { _, _, _, g in try Elementwise.scalars(g, { -$0 }, { -$0 }) },
    refusals: boolPairRefusals)

  public static let mul = binary(
    "mul", "The elementwise product; of bools, and.", "result = self * other",
    Example("print(T{1, 2}:mul(T{10}))", prints: "[10, 20]\n[Tensor f32 2]"), metamethod: "__mul",
    { a, b in try numeric("mul", a, b, { $0 * $1 }, { $0 * $1 }, { $0 &* $1 }, bool: { $0 && $1 }) },
    left: { _, b, _, g in try product(g, b) }, right: { a, _, _, g in try product(g, a) })

  public static let neg = unary(
    "neg", group: "arithmetic", "Each element with the opposite sign.", "result = -self",
    Example("print(T{1, -2}:neg())", prints: "[-1, 2]\n[Tensor f32 2]"), metamethod: "__unm",
    keepsIntegers: true,
    { try numeric("neg", $0, { -$0 }, { -$0 }, { 0 &- $0 }) },
    gradient: { _, _, g in try Elementwise.scalars(g, { -$0 }, { -$0 }) }, refusals: boolRefusal)

  // MARK: Powers

  public static let pow = binary(
    "pow", "Each element raised to a power.", "result = self^other",
    Example("print(T{2, 3}:pow(2))", prints: "[4, 9]\n[Tensor f32 2]"), metamethod: "__pow", domain: 0.3...2,
    otherDomain: -2...2,
    power,
    left: { a, b, _, g in
      try product(
        g,
        Elementwise.calls(
          a, b, { $1 == 0 ? 0 : $1 == 2 ? 2 * $0 : $1 * Libm.pow($0, $1 - 1) },
          { $1 == 0 ? 0 : $1 == 2 ? 2 * $0 : $1 * Libm.pow($0, $1 - 1) }))
    },
    right: { a, b, y, g in
      // 0^b is 0 for every b > 0, so the slope in b is 0 and not 0 log 0.
      let slope = try Elementwise.calls(
        a, b, { $0 == 0 && $1 >= 0 ? 0 : Libm.log($0) }, { $0 == 0 && $1 >= 0 ? 0 : Libm.log($0) })
      return try product(
        g, Elementwise.scalars(y, slope, { $1 == 0 ? 0 : $0 * $1 }, { $1 == 0 ? 0 : $0 * $1 }))
    },
    refusals: {
      let whole = try Tensor([2, 3] as [Int64], shape: [2])
      return [
        Refusal([whole, try Tensor(scalar: -1, .i64)], words: "integers to negative integer powers")
      ] + (try boolPairRefusals())
    })

  private static func power(_ a: Tensor, _ b: Tensor) throws -> Tensor {
    let isOneExponent = b.elementCount > 0 && (0..<b.rank).allSatisfy { b.strides[$0] == 0 }
    if isOneExponent, b.dtype != .bool {
      let exponent = try b.reduced1().item()
      if exponent == 2 {
        return try numeric("pow", a, a, { x, _ in x * x }, { x, _ in x * x }, { x, _ in x &* x })
      }
      if b.dtype == .i64 && exponent < 0 {
        throw Failure(.value, "integers to negative integer powers are not allowed", argument: 2)
      }
    }
    return try numeric("pow", a, b, { Libm.pow($0, $1) }, { Libm.pow($0, $1) }, wholePower)
  }

  /// Square and multiply, wrapping; a negative power of anything but 1 and -1 is 0, as in PyTorch.
  private static func wholePower(_ x: Int64, _ n: Int64) -> Int64 {
    if n < 0 { return x == 1 ? 1 : x == -1 ? (n & 1 == 0 ? 1 : -1) : 0 }
    var (result, base, rest) = (Int64(1), x, n)
    while rest > 0 {
      if rest & 1 == 1 { result = result &* base }
      base = base &* base
      rest >>= 1
    }
    return result
  }

  // MARK: Larger and smaller

  public static let maximum = binary(
    "maximum", "The larger of each pair; NaN where either is. Ties share the gradient.",
    "result = max(self, other)",
    Example("print(T{1, 5}:maximum(T{3}))", prints: "[3, 5]\n[Tensor f32 2]"),
    { a, b in
      try numeric(
        "maximum", a, b, { $0 != $0 || $0 > $1 ? $0 : $1 }, { $0 != $0 || $0 > $1 ? $0 : $1 },
        { Swift.max($0, $1) },
        bool: { $0 || $1 })
    },
    left: { a, b, _, g in try product(g, share(a, b) { $0 > $1 }) },
    right: { a, b, _, g in try product(g, share(b, a) { $0 > $1 }) })

  public static let minimum = binary(
    "minimum", "The smaller of each pair; NaN where either is. Ties share the gradient.",
    "result = min(self, other)",
    Example("print(T{1, 5}:minimum(T{3}))", prints: "[1, 3]\n[Tensor f32 2]"),
    { a, b in
      try numeric(
        "minimum", a, b, { $0 != $0 || $0 < $1 ? $0 : $1 }, { $0 != $0 || $0 < $1 ? $0 : $1 },
        { Swift.min($0, $1) },
        bool: { $0 && $1 })
    },
    left: { a, b, _, g in try product(g, share(a, b) { $0 < $1 }) },
    right: { a, b, _, g in try product(g, share(b, a) { $0 < $1 }) })

  /// 1 where `a` wins, 0.5 at ties.
  private static func share(_ a: Tensor, _ b: Tensor, _ wins: (Double, Double) -> Bool) throws -> Tensor {
    try Elementwise.scalars(
      a, b, { $0 == $1 ? 0.5 : wins(Double($0), Double($1)) ? 1 : 0 },
      { $0 == $1 ? 0.5 : wins($0, $1) ? 1 : 0 })
  }

  // MARK: Mixtures

  public static let logaddexp = binary(
    "logaddexp", "The logarithm of a sum of exponentials, without overflow.",
    "result = log(e^self + e^other) = max + log(1 + e^-|self - other|)",
    Example("print(T{0}:logaddexp(T{0}))", prints: "[0.6931]\n[Tensor f32 1]"), floating: true,
    { a, b in
      try Elementwise.lanes(
        a, b,
        { a, b in
          let top = a.replacing(with: b, where: (b .> a) .| (b .!= b))
          let sum = top + VectorMath.log1pExpOfNegativeAbs(a - b)
          return sum.replacing(
            with: top, where: a .== b .& (VectorMath.abs(a) .== VectorMath.splat(.infinity)))
        },
        { a, b in
          if a == b && Swift.abs(a) == .infinity { return a }
          return (b > a || b != b ? b : a) + Libm.log1p(Libm.exp(-Swift.abs(a - b)))
        })
    },
    left: { a, b, _, g in
      try Elementwise.lanes(
        Elementwise.scalars(a, b, { $0 - $1 }, { $0 - $1 }), g, { VectorMath.sigmoid($0) * $1 },
        { logistic($0) * $1 })
    },
    right: { a, b, _, g in
      try Elementwise.lanes(
        Elementwise.scalars(b, a, { $0 - $1 }, { $0 - $1 }), g, { VectorMath.sigmoid($0) * $1 },
        { logistic($0) * $1 })
    })

  public static let lerp = Op(
    "lerp", group: "arithmetic",
    summary: "Linear interpolation between two tensors; exact at weights 0 and 1.",
    formula:
      "result = self + weight (other - self), computed as other - (1 - weight) (other - self) from weight 0.5 on",
    shapes:
      "self [...], other [...] and weight [...] or numbers; the result has their common broadcast shape",
    parameters: operands + [Parameter("weight", .operand, "0 gives self, 1 gives other")],
    inPlace: true,
    example: Example("print(T{0, 10}:lerp(T{10, 20}, 0.5))", prints: "[5, 15]\n[Tensor f32 2]"),
    compose: { inputs, _ in
      guard let from = inputs[0], let to = inputs[1], let weight = inputs[2] else { return [] }
      let way = try to.minus(from)
      func early() throws -> Variable { try from.plus(weight.times(way)) }
      // Exact at weight 1, where self + (other - self) need not be other.
      func late() throws -> Variable { try to.minus(try weight.negated().plus(1).times(way)) }
      if weight.value.rank == 0 { return [try weight.value.item() < 0.5 ? early() : late()] }
      let isEarly = try weight.apply(.lt, try weight.constant(0.5))
      return try whereOp([isEarly, try early(), try late()])
    },
    samples: { random in
      [
        Sample([try random.normal([2, 3]), try random.normal([3]), try random.normal([2, 1])]),
        Sample([try random.normal([3]), try random.normal([3]), try random.normal([])]),
        Sample([
          try random.normal([3, 2]).transposed(0, 1), try random.normal([2, 3]), try random.normal([]),
        ]),
        Sample([try random.normal([0]), try random.normal([0]), try random.normal([])]),
      ]
    },
    refusals: {
      let x = try Tensor(zeros: [2], .f32)
      return [Refusal([x, try Tensor(zeros: [3], .f32), x], words: "3 and 2 cannot broadcast")]
    })
}

extension Tensor {
  /// The one element of a view that is expanded in every dimension.
  fileprivate func reduced1() -> Tensor {
    Tensor(storage: storage, dtype: dtype, shape: [], strides: [], offset: offset)
  }
}
