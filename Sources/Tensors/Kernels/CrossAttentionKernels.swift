/// Attention of the queries of each sequence over the keys of its own memory, forward and backward, with a bias for
/// each relative position. The tiles are those of `AttentionKernels`.
import Base

package struct CrossAttentionShape {
  package let heads: Int
  package let headSize: Int
  /// Multiplies the scores, before the bias is added.
  package let scale: Float
  /// A query sees the keys up to its own position.
  package let isCausal: Bool

  package init(heads: Int, headSize: Int, scale: Float, isCausal: Bool) {
    (self.heads, self.headSize, self.scale, self.isCausal) = (heads, headSize, scale, isCausal)
  }

  package var width: Int { heads * headSize }
}

/// What is added to the scores of a head: the biases of all relative positions of a call.
package struct RelativeBias {
  /// The bucket of each relative position, from that of the first key and the last query on.
  let places: [Int]
  let values: [Float]
  let buckets: Int
  /// The place of relative position 0.
  let centre: Int

  /// `table` is [buckets.count, heads].
  package init(_ buckets: RelativeBuckets, _ table: Floats, heads: Int, queries: Int, keys: Int) {
    centre = max(queries, 1) - 1
    let places = (-centre..<max(keys, 1)).map(buckets.bucket)
    values = (0..<heads).flatMap { head in places.map { table[$0 * heads + head] } }
    self.places = places
    self.buckets = buckets.count
  }

  /// The biases of the query at `position` from key 0 on.
  @inline(__always)
  func add(_ scores: MutableFloats, _ head: Int, _ position: Int, _ count: Int) {
    values.withUnsafeBufferPointer { all in
      guard let start = all.baseAddress else { return }
      addScaled(scores, 1, start + head * places.count + centre - position, count)
    }
  }
}

