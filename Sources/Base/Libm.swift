/// The C library's functions of one or two numbers. Operations named `exp` or `sin` do not hide them.
public enum Libm {
  @inlinable public static func exp(_ x: Float) -> Float { expf(x) }
  @inlinable public static func exp(_ x: Double) -> Double { c_exp(x) }
  @inlinable public static func exp2(_ x: Float) -> Float { exp2f(x) }
  @inlinable public static func exp2(_ x: Double) -> Double { c_exp2(x) }
  @inlinable public static func log(_ x: Float) -> Float { logf(x) }
  @inlinable public static func log(_ x: Double) -> Double { c_log(x) }
  @inlinable public static func log2(_ x: Float) -> Float { log2f(x) }
  @inlinable public static func log2(_ x: Double) -> Double { c_log2(x) }
  @inlinable public static func log10(_ x: Float) -> Float { log10f(x) }
  @inlinable public static func log10(_ x: Double) -> Double { c_log10(x) }
  @inlinable public static func log1p(_ x: Float) -> Float { log1pf(x) }
  @inlinable public static func log1p(_ x: Double) -> Double { c_log1p(x) }
  @inlinable public static func expm1(_ x: Float) -> Float { expm1f(x) }
  @inlinable public static func expm1(_ x: Double) -> Double { c_expm1(x) }
  @inlinable public static func sin(_ x: Float) -> Float { sinf(x) }
  @inlinable public static func sin(_ x: Double) -> Double { c_sin(x) }
  @inlinable public static func cos(_ x: Float) -> Float { cosf(x) }
  @inlinable public static func cos(_ x: Double) -> Double { c_cos(x) }
  @inlinable public static func tan(_ x: Float) -> Float { tanf(x) }
  @inlinable public static func tan(_ x: Double) -> Double { c_tan(x) }
  @inlinable public static func sinh(_ x: Float) -> Float { sinhf(x) }
  @inlinable public static func sinh(_ x: Double) -> Double { c_sinh(x) }
  @inlinable public static func cosh(_ x: Float) -> Float { coshf(x) }
  @inlinable public static func cosh(_ x: Double) -> Double { c_cosh(x) }
  @inlinable public static func tanh(_ x: Float) -> Float { tanhf(x) }
  @inlinable public static func tanh(_ x: Double) -> Double { c_tanh(x) }
  @inlinable public static func asin(_ x: Float) -> Float { asinf(x) }
  @inlinable public static func asin(_ x: Double) -> Double { c_asin(x) }
  @inlinable public static func acos(_ x: Float) -> Float { acosf(x) }
  @inlinable public static func acos(_ x: Double) -> Double { c_acos(x) }
  @inlinable public static func atan(_ x: Float) -> Float { atanf(x) }
  @inlinable public static func atan(_ x: Double) -> Double { c_atan(x) }
  @inlinable public static func asinh(_ x: Float) -> Float { asinhf(x) }
  @inlinable public static func asinh(_ x: Double) -> Double { c_asinh(x) }
  @inlinable public static func acosh(_ x: Float) -> Float { acoshf(x) }
  @inlinable public static func acosh(_ x: Double) -> Double { c_acosh(x) }
  @inlinable public static func atanh(_ x: Float) -> Float { atanhf(x) }
  @inlinable public static func atanh(_ x: Double) -> Double { c_atanh(x) }
  @inlinable public static func erf(_ x: Float) -> Float { erff(x) }
  @inlinable public static func erf(_ x: Double) -> Double { c_erf(x) }
  @inlinable public static func erfc(_ x: Float) -> Float { erfcf(x) }
  @inlinable public static func erfc(_ x: Double) -> Double { c_erfc(x) }
  @inlinable public static func pow(_ x: Float, _ y: Float) -> Float { powf(x, y) }
  @inlinable public static func pow(_ x: Double, _ y: Double) -> Double { c_pow(x, y) }
  @inlinable public static func fmod(_ x: Float, _ y: Float) -> Float { fmodf(x, y) }
  @inlinable public static func fmod(_ x: Double, _ y: Double) -> Double { c_fmod(x, y) }
  @inlinable public static func atan2(_ x: Float, _ y: Float) -> Float { atan2f(x, y) }
  @inlinable public static func atan2(_ x: Double, _ y: Double) -> Double { c_atan2(x, y) }
  @inlinable public static func hypot(_ x: Float, _ y: Float) -> Float { hypotf(x, y) }
  @inlinable public static func hypot(_ x: Double, _ y: Double) -> Double { c_hypot(x, y) }
}

// Outside the enumeration an unqualified `exp` is the C function.
@inlinable func c_exp(_ x: Double) -> Double { exp(x) }
@inlinable func c_exp2(_ x: Double) -> Double { exp2(x) }
@inlinable func c_log(_ x: Double) -> Double { log(x) }
@inlinable func c_log2(_ x: Double) -> Double { log2(x) }
@inlinable func c_log10(_ x: Double) -> Double { log10(x) }
@inlinable func c_log1p(_ x: Double) -> Double { log1p(x) }
@inlinable func c_expm1(_ x: Double) -> Double { expm1(x) }
@inlinable func c_sin(_ x: Double) -> Double { sin(x) }
@inlinable func c_cos(_ x: Double) -> Double { cos(x) }
@inlinable func c_tan(_ x: Double) -> Double { tan(x) }
@inlinable func c_sinh(_ x: Double) -> Double { sinh(x) }
@inlinable func c_cosh(_ x: Double) -> Double { cosh(x) }
@inlinable func c_tanh(_ x: Double) -> Double { tanh(x) }
@inlinable func c_asin(_ x: Double) -> Double { asin(x) }
@inlinable func c_acos(_ x: Double) -> Double { acos(x) }
@inlinable func c_atan(_ x: Double) -> Double { atan(x) }
@inlinable func c_asinh(_ x: Double) -> Double { asinh(x) }
@inlinable func c_acosh(_ x: Double) -> Double { acosh(x) }
@inlinable func c_atanh(_ x: Double) -> Double { atanh(x) }
@inlinable func c_erf(_ x: Double) -> Double { erf(x) }
@inlinable func c_erfc(_ x: Double) -> Double { erfc(x) }
@inlinable func c_pow(_ x: Double, _ y: Double) -> Double { pow(x, y) }
@inlinable func c_fmod(_ x: Double, _ y: Double) -> Double { fmod(x, y) }
@inlinable func c_atan2(_ x: Double, _ y: Double) -> Double { atan2(x, y) }
@inlinable func c_hypot(_ x: Double, _ y: Double) -> Double { hypot(x, y) }
