import Base
import Tensors
import Testing

@Suite struct VectorMathTests {
  /// The error of `f`, in units in the last place of the exact value, over a sweep of all bit patterns.
  private func worst(_ f: (SIMD8<Float>) -> SIMD8<Float>, _ exact: (Double) -> Double) -> (Double, Float) {
    var worst = (0.0, Float(0))
    for pattern in stride(from: UInt64(0), through: UInt64(UInt32.max), by: 65_521) {
      let x = Float(bitPattern: UInt32(pattern))
      let error = distance(f(SIMD8(repeating: x))[3], exact(Double(x)))
      if error > worst.0 { worst = (error, x) }
    }
    for x: Float in [
      0, -0.0, .infinity, -.infinity, .nan, .leastNonzeroMagnitude, 88.72, 88.73, -87.5, -103.9, -104.5,
    ] {
      let error = distance(f(SIMD8(repeating: x))[7], exact(Double(x)))
      if error > worst.0 { worst = (error, x) }
    }
    return worst
  }

  private func distance(_ got: Float, _ exact: Double) -> Double {
    let rounded = Float(exact)
    if got == rounded || (got.isNaN && rounded.isNaN) { return 0 }
    if !got.isFinite || !rounded.isFinite { return .infinity }
    return abs(Double(got) - exact) / Double(rounded.ulp)
  }

  @Test func vectorFunctionsStayWithinThreeUnitsOfTheLastPlace() {
    let cases: [(String, (SIMD8<Float>) -> SIMD8<Float>, (Double) -> Double)] = [
      ("exp", { VectorMath.exp($0) }, { exp($0) }),
      ("log", { VectorMath.log($0) }, { log($0) }),
      ("log1p", { VectorMath.log1p($0) }, { log1p($0) }),
      ("tanh", { VectorMath.tanh($0) }, { tanh($0) }),
      ("sigmoid", { VectorMath.sigmoid($0) }, { 1 / (1 + exp(-$0)) }),
      ("log1pExpOfNegativeAbs", { VectorMath.log1pExpOfNegativeAbs($0) }, { log1p(exp(-abs($0))) }),
      ("erf", { VectorMath.erf($0) }, { erf($0) }),
    ]
    for (name, f, exact) in cases {
      let (error, at) = worst(f, exact)
      #expect(error < 3, "\(name): \(error) units at \(at)")
    }
  }

  @Test func arraysOfAnyLengthMatchTheLanes() {
    for count in 0..<20 {
      let x = (0..<count).map { Float($0) * 0.3 - 2 }
      var y = [Float](repeating: 7, count: count + 1)
      x.withUnsafeBufferPointer { x in
        y.withUnsafeMutableBufferPointer { y in
          if let x = x.baseAddress, let y = y.baseAddress {
            VectorMath.map(x, y, count) { VectorMath.exp($0) }
          }
        }
      }
      for i in 0..<count { #expect(y[i] == VectorMath.exp(SIMD8(repeating: x[i]))[0]) }
      #expect(count == 0 || y[count] == 7)
    }
  }
}
