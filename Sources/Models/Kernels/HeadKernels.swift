/// The language-model head: log-probabilities of given tokens from hidden states, forward and backward.
///
/// Rows are taken in chunks whose logits fit in cache. When a gradient will be asked for, the chunk's probabilities
/// are kept, since computing them again would cost another product with the whole vocabulary.
import Base
import Tensors

enum HeadKernels {
  /// Logits per chunk: half a million floats are 2 MB, about a second-level cache.
  private static func chunk(_ vocabulary: Int) -> Int { max(8, min(256, 524_288 / max(vocabulary, 1)) / 8 * 8) }

  /// `logps[i]` = log softmax(hidden[i] W^T / temperature)[ids[i]]; `entropy` likewise if given. Keeps probabilities
  /// in `kept[N, V]` if given.
  static func tokenLogps(
    hidden: Floats, weight: Floats, ids: UnsafePointer<Int64>, rows: Int, width: Int, vocabulary: Int,
    temperature: Float, logps: MutableFloats, kept: MutableFloats?
  ) {
    let step = chunk(vocabulary)
    Parallel.ranges(rows, grain: step) { range in
      func work(_ scratch: MutableFloats) {
        Gemm.single(
          false, true, range.count, vocabulary, width, 1 / temperature, hidden + range.lowerBound * width, width,
          weight, width, 0, scratch, vocabulary)
        for row in range {
          let x = scratch + (row - range.lowerBound) * vocabulary
          let id = Int(ids[row])
          let logit = x[id]
          let (peak, sum) = ActivationKernels.exponentials(x, x, vocabulary)
          logps[row] = logit - peak - ActivationKernels.log(sum)
          if kept != nil { ActivationKernels.scale(x, 1 / sum, vocabulary) }
        }
      }
      if let kept {
        work(kept + range.lowerBound * vocabulary)
      } else {
        withUnsafeTemporaryAllocation(of: Float.self, capacity: range.count * vocabulary) { scratch in
          if let base = scratch.baseAddress { work(base) }
        }
      }
    }
  }

  /// Turns kept probabilities into the gradient of the logits: g_i (onehot - p_i) / temperature, in place.
  static func logitGradient(
    _ kept: MutableFloats, ids: UnsafePointer<Int64>, gradient: Floats, rows: Int, vocabulary: Int, temperature: Float
  ) {
    Parallel.ranges(rows, grain: chunk(vocabulary)) { range in
      for row in range {
        let g = gradient[row] / temperature
        let x = kept + row * vocabulary
        ActivationKernels.scale(x, -g, vocabulary)
        x[Int(ids[row])] += g
      }
    }
  }

  /// The exact KL(policy || reference) at each row, over the whole vocabulary, and the policy's entropy.
  static func divergence(
    policy: Floats, policyWeight: Floats, policyWidth: Int, reference: Floats, referenceWeight: Floats,
    referenceWidth: Int, rows: Int, vocabulary: Int, kl: MutableFloats, entropy: MutableFloats
  ) {
    let step = chunk(vocabulary)
    Parallel.ranges(rows, grain: step) { range in
      let room = range.count * vocabulary
      withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * room + vocabulary) { scratch in
        guard let a = scratch.baseAddress else { return }
        let b = a + room
        let p = b + room
        Gemm.single(
          false, true, range.count, vocabulary, policyWidth, 1, policy + range.lowerBound * policyWidth, policyWidth,
          policyWeight, policyWidth, 0, a, vocabulary)
        Gemm.single(
          false, true, range.count, vocabulary, referenceWidth, 1, reference + range.lowerBound * referenceWidth,
          referenceWidth, referenceWeight, referenceWidth, 0, b, vocabulary)
        for row in range {
          let at = (row - range.lowerBound) * vocabulary
          (kl[row], entropy[row]) = divergenceRow(a + at, b + at, p, vocabulary)
        }
      }
    }
  }

  /// KL = sum p (log p - log q); the sums run in double precision, because terms of both signs nearly cancel.
  private static func divergenceRow(_ a: Floats, _ b: Floats, _ p: MutableFloats, _ count: Int) -> (Float, Float) {
    let (peakB, sumB) = ActivationKernels.exponentials(b, p, count)
    let (peakA, sumA) = ActivationKernels.exponentials(a, p, count)
    let normA = peakA + ActivationKernels.log(sumA)
    let normB = peakB + ActivationKernels.log(sumB)
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
