/// Largest and smallest elements, medians and quantiles, with positions.
import Base
import Tensors

extension Op {
  static let orders: [Op] = [maxOver, minOver, argmax, argmin, argmaxId, median, quantile]

  private static let overDimension = [
    Parameter("self", .tensor, "the elements"),
    Parameter("dim", .dimension(default: nil, optional: true), "the dimension to reduce; nil means all"),
    Parameter("keepdim", .flag(default: false), "whether the reduced dimension stays with size 1"),
  ]

  private static let pairShapes =
    "self [...]; without dim one scalar, with dim two tensors of the other dimensions: values and i64 positions from 1"

  public static let maxOver = extreme(
    "max", "The largest element, or with dim the largest along it and their positions. NaN is the largest.",
    "result = max self", Example("print(T{1, 5, 3}:max())", prints: "5\n[Tensor f32 scalar]"), largest: true)

  public static let minOver = extreme(
    "min",
    "The smallest element, or with dim the smallest along it and their positions. NaN is the smallest.",
    "result = min self", Example("print(T{4, 2, 3}:min())", prints: "2\n[Tensor f32 scalar]"), largest: false)

  private static func extreme(
    _ name: String, _ summary: String, _ formula: String, _ example: Example, largest: Bool
  ) -> Op {
    Op(
      name, group: "reduction", summary: summary, formula: formula, shapes: pairShapes,
      parameters: overDimension,
      example: example,
      forward: { context in
        guard let d = try dim(context) else {
          return [try Reduce.extreme(context[0], [], keeping: context.flag("keepdim"), largest: largest)]
        }
        let at = try Reduce.positions(context[0], [d], keeping: context.flag("keepdim"), largest: largest)
        return [try Reduce.picked(context[0], d, at, keeping: context.flag("keepdim")), try fromOne(at)]
      },
      backward: { context, outputs, gradients in
        guard let g = gradients[0] else { return [nil] }
        guard let d = try dim(context) else { return [try shared(context[0], outputs[0], g, [])] }
        return [try Reduce.placed(g, fromZero(outputs[1]), d, into: context[0].shape)]
      },
      samples: orderSamples, refusals: orderRefusals)
  }

  /// Positions from 0 to positions from 1, as Lua counts them.
  private static func fromOne(_ positions: Tensor) throws -> Tensor {
    try Elementwise.map(positions) { (x: Int64) in x &+ 1 }
  }

  private static func fromZero(_ positions: Tensor) throws -> Tensor {
    try Elementwise.map(positions) { (x: Int64) in x &- 1 }
  }

  static func orderSamples(_ random: inout Samples) throws -> [Sample] {
    [
      Sample([try random.distinct([2, 3])], [.none, .flag(false)]),
      Sample([try random.distinct([2, 3])], [.integer(1), .flag(false)]),
      Sample([try random.distinct([2, 3])], [.integer(0), .flag(true)]),
      Sample([try random.distinct([2, 3, 4])], [.integer(1), .flag(false)]),
      Sample([try random.distinct([4, 3]).transposed(0, 1)], [.integer(1), .flag(true)]),
      Sample([try random.distinct([2, 37]).cast(to: .f32)], [.integer(1), .flag(false)]),
      Sample([try random.distinct([1])], [.integer(0), .flag(false)]),
      Sample([try random.distinct([])], [.none, .flag(false)]),
      Sample([try random.distinct([0, 3])], [.integer(1), .flag(false)]),
      Sample([try random.integers([2, 5], -3..<3)], [.integer(1), .flag(false)]),
    ]
  }

  private static func orderRefusals() throws -> [Refusal] {
    [
      Refusal([try Tensor(zeros: [0], .f32)], [.none, .flag(false)], words: "no elements"),
      Refusal([try Tensor(zeros: [2, 0], .f32)], [.integer(1), .flag(false)], words: "no elements"),
      Refusal(
        [try Tensor(zeros: [2], .f32)], [.integer(1), .flag(false)], words: "dimension 2 is out of range"),
    ]
  }

  // MARK: Positions

  public static let argmax = positions(
    "argmax",
    "The position, from 1, of the largest element; the first of equals. Without dim, in row-major order. Ids, from 0: argmax_id.",
    "result = argmax self", Example("print(T{1, 5, 3}:argmax())", prints: "2\n[Tensor i64 scalar]"),
    largest: true,
    fromOne: true)

  public static let argmin = positions(
    "argmin",
    "The position, from 1, of the smallest element; the first of equals. Without dim, in row-major order.",
    "result = argmin self", Example("print(T{4, 2, 3}:argmin())", prints: "2\n[Tensor i64 scalar]"),
    largest: false,
    fromOne: true)

  public static let argmaxId = positions(
    "argmax_id", "The id, from 0, of the largest element: for logits, the token id. The first of equals.",
    "result = argmax self - 1", Example("print(T{1, 5, 3}:argmax_id())", prints: "1\n[Tensor i64 scalar]"),
    largest: true, fromOne: false)

  private static func positions(
    _ name: String, _ summary: String, _ formula: String, _ example: Example, largest: Bool,
    fromOne startsAtOne: Bool
  ) -> Op {
    Op(
      name, group: "reduction", summary: summary, formula: formula,
      shapes: "self [...]; the result is i64 without the reduced dimension", parameters: overDimension,
      example: example,
      forward: { context in
        let dims = try dim(context).map { [$0] } ?? []
        let at = try Reduce.positions(context[0], dims, keeping: context.flag("keepdim"), largest: largest)
        return [startsAtOne ? try fromOne(at) : at]
      },
      samples: orderSamples, refusals: orderRefusals)
  }

