/// What surrounds the matrix product of a linear map.
import Base
import Tensors

enum LinearKernels {
  /// Fills rows of the result with what the product is added to: residual + bias, or either.
  static func startRows(_ out: MutableFloats, bias: Tensor?, residual: Tensor?, _ rows: Range<Int>, width: Int) {
    let b = bias?.pointer(Float.self)
    let r = residual?.pointer(Float.self)
    for row in rows {
      let y = out + row * width
      switch (r, b) {
      case (let r?, let b?):
        let x = r + row * width
        for i in 0..<width { y[i] = x[i] + b[i] }
      case (let r?, nil): y.update(from: r + row * width, count: width)
      case (nil, let b?): y.update(from: b, count: width)
      case (nil, nil): break
      }
    }
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