package enum CrossAttentionKernels {
  private static let tile = AttentionKernels.tile

  /// `out[N, width]` and the log-normaliser `lse[N, heads]` of queries `q[N, width]` over keys and values
  /// `kv[M, 2 width]`.
  package static func forward(
    _ shape: CrossAttentionShape, _ queries: Segments, _ keys: Segments, _ q: Floats, _ kv: Floats,
    _ bias: RelativeBias?, _ out: MutableFloats, _ lse: MutableFloats
  ) {
    let (heads, width, size) = (shape.heads, shape.width, shape.headSize)
    Parallel.ranges(queries.count * heads, grain: 1) { pieces in
      AttentionKernels.withScores(tile * max(keys.longest, 1)) { scores in
        for piece in pieces {
          let (sequence, head) = (piece / heads, piece % heads)
          let (start, length) = (queries.starts[sequence], queries.length(sequence))
          let (k, v) = places(shape, head, kv + keys.starts[sequence] * 2 * width)
          var first = 0
          while first < length && !Parallel.isCut {
            let rows = min(tile, length - first)
            let total = shape.isCausal ? first + rows : keys.length(sequence)
            let at = (start + first) * width + head * size
            Gemm.single(
              MatrixView(q + at, rows: rows, columns: size, lead: width),
              MatrixView(k, rows: total, columns: size, lead: 2 * width).transposed,
              into: MutableMatrixView(scores, rows: rows, columns: total), alpha: shape.scale)
            for row in 0..<rows {
              let (x, position) = (scores + row * total, first + row)
              bias?.add(x, head, position, total)
              lse[(start + position) * heads + head] = AttentionKernels.softmaxRow(
                x, valid: shape.isCausal ? position + 1 : total, total: total)
            }
            Gemm.single(
              MatrixView(scores, rows: rows, columns: total),
              MatrixView(v, rows: total, columns: size, lead: 2 * width),
              into: MutableMatrixView(out + at, rows: rows, columns: size, lead: width))
            first += rows
          }
        }
      }
    }
  }

  /// Gradients `dq[N, width]` and `dkv[M, 2 width]`, which begins as zeros, from that of the output; `dbias`, zeros
  /// [sequences, buckets, heads], gets each sequence's gradient of the biases.
  ///
  /// With P the probabilities, dP = dO V^T and D = rowsum(dO * O): dS = P * (dP - D), dQ = scale dS K,
  /// dK = scale dS^T Q, dV = P^T dO; a bias has the sum of dS over the scores that it is added to.
  package static func backward(
    _ shape: CrossAttentionShape, _ queries: Segments, _ keys: Segments, _ q: Floats, _ kv: Floats,
    _ bias: RelativeBias?, _ out: Floats, _ lse: Floats, _ dout: Floats, _ dq: MutableFloats,
    _ dkv: MutableFloats, _ dbias: MutableFloats?
  ) {
    let (heads, width, size) = (shape.heads, shape.width, shape.headSize)
    let half = tile * max(keys.longest, 1)
    let span = bias?.places.count ?? 0
    Parallel.ranges(queries.count * heads, grain: 1) { pieces in
      AttentionKernels.withScores(2 * half + span) { scratch in
        let (p, ds, sums) = (scratch, scratch + half, scratch + 2 * half)
        for piece in pieces {
          let (sequence, head) = (piece / heads, piece % heads)
          let (start, length) = (queries.starts[sequence], queries.length(sequence))
          let memory = keys.starts[sequence] * 2 * width
          let ((k, v), (dk, dv)) = (places(shape, head, kv + memory), places(shape, head, dkv + memory))
          sums.update(repeating: 0, count: span)
          var first = 0
          while first < length && !Parallel.isCut {
            let rows = min(tile, length - first)
            let total = shape.isCausal ? first + rows : keys.length(sequence)
            let at = (start + first) * width + head * size
            let query = MatrixView(q + at, rows: rows, columns: size, lead: width)
            let doutput = MatrixView(dout + at, rows: rows, columns: size, lead: width)
            let key = MatrixView(k, rows: total, columns: size, lead: 2 * width)
            let value = MatrixView(v, rows: total, columns: size, lead: 2 * width)
            Gemm.single(
              query, key.transposed, into: MutableMatrixView(p, rows: rows, columns: total),
              alpha: shape.scale)
            Gemm.single(
              doutput, value.transposed, into: MutableMatrixView(ds, rows: rows, columns: total))
            for row in 0..<rows {
              let (position, x, dx) = (first + row, p + row * total, ds + row * total)
              bias?.add(x, head, position, total)
              ActivationKernels.softmaxGradient(
                x, dx, lse[(start + position) * heads + head],
                dot(dout + at + row * width, out + at + row * width, size),
                valid: shape.isCausal ? position + 1 : total, total: total)
              if let bias { addScaled(sums + bias.centre - position, 1, dx, total) }
            }
            let dscores = MatrixView(ds, rows: rows, columns: total)
            let probabilities = MatrixView(p, rows: rows, columns: total)
            Gemm.single(
              dscores, key, into: MutableMatrixView(dq + at, rows: rows, columns: size, lead: width),
              alpha: shape.scale)
            Gemm.single(
              dscores.transposed, query,
              into: MutableMatrixView(dk, rows: total, columns: size, lead: 2 * width), alpha: shape.scale,
              beta: 1)
            Gemm.single(
              probabilities.transposed, doutput,
              into: MutableMatrixView(dv, rows: total, columns: size, lead: 2 * width), beta: 1)
            first += rows
          }
          if let bias, let dbias {
            let own = dbias + sequence * bias.buckets * heads + head
            for (place, bucket) in bias.places.enumerated() { own[bucket * heads] += sums[place] }
          }
        }
      }
    }
  }

  /// Where the keys and the values of a head begin.
  @inline(__always)
  private static func places<P: Strideable>(_ shape: CrossAttentionShape, _ head: Int, _ kv: P) -> (P, P)
  where P.Stride == Int {
    let key = kv.advanced(by: head * shape.headSize)
    return (key, key.advanced(by: shape.width))
  }
}
