/// Draws one token from a row of logits.
import Base
import Tensors

struct TokenDraw {
  let id: Int
  /// Log-probability under the model's softmax.
  let logp: Float
  /// Log-probability under the distribution it was drawn from.
  let samplingLogp: Float
}

extension SamplingOptions {
  /// Nil if the logits define no distribution: one is NaN, or the largest is infinite.
  func draw(_ logits: Floats, vocabulary: Int, uniform: Double, scratch: MutableFloats) -> TokenDraw? {
    let (peak, sum) = ActivationKernels.exponentials(logits, scratch, vocabulary)
    if !sum.isFinite { return nil }
    let normaliser = peak + Libm.log(sum)
    if temperature == 0 {
      let id = position(of: peak, logits, vocabulary)
      return TokenDraw(id: id, logp: logits[id] - normaliser, samplingLogp: 0)
    }
    if temperature == 1 && drawsFromWholeVocabulary {
      let id = Self.invert(scratch, vocabulary, uniform)
      let logp = logits[id] - normaliser
      return TokenDraw(id: id, logp: logp, samplingLogp: logp)
    }
    return drawFiltered(logits, vocabulary, uniform, peak, normaliser, scratch)
  }

  private func drawFiltered(
    _ logits: Floats, _ vocabulary: Int, _ uniform: Double, _ peak: Float, _ normaliser: Float,
    _ scratch: MutableFloats
  ) -> TokenDraw {
    // Subtract the peak first and clamp the factor: at the lowest temperatures the rest is -inf and the peak 0.
    let inverse = min(Float(1 / temperature), .greatestFiniteMagnitude)
    for i in 0..<vocabulary { scratch[i] = (logits[i] - peak) * inverse }
    let (_, sum) = ActivationKernels.exponentials(scratch, scratch, vocabulary)
    if drawsFromWholeVocabulary {
      let id = Self.invert(scratch, vocabulary, uniform)
      return TokenDraw(
        id: id, logp: logits[id] - normaliser, samplingLogp: Libm.log(scratch[id] / sum))
    }
    let candidates = keep(scratch, vocabulary, Double(sum))
    let mass = candidates.reduce(0.0) { $0 + Double(scratch[$1]) }
    var left = uniform * mass
    var id = candidates[candidates.count - 1]
    for candidate in candidates {
      left -= Double(scratch[candidate])
      if left < 0 {
        id = candidate
        break
      }
    }
    return TokenDraw(
      id: id, logp: logits[id] - normaliser, samplingLogp: Libm.log(scratch[id] / Float(mass)))
  }

  /// The tokens that pass the filters, most likely first; at least one. Filters apply in the order of `transformers`:
  /// top-k, top-p over the rest, min-p.
  private func keep(_ weights: Floats, _ vocabulary: Int, _ sum: Double) -> [Int] {
    var order = Array(0..<vocabulary).sorted { a, b in
      weights[a] != weights[b] ? weights[a] > weights[b] : a < b
    }
    if topK > 0 && topK < order.count { order.removeLast(order.count - topK) }
    if topP < 1 {
      let total = order.reduce(0.0) { $0 + Double(weights[$1]) }
      var covered = 0.0
      var count = 0
      while count < order.count && covered < topP * total {
        covered += Double(weights[order[count]])
        count += 1
      }
      order.removeLast(order.count - max(count, 1))
    }
    if minP > 0 {
      let floor = Float(minP) * weights[order[0]]
      order = order.filter { weights[$0] >= floor }
    }
    return order
  }

  private func position(of peak: Float, _ x: Floats, _ count: Int) -> Int {
    for i in 0..<count where x[i] == peak { return i }
    return 0
  }

  /// Weights whose sum is one step of the search.
  private static let blockSize = 64

  /// The first index whose cumulative weight exceeds `uniform` times the sum; searches blocks, then one block.
  private static func invert(_ weights: Floats, _ count: Int, _ uniform: Double) -> Int {
    var total = 0.0
    for start in stride(from: 0, to: count, by: blockSize) { total += blockSum(weights, start, count) }
    // Rounding can move the search past its end; it then returns the last block, or weight, that is not 0.
    var (here, left) = (0, uniform * total)
    var before = left
    for start in stride(from: 0, to: count, by: blockSize) {
      let sum = blockSum(weights, start, count)
      if sum == 0 { continue }
      (here, before) = (start, left)
      left -= sum
      if left < 0 { break }
    }
    var last = here
    for i in here..<min(here + blockSize, count) where weights[i] != 0 {
      last = i
      before -= Double(weights[i])
      if before < 0 { break }
    }
    return last
  }

  @inline(__always)
  private static func blockSum(_ weights: Floats, _ start: Int, _ count: Int) -> Double {
    if start + blockSize > count { return (start..<count).reduce(0.0) { $0 + Double(weights[$1]) } }
    var (a, b) = (load(weights + start), load(weights + start + 8))
    for i in stride(from: 16, to: blockSize, by: 16) {
      a += load(weights + start + i)
      b += load(weights + start + i + 8)
    }
    return Double(sum(a + b))
  }
}
