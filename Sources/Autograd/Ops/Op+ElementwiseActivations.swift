/// Activations of neural networks, the logistic function and its logarithm, the error function, dropout.
import Base
import Tensors

extension Op {
  static let activations: [Op] = [
    sigmoid, logSigmoid, softplus, relu, gelu, silu, erf, erfc, dropout,
  ]

  /// 1 / (1 + e^-x) without overflow.
  static func logistic(_ x: Double) -> Double {
    let e = Libm.exp(-Swift.abs(x))
    return (x < 0 ? e : 1) / (1 + e)
  }

  public static let sigmoid = unary(
    "sigmoid", group: "activation", "The logistic function.", "result = 1 / (1 + e^-self)",
    Example("print(T{0}:sigmoid())", prints: "[0.5]\n[Tensor f32 1]"),
    { try Elementwise.lanes($0, { VectorMath.sigmoid($0) }, { logistic($0) }) },
    gradient: { _, y, g in try Elementwise.scalars(y, g, { $1 * $0 * (1 - $0) }, { $1 * $0 * (1 - $0) }) })

  public static let logSigmoid = unary(
    "log_sigmoid", group: "activation", "The logarithm of the logistic function, exact for large |self|.",
    "result = log σ(self) = min(self, 0) - log(1 + e^-|self|)",
    Example("print(T{0}:log_sigmoid())", prints: "[-0.6931]\n[Tensor f32 1]"),
    {
      try Elementwise.lanes(
        $0, { VectorMath.min($0, 0) - VectorMath.log1pExpOfNegativeAbs($0) },
        { ($0 > 0 ? 0 : $0) - Libm.log1p(Libm.exp(-Swift.abs($0))) })
    },
    gradient: { x, _, g in
      try Elementwise.lanes(
        x, g, { $1 * VectorMath.sigmoid(VectorMath.splat(0) - $0) }, { $1 * logistic(-$0) })
    })

  public static let softplus = Op(
    "softplus", group: "activation", summary: "A smooth approximation of relu.",
    formula: "result = log(1 + e^(beta self)) / beta, and self where beta self > threshold",
    shapes: "self [...]; the result has the same shape",
    parameters: [
      Parameter("self", .tensor, "the argument"),
      Parameter("beta", .number(default: 1), "sharpness of the bend; not 0"),
      Parameter("threshold", .number(default: 20), "above threshold / beta the result is self"),
    ],
    inPlace: true,
    example: Example("print(T{0, 100}:softplus())", prints: "[0.6931, 100.0000]\n[Tensor f32 2]"),
    forward: { context in
      let (beta, threshold) = (context.number("beta") ?? 1, context.number("threshold") ?? 20)
      if beta == 0 { throw Failure(.value, "beta must not be 0", argument: 2) }
      let (b, t) = (VectorMath.splat(Float(beta)), VectorMath.splat(Float(threshold)))
      return [
        try Elementwise.lanes(
          context[0].floating(),
          { x in
            let z = x * b
            let soft = (VectorMath.max(z, 0) + VectorMath.log1pExpOfNegativeAbs(z)) / b
            return soft.replacing(with: x, where: z .> t)
          },
          { x in
            let z = x * beta
            return z > threshold ? x : ((z < 0 ? 0 : z) + Libm.log1p(Libm.exp(-Swift.abs(z)))) / beta
          })
      ]
    },
    backward: { context, _, gradients in
      guard let g = gradients[0] else { return [nil] }
      let (beta, threshold) = (context.number("beta") ?? 1, context.number("threshold") ?? 20)
      let (b, t) = (VectorMath.splat(Float(beta)), VectorMath.splat(Float(threshold)))
      return [
        try Elementwise.lanes(
          context[0], g,
          { x, g in (g * VectorMath.sigmoid(x * b)).replacing(with: g, where: x * b .> t) },
          { x, g in x * beta > threshold ? g : g * logistic(x * beta) })
      ]
    },
    samples: { random in
      try unarySamples(&random, -2...2).map { Sample([$0], [.number(1), .number(20)]) } + [
        Sample([try random.normal([2, 3], scale: 3)], [.number(2.5), .number(4)], checksGradient: false),
        Sample([try random.normal([2, 3])], [.number(-0.5), .number(20)]),
      ]
    },
    refusals: {
      [Refusal([try Tensor(zeros: [2], .f32)], [.number(0), .number(20)], words: "beta must not be 0")]
    })

  public static let relu = unary(
    "relu", group: "activation", "Negative numbers become 0.", "result = max(self, 0)",
    Example("print(T{-1, 2}:relu())", prints: "[0, 2]\n[Tensor f32 2]"), domain: 0.1...2, keepsIntegers: true,
    { try numeric("relu", $0, { $0 < 0 ? 0 : $0 }, { $0 < 0 ? 0 : $0 }, { Swift.max($0, 0) }) },
    gradient: { _, y, g in try Elementwise.scalars(y, g, { $0 > 0 ? $1 : 0 }, { $0 > 0 ? $1 : 0 }) },
    refusals: boolRefusal)

