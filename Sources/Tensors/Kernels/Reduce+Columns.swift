/// Sums over the rows of a matrix.
import Base

extension Reduce {
  /// The sum of each column of x [rows, width], in an order that does not depend on the number of threads:
  /// blocks of 256 rows, added in order.
  public static func columnSums(_ x: Floats, rows: Int, width: Int) throws -> Tensor {
    let block = 256
    let blocks = max(1, (rows + block - 1) / block)
    let partial = try Tensor(zeros: [blocks, width], .f32)
    let sums = partial.pointer(Float.self)
    Parallel.ranges(rows, grain: block) { range in
      let into = sums + range.lowerBound / block * width
      for row in range { addScaled(into, 1, x + row * width, width) }
    }
    for i in stride(from: 1, to: blocks, by: 1) { addScaled(sums, 1, sums + i * width, width) }
    return try partial.selected(0, 0)
  }
}
