/// The language-model head: log-probabilities of given tokens from hidden states, forward and backward.
///
/// Without a gradient, rows are taken in chunks, so that their logits stay small. When a gradient will be
/// asked for, the exponentials of all rows are kept, since computing them again would cost another product with the
/// whole vocabulary; they become the gradient of the logits in place.
import Base

package enum HeadKernels {
  /// Logits of a chunk: 16 MB, more only where 32 rows take more.
  private static let chunkMax = 1 << 22
  /// Rows of a chunk: the packed weights serve all of them.
  private static func chunk(_ vocabulary: Int) -> Int { max(32, chunkMax / max(vocabulary, 1) / 32 * 32) }

  /// `logps[i]` = log softmax(hidden[i] W^T / temperature)[ids[i]]. With `kept` [N, V] the exponentials of the logits
  /// less their row's maximum are left there, and their sums in `sums` [N].
  package static func tokenLogps(
    hidden: Floats, weight: Floats, ids: UnsafePointer<Int64>, rows: Int, width: Int, vocabulary: Int,
    temperature: Float, logps: MutableFloats, kept: (exponentials: MutableFloats, sums: MutableFloats)?
  ) throws {
    let step = kept == nil ? min(chunk(vocabulary), max(rows, 1)) : max(rows, 1)
    let scratch = kept == nil ? try Tensor(uninitialized: [step, vocabulary], .f32) : nil
    guard let logits = kept?.exponentials ?? scratch?.pointer(Float.self) else { return }
    for start in stride(from: 0, to: rows, by: step) {
      Gemm.run(
        false, true, min(step, rows - start), vocabulary, width, 1 / temperature, hidden + start * width,
        width, weight,
        width, 0, logits, vocabulary,
        after: { range in
          for i in range {
            let x = logits + i * vocabulary
            let logit = x[Int(ids[start + i])]
            let (peak, sum) = ActivationKernels.exponentials(x, x, vocabulary)
            logps[start + i] = logit - peak - Libm.log(sum)
            kept?.sums[i] = sum
          }
        })
    }
    withExtendedLifetime(scratch) {}
  }

  /// Turns kept exponentials into the gradient of the logits: g_i (onehot - p_i) / temperature, in place.
  package static func logitGradient(
    _ kept: MutableFloats, sums: Floats, ids: UnsafePointer<Int64>, gradient: Floats, _ rows: Range<Int>,
    vocabulary: Int, temperature: Float
  ) {
    for row in rows {
      let g = gradient[row] / temperature
      let x = kept + row * vocabulary
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
        false, true, count, vocabulary, policyWidth, 1, policy + start * policyWidth, policyWidth,
        policyWeight,
        policyWidth, 0, a, vocabulary)
      Gemm.run(
        false, true, count, vocabulary, referenceWidth, 1, reference + start * referenceWidth, referenceWidth,
        referenceWeight, referenceWidth, 0, b, vocabulary,
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
