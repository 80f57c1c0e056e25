/// The language-model head: log-probabilities of given tokens from hidden states, forward and backward.
///
/// If no gradient is needed, rows are computed in chunks, whose logits are small. If one is, the exponentials
/// of all rows are saved, since computing them again would cost another product with the whole vocabulary;
/// the backward pass turns them into the gradient of the logits in place.
import Base

package enum HeadKernels {
  /// Logits of a chunk: 16 MB, or 32 rows if those are larger.
  private static let chunkMax = 1 << 22
  /// Rows of a chunk; they share the packed weights.
  private static func chunk(_ vocabulary: Int) -> Int { max(32, chunkMax / max(vocabulary, 1) / 32 * 32) }

  /// `logps[i]` = log softmax(hidden[i] W^T / temperature)[ids[i]]. If `saved` is given, it receives the
  /// exponentials of the logits minus their row's maximum [N, V], and the sums of those [N].
  package static func tokenLogps(
    hidden: Floats, weight: Floats, ids: UnsafePointer<Int64>, rows: Int, width: Int, vocabulary: Int,
    temperature: Float, logps: MutableFloats, saved: (exponentials: MutableFloats, sums: MutableFloats)?
  ) throws {
    let step = saved == nil ? min(chunk(vocabulary), max(rows, 1)) : max(rows, 1)
    let scratch = saved == nil ? try Tensor(uninitialized: [step, vocabulary], .f32) : nil
    guard let logits = saved?.exponentials ?? scratch?.pointer(Float.self) else { return }
    for start in stride(from: 0, to: rows, by: step) {
      let count = min(step, rows - start)
      Gemm.run(
        MatrixView(hidden + start * width, rows: count, columns: width),
        MatrixView(weight, rows: vocabulary, columns: width).transposed,
        into: MutableMatrixView(logits, rows: count, columns: vocabulary), alpha: 1 / temperature,
        after: { range in
          for i in range {
            let x = logits + i * vocabulary
            let logit = x[Int(ids[start + i])]
            let (peak, sum) = ActivationKernels.exponentials(x, x, vocabulary)
            logps[start + i] = logit - peak - Libm.log(sum)
            saved?.sums[i] = sum
          }
        })
    }
    withExtendedLifetime(scratch) {}
  }

  /// Replaces saved exponentials by the gradient of the logits, g_i (onehot - p_i) / temperature.
  package static func logitGradient(
    _ exponentials: MutableFloats, sums: Floats, ids: UnsafePointer<Int64>, gradient: Floats,
    _ rows: Range<Int>,
    vocabulary: Int, temperature: Float
  ) {
    for row in rows {
      let g = gradient[row] / temperature
      let x = exponentials + row * vocabulary
      ActivationKernels.scale(x, -g / sums[row], vocabulary)
      x[Int(ids[row])] += g
    }
  }

  /// The exact KL(policy || reference) at each row, over the whole vocabulary, and the policy's entropy.
  package static func divergence(
    policy: Floats, policyWeight: Floats, policyWidth: Int, reference: Floats, referenceWeight: Floats,
    referenceWidth: Int, rows: Int, vocabulary: Int, kl: MutableFloats, entropy: MutableFloats
  ) throws {
    let step = min(chunk(vocabulary), max(rows, 1))
    let logits = try Tensor(uninitialized: [2, step, vocabulary], .f32)
    let a = logits.pointer(Float.self)
    let b = a + step * vocabulary
    for start in stride(from: 0, to: rows, by: step) {
      let count = min(step, rows - start)
      Gemm.run(
        MatrixView(policy + start * policyWidth, rows: count, columns: policyWidth),
        MatrixView(policyWeight, rows: vocabulary, columns: policyWidth).transposed,
        into: MutableMatrixView(a, rows: count, columns: vocabulary))
      Gemm.run(
        MatrixView(reference + start * referenceWidth, rows: count, columns: referenceWidth),
        MatrixView(referenceWeight, rows: vocabulary, columns: referenceWidth).transposed,
        into: MutableMatrixView(b, rows: count, columns: vocabulary),
        after: { range in
          withUnsafeTemporaryAllocation(of: Float.self, capacity: vocabulary) { scratch in
            guard let p = scratch.baseAddress else { return }
            for i in range {
              (kl[start + i], entropy[start + i]) = divergenceRow(
                a + i * vocabulary, b + i * vocabulary, p, vocabulary)
            }
          }
        })
    }
    withExtendedLifetime(logits) {}
  }

  /// KL = sum p (log p - log q); the sums run in double precision, because terms of both signs nearly cancel.
  private static func divergenceRow(_ a: Floats, _ b: Floats, _ p: MutableFloats, _ count: Int) -> (
    Float, Float
  ) {
    let (peakB, sumB) = ActivationKernels.exponentials(b, p, count)
    let (peakA, sumA) = ActivationKernels.exponentials(a, p, count)
    let normA = peakA + Libm.log(sumA)
    let normB = peakB + Libm.log(sumB)
    var (kl, entropy) = (0.0, 0.0)
    for i in 0..<count {
      let probability = Double(p[i])
      if probability == 0 { continue }
      kl += probability * Double((a[i] - normA) - (b[i] - normB))
      entropy -= probability * Double(a[i] - normA)
    }
    let total = Double(sumA)
    return (Float(kl / total), Float(entropy / total))
  }
}
