/// What surrounds the matrix product of a linear map.
import Base
import Tensors

enum LinearKernels {
  private static func grain(_ width: Int) -> Int { max(1, ActivationKernels.grain / max(width, 1)) }

  /// Fills the result with what the product is added to: residual + bias, either, or 0.
  static func startRows(_ out: MutableFloats, bias: Tensor?, residual: Tensor?, rows: Int, width: Int) {
    let b = bias?.pointer(Float.self)
    let r = residual?.pointer(Float.self)
    Parallel.ranges(rows, grain: grain(width)) { range in
      for row in range {
        let y = out + row * width
        if let r { y.update(from: r + row * width, count: width) }
        if let b {
          if r == nil { y.update(from: b, count: width) } else { addScaled(y, 1, b, width) }
        }
        if b == nil && r == nil { y.update(repeating: 0, count: width) }
      }
    }
  }

  /// y = gelu(x) + residual.
  static func gelu(_ x: Floats, _ residual: Tensor?, _ y: MutableFloats, _ count: Int) {
    let r = residual?.pointer(Float.self)
    Parallel.ranges(count, grain: ActivationKernels.grain) { range in
      let at = range.lowerBound
      if let r {
        ActivationKernels.zip(x + at, r + at, y + at, range.count) { ActivationKernels.gelu($0) + $1 }
      } else {
        ActivationKernels.map(x + at, y + at, range.count) { ActivationKernels.gelu($0) }
      }
    }
  }

  /// dx = dy * gelu'(x).
  static func geluGradient(_ x: Floats, _ dy: Floats, _ dx: MutableFloats, _ count: Int) {
    Parallel.ranges(count, grain: ActivationKernels.grain) { range in
      let at = range.lowerBound
      ActivationKernels.zip(x + at, dy + at, dx + at, range.count) { ActivationKernels.geluGradient($0) * $1 }
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
