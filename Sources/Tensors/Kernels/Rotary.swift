/// Rotary position embeddings, on adjacent pairs of a head's elements (the interleaved form of llama2.c).
///
/// Element pair i of a head at position t is rotated by the angle t * base^(-2i / headSize), divided by the
/// pair's divisor where a model has them. Su et al., "RoFormer", arXiv 2104.09864, eq. 15 and 34.
import Base

package struct Rotary {
  package let headSize: Int
  /// cos and sin of each (position, pair), interleaved.
  private let table: [Float]
  /// The angle from one position to the next, of each pair.
  private let rates: [Double]

  /// `divisors` has one number for each pair, or none.
  package init(base: Double, headSize: Int, positions: Int, divisors: [Double] = []) {
    self.headSize = headSize
    var rates = (0..<headSize / 2).map { pow(base, -2 * Double($0) / Double(headSize)) }
    for (i, divisor) in divisors.enumerated() { rates[i] /= divisor }
    var table: [Float] = []
    table.reserveCapacity(positions * headSize)
    for position in 0..<positions {
      for rate in rates {
        table.append(Float(cos(Double(position) * rate)))
        table.append(Float(sin(Double(position) * rate)))
      }
    }
    (self.rates, self.table) = (rates, table)
  }

  /// Rotates `heads` consecutive heads, forward or (for gradients) back.
  @inline(__always)
  package func rotate(_ x: Floats, _ y: MutableFloats, heads: Int, position: Int, back: Bool) {
    table.withUnsafeBufferPointer { all in
      guard let base = all.baseAddress else { return }
      let turn = base + position * headSize
      for head in 0..<heads {
        let (from, to) = (x + head * headSize, y + head * headSize)
        var i = 0
        while i < headSize {
          let (c, s) = (turn[i], back ? -turn[i + 1] : turn[i + 1])
          let (a, b) = (from[i], from[i + 1])
          to[i] = a * c - b * s
          to[i + 1] = a * s + b * c
          i += 2
        }
      }
    }
  }

  /// For the composed form: for each position and element, the factors of the element and of its partner in
  /// the pair.
  package func factors(_ positions: Int) -> (own: [Double], partner: [Double]) {
    var own: [Double] = []
    var partner: [Double] = []
    for position in 0..<positions {
      for rate in rates {
        let angle = Double(position) * rate
        own += [cos(angle), cos(angle)]
        partner += [-sin(angle), sin(angle)]
      }
    }
    return (own, partner)
  }
}
