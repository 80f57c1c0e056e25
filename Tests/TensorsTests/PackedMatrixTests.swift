/// Products with packed weights against those of `Gemm`.
import Base
import Testing

@testable import Tensors

@Suite struct PackedMatrixTests {
  @Test(arguments: Precision.allCases)
  func packedProductsAreTheBitsOfGemm(_ precision: Precision) {
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
          into: MutableMatrixView(y, rows: rows, columns: outputs), beta: adding ? 1 : 0, bias: bias,
          precision: precision)
      }
      product(x, weight, &expected)
      var (held, rounded) = (
        [Float](repeating: 0, count: PackedMatrix.floats(outputs: outputs, inputs: inputs, precision)),
        [Float](repeating: 0, count: rows * (inputs + 1))
      )
      func packedProduct(
        _ x: UnsafePointer<Float>, _ weight: UnsafePointer<Float>, _ held: UnsafeMutablePointer<Float>,
        _ rounded: UnsafeMutablePointer<Float>
      ) {
        let weights = LinearWeights(.floats(weight, outputs: outputs, inputs: inputs), precision)
        let packed = PackedMatrix(weights, at: held)
        let x = packed.operand(x, rows: 0..<rows, rounded)
        let half = packed.panelCount / 2
        packed.multiply(x, &found, rows: rows, adding: adding, bias: bias, panels: half..<packed.panelCount)
        packed.multiply(x, &found, rows: rows, adding: adding, bias: bias, panels: 0..<half)
      }
      packedProduct(x, weight, &held, &rounded)
      #expect(found.map(\.bitPattern) == expected.map(\.bitPattern), "seed \(seed)")
    }
  }
}
