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

  /// What the backward pass needs: the exponentials of the logits minus their row's maximum [N, V], the sums of
  /// those [N], and the slopes of bounded logits [N, V].
  package struct Saved {
    let exponentials, sums: MutableFloats
    let slopes: MutableFloats?

    package init(exponentials: MutableFloats, sums: MutableFloats, slopes: MutableFloats?) {
      (self.exponentials, self.sums, self.slopes) = (exponentials, sums, slopes)
    }
  }

  /// `logps[i]` = log softmax(cap(hidden[i] W^T) / temperature)[ids[i]]; a `softcap` of 0 is no bound.
  package static func tokenLogps(
    hidden: Floats, weight: LinearWeights, ids: UnsafePointer<Int64>, rows: Int, temperature: Float,
    softcap: Float,
    logps: MutableFloats, saved: Saved?
  ) throws {
    let (width, vocabulary) = (weight.inputs, weight.outputs)
    let workspace = try weight.workspace()
    let step = saved == nil ? min(chunk(vocabulary), max(rows, 1)) : max(rows, 1)
    let scratch = saved == nil ? try Tensor(uninitialized: [step, vocabulary], .f32) : nil
    guard let logits = saved?.exponentials ?? scratch?.pointer(Float.self) else { return }
    for start in stride(from: 0, to: rows, by: step) {
      let count = min(step, rows - start)
      weight.multiply(
        hidden + start * width, rows: count, into: logits, workspace: workspace?.pointer(Float.self),
        alpha: softcap > 0 ? 1 : 1 / temperature,
        after: { range in
          for i in range {
            let x = logits + i * vocabulary
            if softcap > 0 {
              ActivationKernels.softcap(
                x, softcap, vocabulary, slopes: saved?.slopes.map { $0 + i * vocabulary })
              ActivationKernels.scale(x, 1 / temperature, vocabulary)
            }
            let logit = x[Int(ids[start + i])]
            let (peak, sum) = ActivationKernels.exponentials(x, x, vocabulary)
            logps[start + i] = logit - peak - Libm.log(sum)
            saved?.sums[i] = sum
          }
        })
    }
    withExtendedLifetime((scratch, workspace)) {}
  }

  /// Replaces saved exponentials by the gradient of the logits, g_i (onehot - p_i) / temperature.
  package static func logitGradient(
    _ saved: Saved, ids: UnsafePointer<Int64>, gradient: Floats, _ rows: Range<Int>, vocabulary: Int,
    temperature: Float
  ) {
    for row in rows {
      let g = gradient[row] / temperature
      let x = saved.exponentials + row * vocabulary
      ActivationKernels.scale(x, -g / saved.sums[row], vocabulary)
      x[Int(ids[row])] += g
      if let slopes = saved.slopes { VectorMath.zip(x, slopes + row * vocabulary, x, vocabulary) { $0 * $1 } }
    }
  }

  /// The exact KL(policy || reference) at each row, over the whole vocabulary, and the policy's entropy.
  package static func divergence(
    policy: Floats, policyWeight: LinearWeights, reference: Floats, referenceWeight: LinearWeights,
    softcaps: (policy: Float, reference: Float), rows: Int, kl: MutableFloats, entropy: MutableFloats
  ) throws {
    let vocabulary = policyWeight.outputs
    let workspaces = (try policyWeight.workspace(), try referenceWeight.workspace())
    let step = min(chunk(vocabulary), max(rows, 1))
    let logits = try Tensor(uninitialized: [2, step, vocabulary], .f32)
    let a = logits.pointer(Float.self)
    let b = a + step * vocabulary
    for start in stride(from: 0, to: rows, by: step) {
      let count = min(step, rows - start)
      policyWeight.multiply(
        policy + start * policyWeight.inputs, rows: count, into: a,
        workspace: workspaces.0?.pointer(Float.self))
      referenceWeight.multiply(
        reference + start * referenceWeight.inputs, rows: count, into: b,
        workspace: workspaces.1?.pointer(Float.self),
        after: { range in
          withUnsafeTemporaryAllocation(of: Float.self, capacity: vocabulary) { scratch in
            guard let p = scratch.baseAddress else { return }
            for i in range {
              for (x, cap) in [(a, softcaps.policy), (b, softcaps.reference)] where cap > 0 {
                ActivationKernels.softcap(x + i * vocabulary, cap, vocabulary)
              }
              (kl[start + i], entropy[start + i]) = divergenceRow(
                a + i * vocabulary, b + i * vocabulary, p, vocabulary)
            }
          }
        })
    }
    withExtendedLifetime((logits, workspaces)) {}
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
