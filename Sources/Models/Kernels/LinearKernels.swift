/// What goes with the matrix products of a linear map.
import Base
import Tensors

enum LinearKernels {
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