  public static let silu = unary(
    "silu", group: "activation", "The argument times its logistic function (also called swish).",
    "result = self σ(self)", Example("print(T{0}:silu())", prints: "[0]\n[Tensor f32 1]"),
    { try Elementwise.lanes($0, { $0 * VectorMath.sigmoid($0) }, { $0 * logistic($0) }) },
    gradient: { x, _, g in
      try Elementwise.lanes(
        x, g,
        { x, g in
          let s = VectorMath.sigmoid(x)
          return g * s * (VectorMath.splat(1) + x * (VectorMath.splat(1) - s))
        },
        { x, g in
          let s = logistic(x)
          return g * s * (1 + x * (1 - s))
        })
    })

  public static let erf = unary(
    "erf", group: "activation", "The error function.", "result = 2/√π ∫₀^self e^-t² dt",
    Example("print(T{0, 10}:erf())", prints: "[0, 1]\n[Tensor f32 2]"),
    { try Elementwise.lanes($0, { VectorMath.erf($0) }, { Libm.erf($0) }) },
    gradient: { x, _, g in
      try Elementwise.lanes(
        x, g, { $1 * VectorMath.splat(1.1283792) * VectorMath.exp(VectorMath.splat(0) - $0 * $0) },
        { $1 * 1.1283791670955126 * Libm.exp(-$0 * $0) })
    })

  public static let erfc = unary(
    "erfc", group: "activation", "1 minus the error function, without cancellation for large self.",
    "result = 1 - erf(self)",
    Example("print(T{0, 20}:erfc())", prints: "[1, 0]\n[Tensor f32 2]"),
    { try Elementwise.calls($0, { Libm.erfc($0) }, { Libm.erfc($0) }) },
    gradient: { x, _, g in
      try Elementwise.lanes(
        x, g, { $1 * VectorMath.splat(-1.1283792) * VectorMath.exp(VectorMath.splat(0) - $0 * $0) },
        { $1 * -1.1283791670955126 * Libm.exp(-$0 * $0) })
    })

  // MARK: GELU

  public static let gelu = Op(
    "gelu", group: "activation", summary: "The Gaussian error linear unit.",
    formula:
      "result = self Φ(self); with approximate = \"tanh\": self/2 (1 + tanh(√(2/π) (self + 0.044715 self³)))",
    shapes: "self [...]; the result has the same shape",
    source: "Hendrycks and Gimpel, \"Gaussian error linear units\", 2016, arXiv:1606.08415",
    parameters: [
      Parameter("self", .tensor, "the argument"),
      Parameter(
        "approximate", .choice(["none", "tanh"], default: "none"),
        "the exact form, or the approximation by tanh"),
    ],
    inPlace: true, example: Example("print(T{0, 10}:gelu())", prints: "[0, 10]\n[Tensor f32 2]"),
    forward: { context in
      let x = try context[0].floating()
      if context.text("approximate") == "tanh" {
        return [try Elementwise.lanes(x, { geluTanh($0) }, { 0.5 * $0 * (1 + Libm.tanh(geluInner($0))) })]
      }
      return [
        try Elementwise.lanes(
          x,
          {
            VectorMath.splat(0.5) * $0
              * (VectorMath.splat(1) + VectorMath.erf($0 * VectorMath.splat(0.70710678)))
          }, { 0.5 * $0 * Libm.erfc(-$0 * 0.7071067811865476) })
      ]
    },
    backward: { context, _, gradients in
      guard let g = gradients[0] else { return [nil] }
      if context.text("approximate") == "tanh" {
        return [try Elementwise.lanes(context[0], g, { $1 * geluTanhSlope($0) }, { $1 * geluTanhSlope($0) })]
      }
      return [try Elementwise.lanes(context[0], g, { $1 * geluSlope($0) }, { $1 * geluSlope($0) })]
    },
    samples: { random in
      try ["none", "tanh"].flatMap { word in
        try unarySamples(&random, -3...3).map { Sample([$0], [.text(word)]) }
      }
    })

  private static func geluInner(_ x: Double) -> Double { 0.7978845608028654 * (x + 0.044715 * x * x * x) }

  @inline(__always)
  private static func geluTanh(_ x: SIMD8<Float>) -> SIMD8<Float> {
    let inner = VectorMath.splat(0.79788456) * x.addingProduct(VectorMath.splat(0.044715) * x, x * x)
    return VectorMath.splat(0.5) * x * (VectorMath.splat(1) + VectorMath.tanh(inner))
  }

  private static func geluTanhSlope(_ x: Double) -> Double {
    let t = Libm.tanh(geluInner(x))
    return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * 0.7978845608028654 * (1 + 3 * 0.044715 * x * x)
  }

