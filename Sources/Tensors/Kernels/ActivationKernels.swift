/// Rows of exponentials, and the gated and smooth activations.
///
/// The loops are in C (CKernels/rows.h) and use AVX-512 if the processor has it: at the widths of a
/// transformer, GELU and its gradient take half the time of eight lanes in Swift.
import Base
import CKernels

package enum ActivationKernels {
  /// Elements of one piece of an elementwise kernel.
  package static let grain = 16_384
  /// The kernels of the best level of the processor. Not stored: two threads that come first to a stored one can wait
  /// for each other for ever in a forked process, whose main thread the runtime's lock takes for the parent's.
  private static var level: ck_rows { ck_rows_level(Int32(CK_AVX512)).pointee }

  /// y = exp(x - max x); returns the maximum and the sum of y.
  @inline(__always)
  package static func exponentials(_ x: Floats, _ y: MutableFloats, _ count: Int) -> (peak: Float, sum: Float)
  {
    var (peak, sum): (Float, Float) = (0, 0)
    level.exponentials(count, x, y, &peak, &sum)
    return (peak, sum)
  }

  @inline(__always)
  package static func scale(_ x: MutableFloats, _ factor: Float, _ count: Int) {
    let f = Vector(repeating: factor)
    var i = 0
    while i + 8 <= count {
      store(load(x + i) * f, x + i)
      i += 8
    }
    while i < count {
      x[i] *= factor
      i += 1
    }
  }

  /// p = exp(scores - lse) and ds = p * (dp - d) for the first `valid` elements, 0 for the others.
  @inline(__always)
  package static func softmaxGradient(
    _ p: MutableFloats, _ ds: MutableFloats, _ lse: Float, _ d: Float, valid: Int, total: Int
  ) {
    level.softmax_gradient(valid, p, ds, lse, d)
    (p + valid).update(repeating: 0, count: total - valid)
    (ds + valid).update(repeating: 0, count: total - valid)
  }

  /// y = gelu(x) = x/2 (1 + tanh(a (x + b x^3))) = x sigmoid(2a (x + b x^3)), a = sqrt(2/pi), b = 0.044715.
  package static func gelu(_ x: Floats, _ y: MutableFloats, _ count: Int) { level.gelu(count, x, y) }

  /// y = gelu(x) and dx = dy gelu'(x).
  package static func geluBoth(
    _ x: Floats, _ dy: Floats, _ y: MutableFloats, _ dx: MutableFloats, _ count: Int
  ) {
    level.gelu_both(count, x, dy, y, dx)
  }

  /// y = silu(a) b.
  package static func gate(_ a: Floats, _ b: Floats, _ y: MutableFloats, _ count: Int) {
    level.gate(count, a, b, y)
  }

  /// y = silu(a) b, da = dy b silu'(a) and db = dy silu(a); `y` may be `da` if it is not needed.
  package static func gateBoth(
    _ a: Floats, _ b: Floats, _ dy: Floats, _ y: MutableFloats, _ da: MutableFloats, _ db: MutableFloats,
    _ count: Int
  ) { level.gate_both(count, a, b, dy, y, da, db) }

  /// y = gelu(a) b.
  package static func gateGelu(_ a: Floats, _ b: Floats, _ y: MutableFloats, _ count: Int) {
    gelu(a, y, count)
    VectorMath.zip(y, b, y, count) { $0 * $1 }
  }

  /// y = gelu(a) b, da = dy b gelu'(a) and db = dy gelu(a).
  package static func gateGeluBoth(
    _ a: Floats, _ b: Floats, _ dy: Floats, _ y: MutableFloats, _ da: MutableFloats, _ db: MutableFloats,
    _ count: Int
  ) {
    VectorMath.zip(dy, b, db, count) { $0 * $1 }
    geluBoth(a, db, y, da, count)
    VectorMath.zip(dy, y, db, count) { $0 * $1 }
    VectorMath.zip(y, b, y, count) { $0 * $1 }
  }

  /// x = cap tanh(x / cap). `slopes` receives the derivatives, 1 - tanh^2(x / cap).
  package static func softcap(
    _ x: MutableFloats, _ cap: Float, _ count: Int, slopes: MutableFloats? = nil
  ) {
    let (wide, inverse) = (VectorMath.splat(cap), VectorMath.splat(1 / cap))
    VectorMath.map(x, x, count) { VectorMath.tanh($0 * inverse) }
    if let slopes { VectorMath.map(x, slopes, count) { VectorMath.splat(1) - $0 * $0 } }
    VectorMath.map(x, x, count) { $0 * wide }
  }
}
