/// Circular and hyperbolic functions.
import Base
import Tensors

extension Op {
  static let trigonometry: [Op] = [sin, cos, tan, asin, acos, atan, sinh, cosh, tanh]

  public static let sin = unary(
    "sin", "The sine of an angle in radians.", "result = sin self",
    Example("print(T{0}:sin())", prints: "[0]\n[Tensor f32 1]"),
    { try Elementwise.calls($0, { Libm.sin($0) }, { Libm.sin($0) }) },
    gradient: { x, _, g in try Elementwise.calls(x, g, { $1 * Libm.cos($0) }, { $1 * Libm.cos($0) }) })

  public static let cos = unary(
    "cos", "The cosine of an angle in radians.", "result = cos self",
    Example("print(T{0}:cos())", prints: "[1]\n[Tensor f32 1]"),
    { try Elementwise.calls($0, { Libm.cos($0) }, { Libm.cos($0) }) },
    gradient: { x, _, g in try Elementwise.calls(x, g, { -$1 * Libm.sin($0) }, { -$1 * Libm.sin($0) }) })

  public static let tan = unary(
    "tan", "The tangent of an angle in radians.", "result = tan self",
    Example("print(T{0}:tan())", prints: "[0]\n[Tensor f32 1]"), domain: -1...1,
    { try Elementwise.calls($0, { Libm.tan($0) }, { Libm.tan($0) }) },
    gradient: { _, y, g in try Elementwise.scalars(y, g, { $1 * (1 + $0 * $0) }, { $1 * (1 + $0 * $0) }) })

  public static let asin = unary(
    "asin", "The angle whose sine is self; NaN outside -1..1.", "result = arcsin self",
    Example("print(T{0}:asin())", prints: "[0]\n[Tensor f32 1]"), domain: -0.8...0.8,
    { try Elementwise.calls($0, { Libm.asin($0) }, { Libm.asin($0) }) },
    gradient: { x, _, g in
      try Elementwise.scalars(x, g, { $1 / (1 - $0 * $0).squareRoot() }, { $1 / (1 - $0 * $0).squareRoot() })
    })

  public static let acos = unary(
    "acos", "The angle whose cosine is self; NaN outside -1..1.", "result = arccos self",
    Example("print(T{1}:acos())", prints: "[0]\n[Tensor f32 1]"), domain: -0.8...0.8,
    { try Elementwise.calls($0, { Libm.acos($0) }, { Libm.acos($0) }) },
    gradient: { x, _, g in
      try Elementwise.scalars(
        x, g, { -$1 / (1 - $0 * $0).squareRoot() }, { -$1 / (1 - $0 * $0).squareRoot() })
    })

  public static let atan = unary(
    "atan", "The angle whose tangent is self.", "result = arctan self",
    Example("print(T{0}:atan())", prints: "[0]\n[Tensor f32 1]"),
    { try Elementwise.calls($0, { Libm.atan($0) }, { Libm.atan($0) }) },
    gradient: { x, _, g in try Elementwise.scalars(x, g, { $1 / (1 + $0 * $0) }, { $1 / (1 + $0 * $0) }) })

  public static let sinh = unary(
    "sinh", "The hyperbolic sine.", "result = (e^self - e^-self) / 2",
    Example("print(T{0}:sinh())", prints: "[0]\n[Tensor f32 1]"),
    { try Elementwise.calls($0, { Libm.sinh($0) }, { Libm.sinh($0) }) },
    gradient: { x, _, g in try Elementwise.calls(x, g, { $1 * Libm.cosh($0) }, { $1 * Libm.cosh($0) }) })

  public static let cosh = unary(
    "cosh", "The hyperbolic cosine.", "result = (e^self + e^-self) / 2",
    Example("print(T{0}:cosh())", prints: "[1]\n[Tensor f32 1]"),
    { try Elementwise.calls($0, { Libm.cosh($0) }, { Libm.cosh($0) }) },
    gradient: { x, _, g in try Elementwise.calls(x, g, { $1 * Libm.sinh($0) }, { $1 * Libm.sinh($0) }) })

  public static let tanh = unary(
    "tanh", "The hyperbolic tangent.", "result = (e^self - e^-self) / (e^self + e^-self)",
    Example("print(T{0, 100}:tanh())", prints: "[0, 1]\n[Tensor f32 2]"),
    { try Elementwise.lanes($0, { VectorMath.tanh($0) }, { Libm.tanh($0) }) },
    gradient: { _, y, g in try Elementwise.scalars(y, g, { $1 * (1 - $0 * $0) }, { $1 * (1 - $0 * $0) }) })
}