  @inline(__always)
  private static func geluTanhSlope(_ x: SIMD8<Float>) -> SIMD8<Float> {
    let (one, half, s) = (VectorMath.splat(1), VectorMath.splat(0.5), x * x)
    let t = VectorMath.tanh(VectorMath.splat(0.79788456) * x.addingProduct(VectorMath.splat(0.044715) * x, s))
    let inner = VectorMath.splat(0.79788456) * one.addingProduct(VectorMath.splat(0.134145), s)
    return half * (one + t) + half * x * (one - t * t) * inner
  }

  private static func geluSlope(_ x: Double) -> Double {
    0.5 * Libm.erfc(-x * 0.7071067811865476) + x * 0.3989422804014327 * Libm.exp(-0.5 * x * x)
  }

  @inline(__always)
  private static func geluSlope(_ x: SIMD8<Float>) -> SIMD8<Float> {
    let half = VectorMath.splat(0.5)
    let cumulative = half.addingProduct(half, VectorMath.erf(x * VectorMath.splat(0.70710678)))
    return cumulative.addingProduct(
      x * VectorMath.splat(0.3989423), VectorMath.exp(VectorMath.splat(-0.5) * x * x))
  }

  // MARK: Dropout

  public static let dropout = Op(
    "dropout", group: "activation",
    summary: "Sets a random part of the elements to 0 and scales up the others.",
    formula:
      "result = self m / (1 - p), where m is 0 with probability p and a pure function of (seed, step, element)",
    shapes: "self [...]; the result has the same shape",
    source: "Srivastava et al., \"Dropout\", JMLR 15, 2014",
    parameters: [
      Parameter("self", .tensor, "the argument"),
      Parameter("p", .number(default: 0.5), "the probability that an element becomes 0, in 0..1"),
      Parameter(
        "seed", .integer(default: nil),
        "the seed of the mask; without seed and step each call draws a new mask"),
      Parameter("step", .integer(default: nil), "the step of the mask; each step draws a different mask"),
    ],
    inPlace: true, example: Example("print(T{1, 2}:dropout(0, 7, 1))", prints: "[1, 2]\n[Tensor f32 2]"),
    forward: { context in
      let x = try context[0].floating()
      let mask = try keepMask(context, x)
      context.saved = context.needsAny ? [mask] : []
      return [try Elementwise.scalars(x, mask, { $1 == 0 ? 0 : $0 * $1 }, { $1 == 0 ? 0 : $0 * $1 })]
    },
    backward: { context, _, gradients in
      guard let g = gradients[0] else { return [nil] }
      return [try Elementwise.scalars(g, context.saved[0], { $0 * $1 }, { $0 * $1 })]
    },
    samples: { random in
      [
        Sample([try random.normal([3, 4])], [.number(0.5), .integer(7), .integer(1)]),
        Sample([try random.normal([4, 3]).transposed(0, 1)], [.number(0.1), .integer(7), .integer(2)]),
        Sample([try random.normal([5])], [.number(0), .integer(0), .integer(0)]),
        Sample([try random.normal([5])], [.number(1), .integer(0), .integer(0)]),
        Sample([try random.normal([0])], [.number(0.5), .integer(0), .integer(0)]),
      ]
    },
    refusals: {
      let x = try Tensor(zeros: [2], .f32)
      return [
        Refusal([x], [.number(1.5), .integer(0), .integer(0)], words: "p must be in 0..1"),
        Refusal([x], [.number(.nan), .integer(0), .integer(0)], words: "p must be in 0..1"),
      ]
    })

  private static func bits(_ context: OpContext, _ name: String) -> UInt64 {
    UInt64(bitPattern: Int64(context.integer(name) ?? 0))
  }

  /// 1 / (1 - p) for elements that are kept, 0 for others.
  private static func keepMask(_ context: OpContext, _ x: Tensor) throws -> Tensor {
    let p = context.number("p") ?? 0.5
    if !(p >= 0 && p <= 1) { throw Failure(.value, "p must be in 0..1, got \(p)", argument: 2) }
    let isNamed = context.integer("seed") != nil || context.integer("step") != nil
    let place = isNamed ? (seed: bits(context, "seed"), step: bits(context, "step")) : DropoutStream.next()
    let keep = try Tensor.bernoulli(
      x.shape, x.dtype, chance: 1 - p, seed: place.seed, stream: "dropout", step: place.step)
    let scale = p == 1 ? 0 : 1 / (1 - p)
    return try Elementwise.scalars(keep, { $0 * Float(scale) }, { $0 * scale })
  }
}

/// The seed and step of masks without a seed or step of their own: consecutive steps. Recording runs on one
/// thread.
public enum DropoutStream {
  private nonisolated(unsafe) static var place: (seed: UInt64, step: UInt64) = (0, 0)

  /// Restarts at step 0.
  public static func restart(seed: UInt64) { place = (seed, 0) }

  static func next() -> (seed: UInt64, step: UInt64) {
    defer { place.step &+= 1 }
    return place
  }
}
