/// Products with packed weights against those of `Gemm`.
import Base
import Testing

@testable import Tensors

@Suite struct PackedMatrixTests {
  @Test func packedProductsAreTheBitsOfGemm() {
    for seed in 0..<60 {
      var random = Philox(seed: UInt64(seed), stream: "packed")
      let (rows, outputs, inputs) = (1 + random.below(40), 1 + random.below(100), 1 + random.below(900))
      let x = (0..<rows * inputs).map { _ in Float(random.normal()) }
      let weight = (0..<outputs * inputs).map { _ in Float(random.normal()) }
      var expected = (0..<rows * outputs).map { _ in Float(random.normal()) }
      var found = expected
      let adding = random.below(2) == 0
      let bias = (0..<outputs).map { _ in Float(random.normal()) }
      func product(
        _ x: UnsafePointer<Float>, _ weight: UnsafePointer<Float>, _ y: UnsafeMutablePointer<Float>
      ) {
        Gemm.run(
          MatrixView(x, rows: rows, columns: inputs),
          MatrixView(weight, rows: outputs, columns: inputs).transposed,
          into: MutableMatrixView(y, rows: rows, columns: outputs), beta: adding ? 1 : 0, bias: bias)
      }
      product(x, weight, &expected)
      withUnsafeTemporaryAllocation(
        of: Float.self, capacity: PackedMatrix.floats(outputs: outputs, inputs: inputs)
      ) { buffer in
        guard let base = buffer.baseAddress else { return }
        let packed = PackedMatrix(weight, outputs: outputs, inputs: inputs, at: base)
        let half = packed.panelCount / 2
        packed.multiply(x, &found, rows: rows, adding: adding, bias: bias, panels: half..<packed.panelCount)
        packed.multiply(x, &found, rows: rows, adding: adding, bias: bias, panels: 0..<half)
      }
      #expect(found.map(\.bitPattern) == expected.map(\.bitPattern), "seed \(seed)")
    }
  }
}
