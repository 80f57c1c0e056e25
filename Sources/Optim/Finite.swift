/// Whether a tensor holds finite numbers only.
import Base
import Synchronization
import Tensors

public enum Finite {
  /// False if an element is NaN or infinite.
  public static func holds(_ tensor: Tensor) throws -> Bool {
    let packed = try tensor.contiguous()
    let count = packed.elementCount
    switch packed.dtype {
    case .i64, .bool: return true
    case .f64:
      let p = packed.pointer(Double.self)
      return withExtendedLifetime(packed) { (0..<count).allSatisfy { p[$0].isFinite } }
    case .f32:
      let p = packed.pointer(Float.self)
      let unsound = Atomic<Bool>(false)
      Parallel.ranges(count, grain: ActivationKernels.grain) { range in
        if !holds(p, range) { unsound.store(true, ordering: .relaxed) }
      }
      return withExtendedLifetime(packed) { !unsound.load(ordering: .relaxed) }
    }
  }

  /// x * 0 is 0 for a finite x and NaN for any other, and a sum with NaN is NaN.
  private static func holds(_ p: MutableFloats, _ range: Range<Int>) -> Bool {
    var (a, b, c, d) = (Vector(), Vector(), Vector(), Vector())
    var i = range.lowerBound
    while i + 32 <= range.upperBound {
      a = a.addingProduct(load(p + i), Vector())
      b = b.addingProduct(load(p + i + 8), Vector())
      c = c.addingProduct(load(p + i + 16), Vector())
      d = d.addingProduct(load(p + i + 24), Vector())
      i += 32
    }
    var rest = sum((a + b) + (c + d))
    while i < range.upperBound {
      rest += p[i] * 0
      i += 1
    }
    return rest == 0
  }
}
