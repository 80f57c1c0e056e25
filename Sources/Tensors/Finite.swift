/// Whether a tensor holds finite numbers only, and where it does not.
import Base
import Synchronization

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

  /// The first NaN of a tensor, or where it has none the first infinity: its place, counted from 1, and the number of
  /// elements like it. Nil where all are finite.
  public struct Exception: CustomStringConvertible, Sendable {
    public let isNaN: Bool
    public let place: [Int]
    public let count: Int
    public let elements: Int

    /// "nan at [2, 1] (3 of 6 elements)".
    public var description: String {
      let at =
        place.isEmpty
        ? "" : " at [\(place.map(String.init).joined(separator: ", "))] (\(count) of \(elements) elements)"
      return (isNaN ? "nan" : "inf") + at
    }
  }

  /// The exception of a tensor of any shape; nil for whole numbers and flags, and for a tensor without elements.
  ///
  ///     try Finite.exception(in: Tensor([1, .nan], shape: [2]))      // nan at [2] (1 of 2 elements)
  ///
  /// Errors: a view whose elements are not in order is copied, for which memory may lack.
  public static func exception(in tensor: Tensor) throws -> Exception? {
    if try holds(tensor) { return nil }
    let packed = try tensor.contiguous()
    return withExtendedLifetime(packed) {
      switch packed.dtype {
      case .i64, .bool: nil
      case .f64: exception(packed.pointer(Double.self), packed.shape)
      case .f32: exception(packed.pointer(Float.self), packed.shape)
      }
    }
  }

  /// One pass: an infinity counts until the first NaN.
  private static func exception<T: BinaryFloatingPoint>(_ p: UnsafeMutablePointer<T>, _ shape: Shape)
    -> Exception?
  {
    let elements = shape.elementCount
    var (isNaN, first, count) = (false, 0, 0)
    for i in 0..<elements where !p[i].isFinite && (p[i].isNaN || !isNaN) {
      if p[i].isNaN != isNaN { (isNaN, count) = (true, 0) }
      if count == 0 { first = i }
      count += 1
    }
    if count == 0 { return nil }
    var (place, rest) = ([Int](), first)
    for size in shape.reversed() {
      place.insert(rest % size + 1, at: 0)
      rest /= size
    }
    return Exception(isNaN: isNaN, place: place, count: count, elements: elements)
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
