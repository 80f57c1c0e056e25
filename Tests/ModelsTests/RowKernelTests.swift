/// The elementwise kernels of a row against the formulas they stand for.
import Base
import CKernels
import Foundation
import Tensors
import Testing

@testable import Models

@Suite struct RowKernelTests {
  private static let lengths = Array(0...40) + [63, 64, 65, 1000]

  private static func values(_ count: Int, _ seed: Int, scale: Double = 4) -> [Float] {
    var random = Philox(seed: UInt64(seed), stream: "rows")
    return (0..<count).map { _ in Float(random.normal() * scale) }
  }

  private static func bits(_ x: [Float]) -> [UInt32] { x.map { $0.isNaN ? 0x7fc0_0000 : $0.bitPattern } }

  /// What each kernel gives for rows of several lengths, at one level.
  private static func everything(_ level: Int) -> [[UInt32]] {
    let rows = ck_rows_level(Int32(level)).pointee
    var results: [[UInt32]] = []
    for count in lengths {
      var x = values(count, count)
      if count > 5 { (x[1], x[2], x[3], x[4]) = (.nan, 0, -0.0, -90) }
      let (b, dy) = (values(count, count + 1), values(count, count + 2))
      var (y, dx, db) = (x, x, x)
      rows.gelu(count, x, &y)
      results.append(bits(y))
      rows.gelu_both(count, x, dy, &y, &dx)
      results += [bits(y), bits(dx)]
      rows.gate(count, x, b, &y)
      results.append(bits(y))
      rows.gate_both(count, x, b, dy, &y, &dx, &db)
      results += [bits(y), bits(dx), bits(db)]
      var (peak, sum): (Float, Float) = (0, 0)
      rows.exponentials(count, b, &y, &peak, &sum)
      results += [bits(y), bits([peak, sum])]
      (y, dx) = (b, dy)
      rows.softmax_gradient(count, &y, &dx, 3, 0.5)
      results += [bits(y), bits(dx)]
    }
    return results
  }

  @Test func allLevelsGiveTheSameBits() {
    #expect(Self.everything(Int(CK_VECTOR)) == Self.everything(Int(CK_AVX512)))
  }

  @Test func geluAndItsSlopeMatchDoublePrecision() {
    let x = Self.values(1000, 1)
    let ones = [Float](repeating: 1, count: 1000)
    var (y, dx) = (x, x)
    ActivationKernels.geluBoth(x, ones, &y, &dx, 1000)
    func gelu(_ x: Double) -> Double {
      x / 2 * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
    }
    for i in 0..<1000 {
      let v = Double(x[i])
      let slope = (gelu(v + 1e-6) - gelu(v - 1e-6)) / 2e-6
      #expect(abs(Double(y[i]) - gelu(v)) < 1e-6 * max(1, abs(v)))
      #expect(abs(Double(dx[i]) - slope) < 2e-6)
    }
  }

  @Test func gatesAndTheirSlopesMatchDoublePrecision() {
    let (a, b, dy) = (Self.values(500, 2), Self.values(500, 3), Self.values(500, 4))
    var (y, da, db) = (a, a, a)
    ActivationKernels.gateBoth(a, b, dy, &y, &da, &db, 500)
    func silu(_ x: Double) -> Double { x / (1 + exp(-x)) }
    for i in 0..<500 {
      let (x, other, up) = (Double(a[i]), Double(b[i]), Double(dy[i]))
      let slope = (silu(x + 1e-6) - silu(x - 1e-6)) / 2e-6
      let size = 1 + abs(x * other * up) + abs(other * up)
      #expect(abs(Double(y[i]) - silu(x) * other) < 1e-6 * size)
      #expect(abs(Double(da[i]) - up * other * slope) < 1e-6 * size)
      #expect(abs(Double(db[i]) - up * silu(x)) < 1e-6 * size)
    }
  }

  @Test func exponentialsSumToWhatTheLibrarySays() {
    for count in Self.lengths {
      let x = Self.values(count, count, scale: 20)
      var y = x
      let (peak, sum) = ActivationKernels.exponentials(x, &y, count)
      #expect(peak == (x.max() ?? -.infinity))
      let expected = x.reduce(0.0) { $0 + exp(Double($1) - Double(peak)) }
      #expect(abs(Double(sum) - expected) <= 1e-6 * expected)
      for i in 0..<count { #expect(abs(Double(y[i]) - exp(Double(x[i]) - Double(peak))) <= 2e-7) }
    }
  }
}
