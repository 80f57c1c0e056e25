/// The gradient of a weight matrix, added where possible to the one accumulated so far.
import Base
import Tensors

extension OpContext {
  /// The gradient dy^T x of input `i`, weights [outputs, inputs], from dy [rows, outputs] and x [rows,
  /// inputs]. It is added to the accumulator of that input, and nil returned, if there is one.
  func weightGradient(
    _ i: Int, _ dy: Floats, _ x: Floats, rows: Int, outputs: Int, inputs: Int, _ precision: Precision
  ) throws -> Tensor? {
    let sum = accumulator(i)
    let into = try sum ?? Tensor(uninitialized: [outputs, inputs], .f32)
    Gemm.run(
      MatrixView(dy, rows: rows, columns: outputs).transposed, MatrixView(x, rows: rows, columns: inputs),
      into: MutableMatrixView(into.pointer(Float.self), rows: outputs, columns: inputs),
      beta: sum == nil ? 0 : 1, precision: precision)
    return sum == nil ? into : nil
  }
}
