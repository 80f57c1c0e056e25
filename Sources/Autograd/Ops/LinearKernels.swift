/// What goes with the matrix products of a linear map.
import Base
import Tensors

enum LinearKernels {
  /// The gradient dy^T x of input 1, weights [outputs, inputs], from dy [rows, outputs] and x [rows, inputs]: added to
  /// the one that the weights have, and nil then, where it can be.
  static func weightGradient(
    _ call: Invocation, _ dy: Floats, _ x: Floats, rows: Int, outputs: Int, inputs: Int
  ) throws -> Tensor? {
    let sum = call.lentSum(1)
    let into = try sum ?? Tensor(uninitialized: [outputs, inputs], .f32)
    Gemm.run(
      true, false, outputs, inputs, rows, 1, dy, outputs, x, inputs, sum == nil ? 0 : 1,
      into.pointer(Float.self),
      inputs)
    return sum == nil ? into : nil
  }

  /// The sum of each column: blocks of 256 rows, added in order.
  static func columnSums(_ x: Floats, rows: Int, width: Int) throws -> Tensor {
    let block = 256
    let pieces = max(1, (rows + block - 1) / block)
    let partial = try Tensor(zeros: [pieces, width], .f32)
    let sums = partial.pointer(Float.self)
    Parallel.ranges(rows, grain: block) { range in
      let into = sums + range.lowerBound / block * width
      for row in range { addScaled(into, 1, x + row * width, width) }
    }
    for piece in stride(from: 1, to: pieces, by: 1) { addScaled(sums, 1, sums + piece * width, width) }
    return try partial.selected(0, 0)
  }
}
