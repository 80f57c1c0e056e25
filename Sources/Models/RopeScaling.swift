/// How the rotary frequencies of a model trained on short sequences are stretched for longer ones.
///
/// Each kind divides the frequency of a pair by a number. YaRN also scales cosines and sines by a factor m;
/// since queries and keys both carry it, that is a factor m^2 of the scores.
import Base

extension TransformerConfig {
  /// Which pairs a model divides, and by what.
  public enum RopeKind: String, Sendable, CaseIterable {
    case plain = "default"
    /// All by `rope_factor`. Chen et al. 2023, arXiv:2306.15595.
    case linear
    /// Those of long wavelength, with a ramp. Llama 3.1's model card.
    case llama3
    /// A ramp by the number of turns in the original length. Peng et al. 2023, arXiv:2309.00071, sec. 3.2.
    case yarn
  }

  /// The divisors of the frequencies, one for each pair of a head; none where all are 1.
  var ropeDivisors: [Double] {
    let pairs = headDim / 2
    let length = Double(ropeOriginalLength == 0 ? maxLength : ropeOriginalLength)
    let rates = (0..<pairs).map { Libm.pow(ropeBase, -2 * Double($0) / Double(headDim)) }
    switch ropeKind {
    case .plain: return []
    case .linear: return rates.map { _ in ropeFactor }
    case .llama3:
      return rates.map { rate in
        let turns = length * rate / (2 * .pi)
        if turns > ropeHighFactor { return 1 }
        if turns < ropeLowFactor { return ropeFactor }
        let smooth = (turns - ropeLowFactor) / (ropeHighFactor - ropeLowFactor)
        return 1 / ((1 - smooth) / ropeFactor + smooth)
      }
    case .yarn:
      /// The pair that makes this many turns in the original length.
      func pair(turns: Double) -> Double {
        Double(headDim) * Libm.log(length / (turns * 2 * .pi)) / (2 * Libm.log(ropeBase))
      }
      let low = max(pair(turns: ropeBetaFast).rounded(.down), 0)
      var high = min(pair(turns: ropeBetaSlow).rounded(.up), Double(headDim - 1))
      if high == low { high += 0.001 }
      return (0..<pairs).map { i in
        let ramp = min(max((Double(i) - low) / (high - low), 0), 1)
        return 1 / (ramp / ropeFactor + 1 - ramp)
      }
    }
  }

  /// The factor of cosines and sines; 0 in the configuration is YaRN's own, 0.1 log(factor) + 1.
  var ropeMagnitude: Double {
    if ropeKind != .yarn { return 1 }
    if ropeAttentionFactor != 0 { return ropeAttentionFactor }
    return ropeFactor <= 1 ? 1 : 0.1 * Libm.log(ropeFactor) + 1
  }
}
