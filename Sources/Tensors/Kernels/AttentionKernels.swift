/// Causal attention over packed sequences, forward and backward, without a T x T matrix per head in memory.
///
/// Queries are cut into tiles of 64. The scores of a tile stay in cache; only the logarithm of each row's
/// normaliser is saved for the backward pass, which computes the probabilities again. After Dao et al.,
/// "FlashAttention", arXiv:2205.14135, with tiles over queries only: at our lengths the keys of a head fit in
/// cache.
import Base
import CKernels

package struct AttentionShape {
  package let heads: Int
  package let keyHeads: Int
  package let headSize: Int
  /// Multiplies the scores.
  package let scale: Float
  /// Scores become cap tanh(score / cap); 0 for none.
  package let softcap: Float
  /// Keys that a query sees: its own and those before it.
  package let window: Int

  /// A `scale` of nil is 1 / sqrt(headSize).
  package init(
    heads: Int, keyHeads: Int, headSize: Int, scale: Double? = nil, softcap: Double = 0, window: Int = .max
  ) {
    self.heads = heads
    self.keyHeads = keyHeads
    self.headSize = headSize
    self.scale = scale.map { Float($0) } ?? 1 / Float(headSize).squareRoot()
    self.softcap = Float(softcap)
    self.window = window
  }

  package var group: Int { heads / keyHeads }
  /// The first position that the query at `position` sees.
  package func firstKey(_ position: Int) -> Int { max(0, position - (window - 1)) }
  /// Width of a row that holds queries, keys and values.
  package var width: Int { (heads + 2 * keyHeads) * headSize }
  package var outputWidth: Int { heads * headSize }
}

