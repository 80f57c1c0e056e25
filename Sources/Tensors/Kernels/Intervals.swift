/// Equal intervals of a range, with the edges of NumPy's `histogram`.
import Base

public struct Intervals {
  private let low, high, step: Double
  private let count: Int
  private let dtype: DType

  /// `count` intervals from `low` to `high`. Edges are rounded to `dtype`, the type of the values: 0.7 in f32
  /// belongs to the interval that starts at 0.7.
  public init(_ low: Double, _ high: Double, count: Int, rounded dtype: DType = .f64) {
    (self.low, self.high, self.count, self.dtype) = (low, high, count, dtype)
    step = (high - low) / Double(count)
  }

  /// Edge `i` of 0...count: low + i (high - low) / count, and `high` itself at the end.
  public func edge(_ i: Int) -> Double {
    let exact = i == count ? high : low + Double(i) * step
    return dtype == .f32 ? Double(Float(exact)) : exact
  }

  /// The interval that holds `x`, from 0: closed below and open above, except that the last includes `high`.
  /// Nil outside and for NaN.
  public func index(of x: Double) -> Int? {
    guard x >= edge(0) && x <= edge(count) else { return nil }
    let estimate = (x - low) / (high - low) * Double(count)
    var i = estimate.isNaN ? 0 : min(count - 1, max(0, Int(estimate)))
    while i > 0 && x < edge(i) { i -= 1 }
    while i < count - 1 && x >= edge(i + 1) { i += 1 }
    return i
  }
}
