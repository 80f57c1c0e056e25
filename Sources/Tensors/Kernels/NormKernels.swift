/// Layer norm and RMS norm over the last dimension, forward and backward.
///
/// Rows are cut into blocks of fixed size. The gradients of weight and bias are summed in each block, and the
/// blocks added in order, so that the result does not depend on the number of threads.
import Base

package enum NormKernels {
  /// Rows per piece.
  package static let grain = 64

  /// y = (x - mean) * rstd * weight + bias; `mean` is nil for RMS norm.
  package static func forward(
    _ x: Floats, _ weight: Floats, _ bias: Floats?, _ y: MutableFloats, mean: MutableFloats?,
    rstd: MutableFloats,
    rows: Int, width: Int, epsilon: Float
  ) {
    Parallel.ranges(rows, grain: grain) { range in
      for row in range {
        forwardRow(
          x + row * width, weight, bias, y + row * width, mean.map { $0 + row }, rstd + row, width, epsilon)
      }
    }
  }

  @inline(__always)
  package static func forwardRow(
    _ x: Floats, _ weight: Floats, _ bias: Floats?, _ y: MutableFloats, _ mean: MutableFloats?,
    _ rstd: MutableFloats?, _ width: Int, _ epsilon: Float
  ) {
    let centre: Float = mean == nil ? 0 : total(x, width) / Float(width)
    let scale = 1 / (squares(x, centre, width) / Float(width) + epsilon).squareRoot()
    mean?.pointee = centre
    rstd?.pointee = scale
    scaleRow(x, weight, bias, y, centre, scale, width)
  }

  /// y = (x - centre) * scale * weight + bias.
  @inline(__always)
  private static func scaleRow(
    _ x: Floats, _ weight: Floats, _ bias: Floats?, _ y: MutableFloats, _ centre: Float, _ scale: Float,
    _ width: Int
  ) {
    let (c, s) = (Vector(repeating: centre), Vector(repeating: scale))
    var i = 0
    if let bias {
      while i + 8 <= width {
        store(load(bias + i).addingProduct((load(x + i) - c) * s, load(weight + i)), y + i)
        i += 8
      }
    } else {
      while i + 8 <= width {
        store((load(x + i) - c) * s * load(weight + i), y + i)
        i += 8
      }
    }
    while i < width {
      y[i] = (x[i] - centre) * scale * weight[i] + (bias.map { $0[i] } ?? 0)
      i += 1
    }
  }

  /// dx, which may be `dy` itself, and the sums over rows for dweight and dbias; with `again`, the normalised
  /// rows too. For xhat = (x - mean) rstd and h = dy * weight: dx = rstd (h - mean(h) - xhat mean(h xhat));
  /// the middle term is absent for RMS norm.
  package static func backward(
    _ dy: Floats, _ x: Floats, _ weight: Floats, mean: Floats?, rstd: Floats,
    dx: MutableFloats, dweight: MutableFloats, dbias: MutableFloats?, rows: Int, width: Int,
    again: (normed: MutableFloats, bias: Floats?)? = nil
  ) throws {
    let pieces = max(1, (rows + grain - 1) / grain)
    let partial = try Tensor(zeros: [pieces, 2, width], .f32)
    let sums = partial.pointer(Float.self)
    Parallel.ranges(rows, grain: grain) { range in
      let wsum = sums + range.lowerBound / grain * 2 * width
      let bsum = wsum + width
      for row in range {
        if let again {
          let centre = mean.map { $0[row] } ?? 0
          scaleRow(x + row * width, weight, again.bias, again.normed + row * width, centre, rstd[row], width)
        }
        backwardRow(
          dy + row * width, x + row * width, weight, mean.map { $0[row] }, rstd[row], dx + row * width, wsum,
          dbias == nil ? nil : bsum, width)
      }
    }
    withExtendedLifetime(partial) {
      for i in 0..<width {
        dweight[i] = 0
        dbias?[i] = 0
      }
      for piece in 0..<pieces {
        addScaled(dweight, 1, sums + piece * 2 * width, width)
        if let dbias { addScaled(dbias, 1, sums + piece * 2 * width + width, width) }
      }
    }
  }

  @inline(__always)
  private static func backwardRow(
    _ dy: Floats, _ x: Floats, _ weight: Floats, _ mean: Float?, _ rstd: Float, _ dx: MutableFloats,
    _ dweight: MutableFloats, _ dbias: MutableFloats?, _ width: Int
  ) {
    let (c, s) = (Vector(repeating: mean ?? 0), Vector(repeating: rstd))
    var (sumH, sumHX) = (Vector(), Vector())
    var i = 0
    while i + 8 <= width {
      let g = load(dy + i)
      let xhat = (load(x + i) - c) * s
      let h = g * load(weight + i)
      sumH += h
      sumHX = sumHX.addingProduct(h, xhat)
      store(load(dweight + i).addingProduct(g, xhat), dweight + i)
      if let dbias { store(load(dbias + i) + g, dbias + i) }
      i += 8
    }
    var (totalH, totalHX) = (sum(sumH), sum(sumHX))
    while i < width {
      let xhat = (x[i] - c[0]) * rstd
      let h = dy[i] * weight[i]
      totalH += h
      totalHX += h * xhat
      dweight[i] += dy[i] * xhat
      dbias?[i] += dy[i]
      i += 1
    }
    let meanH = mean == nil ? 0 : totalH / Float(width)
    let meanHX = totalHX / Float(width)
    let (mh, mhx) = (Vector(repeating: meanH), Vector(repeating: -meanHX))
    i = 0
    while i + 8 <= width {
      let xhat = (load(x + i) - c) * s
      let h = load(dy + i) * load(weight + i)
      store((h - mh).addingProduct(xhat, mhx) * s, dx + i)
      i += 8
    }
    while i < width {
      let xhat = (x[i] - c[0]) * rstd
      dx[i] = (dy[i] * weight[i] - meanH - xhat * meanHX) * rstd
      i += 1
    }
  }

  @inline(__always)
  private static func total(_ x: Floats, _ width: Int) -> Float {
    var (a, b) = (Vector(), Vector())
    var i = 0
    while i + 16 <= width {
      a += load(x + i)
      b += load(x + i + 8)
      i += 16
    }
    var result = sum(a + b)
    while i < width {
      result += x[i]
      i += 1
    }
    return result
  }

  /// The sum of (x - centre)^2.
  @inline(__always)
  private static func squares(_ x: Floats, _ centre: Float, _ width: Int) -> Float {
    let c = Vector(repeating: centre)
    var (a, b) = (Vector(), Vector())
    var i = 0
    while i + 16 <= width {
      let (u, v) = (load(x + i) - c, load(x + i + 8) - c)
      a = a.addingProduct(u, u)
      b = b.addingProduct(v, v)
      i += 16
    }
    var result = sum(a + b)
    while i < width {
      let u = x[i] - centre
      result += u * u
      i += 1
    }
    return result
  }
}