package enum AttentionKernels {
  package static let tile = 64

  /// Calls `body` with a buffer of the thread's own, which it reuses; a temporary one if memory is short.
  @inline(__always)
  static func withScores(_ floats: Int, _ body: (MutableFloats) -> Void) {
    if let buffer = ck_scratch(Int32(CK_SCORES), floats) { return body(buffer) }
    withUnsafeTemporaryAllocation(of: Float.self, capacity: floats) { scratch in
      if let base = scratch.baseAddress { body(base) }
    }
  }

  /// `out[N, heads * headSize]` and the log-normaliser `lse[N, heads]` from rows `qkv[N, width]`.
  package static func forward(
    _ shape: AttentionShape, _ segments: Segments, _ qkv: Floats, _ out: MutableFloats, _ lse: MutableFloats
  ) {
    let heads = shape.heads
    let grain = max(1, heads / max(1, segments.longest / 16))
    Parallel.ranges(segments.count * heads, grain: grain) { pieces in
      withScores(tile * max(segments.longest, 1)) { scores in
        for piece in pieces {
          let (sequence, head) = (piece / heads, piece % heads)
          let start = segments.starts[sequence]
          forwardHead(
            shape, head, length: segments.length(sequence), qkv + start * shape.width,
            out + start * shape.outputWidth, lse + start * heads, scores)
        }
      }
    }
  }

  @inline(__always)
  private static func forwardHead(
    _ shape: AttentionShape, _ head: Int, length: Int, _ qkv: Floats, _ out: MutableFloats,
    _ lse: MutableFloats,
    _ scores: MutableFloats
  ) {
    let (size, width, heads) = (shape.headSize, shape.width, shape.heads)
    let q = qkv + head * size
    let k = qkv + (heads + head / shape.group) * size
    let v = qkv + (heads + shape.keyHeads + head / shape.group) * size
    var first = 0
    while first < length && !Parallel.isCut {
      let rows = min(tile, length - first)
      let keys = first + rows
      let queries = MatrixView(q + first * width, rows: rows, columns: size, lead: width)
      Gemm.single(
        queries, MatrixView(k, rows: keys, columns: size, lead: width).transposed,
        into: MutableMatrixView(scores, rows: rows, columns: keys), alpha: shape.scale)
      for row in 0..<rows {
        let (x, from, valid) = (scores + row * keys, shape.firstKey(first + row), first + row + 1)
        if shape.softcap > 0 { ActivationKernels.softcap(x + from, shape.softcap, valid - from) }
        x.update(repeating: 0, count: from)
        lse[(first + row) * heads + head] = softmaxRow(x + from, valid: valid - from, total: keys - from)
      }
      Gemm.single(
        MatrixView(scores, rows: rows, columns: keys), MatrixView(v, rows: keys, columns: size, lead: width),
        into: MutableMatrixView(
          out + first * shape.outputWidth + head * size, rows: rows, columns: size, lead: shape.outputWidth))
      first += rows
    }
  }

  /// Replaces the first `valid` scores by their softmax and the others by 0; returns log sum exp.
  @inline(__always)
  package static func softmaxRow(_ x: MutableFloats, valid: Int, total: Int) -> Float {
    let (peak, sum) = ActivationKernels.exponentials(x, x, valid)
    ActivationKernels.scale(x, 1 / sum, valid)
    var i = valid
    while i < total {
      x[i] = 0
      i += 1
    }
    return peak + Libm.log(sum)
  }

  /// `dqkv[N, width]` from the gradient of the output.
  package static func backward(
    _ shape: AttentionShape, _ segments: Segments, _ qkv: Floats, _ out: Floats, _ lse: Floats,
    _ dout: Floats,
    _ dqkv: MutableFloats
  ) {
    let keyHeads = shape.keyHeads
    let grain = max(1, keyHeads / max(1, segments.longest / 16))
    Parallel.ranges(segments.count * keyHeads, grain: grain) { pieces in
      let half = tile * max(segments.longest, 1)
      withScores(2 * half + segments.longest) { p in
        for piece in pieces {
          let (sequence, keyHead) = (piece / keyHeads, piece % keyHeads)
          let start = segments.starts[sequence]
          for member in 0..<shape.group {
            backwardHead(
              shape, keyHead * shape.group + member, isFirst: member == 0, length: segments.length(sequence),
              qkv + start * shape.width, out + start * shape.outputWidth, lse + start * shape.heads,
              dout + start * shape.outputWidth, dqkv + start * shape.width, p, p + half, p + 2 * half)
          }
        }
      }
    }
  }

  /// With P the probabilities, dP = dO V^T and D = rowsum(dO * O): dS = P * (dP - D), dQ = dS K, dK = dS^T Q,
  /// dV = P^T dO. The heads of a group add to the same keys in order. `slopes` holds those of a row's caps.
  @inline(__always)
  private static func backwardHead(
    _ shape: AttentionShape, _ head: Int, isFirst: Bool, length: Int, _ qkv: Floats, _ out: Floats,
    _ lse: Floats,
    _ dout: Floats, _ dqkv: MutableFloats, _ p: MutableFloats, _ ds: MutableFloats, _ slopes: MutableFloats
  ) {
    let (size, width, heads, outWidth) = (shape.headSize, shape.width, shape.heads, shape.outputWidth)
    let keyAt = (heads + head / shape.group) * size
    let valueAt = keyAt + shape.keyHeads * size
    // The last tile attends to every key, so it is the first to be computed: it writes where the others add.
    var end = length
    var adds = !isFirst
    while end > 0 && !Parallel.isCut {
      let first = (end - 1) / tile * tile
      let rows = end - first
      let q = qkv + first * width + head * size
      let d = dout + first * outWidth + head * size
      let o = out + first * outWidth + head * size
      let queries = MatrixView(q, rows: rows, columns: size, lead: width)
      let doutput = MatrixView(d, rows: rows, columns: size, lead: outWidth)
      let keys = MatrixView(qkv + keyAt, rows: end, columns: size, lead: width)
      let values = MatrixView(qkv + valueAt, rows: end, columns: size, lead: width)
      Gemm.single(
        queries, keys.transposed, into: MutableMatrixView(p, rows: rows, columns: end), alpha: shape.scale)
      Gemm.single(doutput, values.transposed, into: MutableMatrixView(ds, rows: rows, columns: end))
      for row in 0..<rows {
        let (from, valid) = (shape.firstKey(first + row), first + row + 1)
        let (scores, gradients) = (p + row * end, ds + row * end)
        if shape.softcap > 0 {
          ActivationKernels.softcap(scores + from, shape.softcap, valid - from, slopes: slopes)
        }
        scores.update(repeating: 0, count: from)
        gradients.update(repeating: 0, count: from)
        ActivationKernels.softmaxGradient(
          scores + from, gradients + from, lse[(first + row) * heads + head],
          dot(d + row * outWidth, o + row * outWidth, size), valid: valid - from, total: end - from)
        if shape.softcap > 0 {
          VectorMath.zip(gradients + from, slopes, gradients + from, valid - from) { $0 * $1 }
        }
      }
      let dscores = MatrixView(ds, rows: rows, columns: end)
      let probabilities = MatrixView(p, rows: rows, columns: end)
      func gradient(_ place: MutableFloats, _ rows: Int) -> MutableMatrixView<Float> {
        MutableMatrixView(place, rows: rows, columns: size, lead: width)
      }
      Gemm.single(
        dscores, keys, into: gradient(dqkv + first * width + head * size, rows), alpha: shape.scale)
      Gemm.single(
        dscores.transposed, queries, into: gradient(dqkv + keyAt, end), alpha: shape.scale,
        beta: adds ? 1 : 0)
      Gemm.single(
        probabilities.transposed, doutput, into: gradient(dqkv + valueAt, end), beta: adds ? 1 : 0)
      adds = true
      end = first
    }
  }
}