  // MARK: Middles

  public static let median = Op(
    "median", group: "reduction",
    summary:
      "The middle element, the lower of two; with dim also its position. NaN if there is one, and for no elements without dim.",
    formula: "result = the ⌈n/2⌉-th smallest of self", shapes: pairShapes, parameters: overDimension,
    example: Example("print(T{5, 1, 3}:median())", prints: "3\n[Tensor f32 scalar]"),
    forward: { context in
      let d = try dim(context)
      if d == nil && context[0].elementCount == 0 && context[0].dtype.isFloating {
        let kept = Shape(known: context[0].shape.map { _ in 1 })
        return [try Tensor(scalar: .nan, context[0].dtype).reshaped(context.flag("keepdim") ? kept : [])]
      }
      let x = try d == nil ? context[0].contiguous().reshaped([context[0].elementCount]) : context[0]
      let at = try Reduce.medianPositions(x, d ?? 0, keeping: d != nil && context.flag("keepdim"))
      let value = try Reduce.picked(x, d ?? 0, at, keeping: d != nil && context.flag("keepdim"))
      if d != nil { return [value, try fromOne(at)] }
      context.saved = [at]
      return [
        context.flag("keepdim") ? try value.reshaped(Shape(known: context[0].shape.map { _ in 1 })) : value
      ]
    },
    backward: { context, outputs, gradients in
      guard let g = gradients[0] else { return [nil] }
      if let d = try dim(context) {
        return [try Reduce.placed(g, fromZero(outputs[1]), d, into: context[0].shape)]
      }
      if context.saved.isEmpty { return [try Tensor(zeros: context[0].shape, g.dtype)] }
      let flat = try Reduce.placed(g.reshaped([]), context.saved[0], 0, into: [context[0].elementCount])
      return [try flat.reshaped(context[0].shape)]
    },
    samples: orderSamples, refusals: { Array(try orderRefusals().dropFirst()) })

  /// Linear interpolation, exact at both ends, as PyTorch's lerp.
  @inline(__always)
  private static func between<T: BinaryFloatingPoint>(_ a: T, _ b: T, _ weight: T) -> T {
    if a == b { return a }
    // Beside one infinity the form that starts from the other end avoids inf - inf.
    let fromLow = weight < 0.5 ? a.isFinite : !b.isFinite
    return fromLow ? a + weight * (b - a) : b - (1 - weight) * (b - a)
  }

  public static let quantile = Op(
    "quantile", group: "reduction",
    summary: "The quantile of the elements, interpolated linearly between adjacent elements.",
    formula: "result = s[k] + (h - k)(s[k + 1] - s[k]), s = sorted self, h = 1 + q (n - 1), k = ⌊h⌋",
    shapes: "self [...]; the result lacks the reduced dimension, or has size 1 there with keepdim",
    parameters: [
      overDimension[0], Parameter("q", .number(default: 0.5), "the quantile, in 0..1"), overDimension[1],
      overDimension[2],
    ],
    example: Example("print(T{1, 2, 3, 4, 5}:quantile(0.25))", prints: "2\n[Tensor f32 scalar]"),
    forward: { context in
      let q = context.number("q") ?? 0.5
      if !(q >= 0 && q <= 1) { throw Failure(.value, "q must be in 0..1, got \(q)", argument: 2) }
      let d = try dim(context)
      let x = try context[0].floating()
      let y = try d == nil ? x.contiguous().reshaped([x.elementCount]) : x
      let (low, high, weight) = try Reduce.quantilePositions(
        y, q, d ?? 0, keeping: d != nil && context.flag("keepdim"))
      context.saved = context.needsAny ? [low, high, try Tensor(scalar: weight, .f64)] : []
      let a = try Reduce.picked(y, d ?? 0, low, keeping: d != nil && context.flag("keepdim"))
      let b = try Reduce.picked(y, d ?? 0, high, keeping: d != nil && context.flag("keepdim"))
      let w = Float(weight)
      let value =
        try weight == 0
        ? a
        : Elementwise.scalars(a, b, { between($0, $1, w) }, { between($0, $1, weight) })
      return [
        d == nil && context.flag("keepdim") ? try value.reshaped(Shape(known: x.shape.map { _ in 1 })) : value
      ]
    },
    backward: { context, _, gradients in
      guard let g = gradients[0] else { return [nil] }
      let (shape, d, w) = (context[0].shape, try dim(context), try context.saved[2].item())
      let into: Shape = d == nil ? [shape.elementCount] : shape
      let packed = d == nil ? try g.reshaped([]) : g
      let low = try Elementwise.scalars(packed, { $0 * Float(1 - w) }, { $0 * (1 - w) })
      let high = try Elementwise.scalars(packed, { $0 * Float(w) }, { $0 * w })
      let sum = try Reduce.placed(low, context.saved[0], d ?? 0, into: into).adding(
        Reduce.placed(high, context.saved[1], d ?? 0, into: into))
      return [try sum.reshaped(shape)]
    },
    samples: { random in
      try [0, 0.25, 0.5, 0.9, 1].flatMap { (q: Double) in
        try orderSamples(&random).filter { $0.inputs[0]?.dtype.isFloating ?? false }.map {
          Sample($0.inputs, [.number(q)] + $0.attributes)
        }
      }
    },
    refusals: {
      let x = try Tensor(zeros: [2], .f32)
      return [
        Refusal([x], [.number(1.5), .none, .flag(false)], words: "q must be in 0..1"),
        Refusal([try Tensor(zeros: [0], .f32)], [.number(0.5), .none, .flag(false)], words: "no elements"),
      ]
    })
}
