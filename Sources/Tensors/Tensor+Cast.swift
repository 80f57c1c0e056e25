/// Conversion between element types.
import Base

extension Tensor {
  /// The same values as another type: a new tensor, or this one if the type is the same. For `.i64`,
  /// fractions are truncated towards zero, and NaN and values beyond 64 bits are refused.
  public func cast(to target: DType) throws -> Tensor {
    if target == dtype { return self }
    let result = try Tensor(uninitialized: shape, target)
    switch (dtype, target) {
    case (.f32, .f64): try Strided.map(self, result) { (x: Float) in Double(x) }
    case (.f64, .f32): try Strided.map(self, result) { (x: Double) in Float(x) }
    case (.i64, .f32): try Strided.map(self, result) { (x: Int64) in Float(x) }
    case (.i64, .f64): try Strided.map(self, result) { (x: Int64) in Double(x) }
    case (.bool, .f32): try Strided.map(self, result) { (x: Bool) in x ? Float(1) : 0 }
    case (.bool, .f64): try Strided.map(self, result) { (x: Bool) in x ? 1.0 : 0 }
    case (.bool, .i64): try Strided.map(self, result) { (x: Bool) in x ? Int64(1) : 0 }
    case (.f32, .bool): try Strided.map(self, result) { (x: Float) in x != 0 }
    case (.f64, .bool): try Strided.map(self, result) { (x: Double) in x != 0 }
    case (.i64, .bool): try Strided.map(self, result) { (x: Int64) in x != 0 }
    case (.f32, .i64): try wholeNumbers(result) { (x: Float) in Double(x) }
    case (.f64, .i64): try wholeNumbers(result) { (x: Double) in x }
    case (.f32, .f32), (.f64, .f64), (.i64, .i64), (.bool, .bool): try Strided.copy(from: self, to: result)
    }
    return result
  }

  private func wholeNumbers<T: TensorScalar>(_ result: Tensor, _ widen: (T) -> Double) throws {
    var refused: Double?
    try Strided.map(self, result) { (x: T) -> Int64 in
      let wide = widen(x)
      if let whole = Int64(exactly: wide.rounded(.towardZero)) { return whole }
      refused = wide
      return 0
    }
    if let refused { throw Failure(.value, "number \(refused) has no integer representation") }
  }
}
