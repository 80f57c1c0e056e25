/// How each layer of a configuration attends: its scale, its window, its rotary frequencies.
import Base
import Tensors

extension TransformerConfig {
  /// Whether a layer, counted from 0, attends to a window only.
  func isSliding(_ layer: Int) -> Bool {
    let letters = layerPattern.utf8
    return letters[letters.index(letters.startIndex, offsetBy: layer % letters.count)] == UInt8(ascii: "s")
  }

  /// The same computation with fields that have no effect at their defaults.
  var canonical: TransformerConfig {
    var result = self
    let standard = TransformerConfig()
    let letters = (0..<layers).map { isSliding($0) ? "s" : "f" }
    let period = (1...max(layers, 1)).first { n in
      letters.indices.allSatisfy { letters[$0] == letters[$0 % n] }
    }
    result.layerPattern = letters.prefix(period ?? layers).joined()
    if !letters.contains("s") { (result.slidingWindow, result.ropeLocalBase) = (0, 0) }
    if !hasEncoder {
      (result.relativeBuckets, result.relativeDistance) = (
        standard.relativeBuckets, standard.relativeDistance
      )
      (result.startToken, result.eosToken) = (standard.startToken, standard.eosToken)
    }
    if positions == .relative { result.maxLength = Self.relativeLength }
    if positions != .rotary { (result.ropeBase, result.ropeKind) = (standard.ropeBase, .plain) }
    if result.ropeKind == .plain { result.ropeFactor = standard.ropeFactor }
    let hasLength = result.ropeKind == .llama3 || result.ropeKind == .yarn
    result.ropeOriginalLength = hasLength ? (ropeOriginalLength == 0 ? maxLength : ropeOriginalLength) : 0
    if result.ropeKind != .llama3 {
      (result.ropeLowFactor, result.ropeHighFactor) = (standard.ropeLowFactor, standard.ropeHighFactor)
    }
    if result.ropeKind != .yarn {
      (result.ropeBetaFast, result.ropeBetaSlow) = (standard.ropeBetaFast, standard.ropeBetaSlow)
      result.ropeAttentionFactor = 0
    }
    if head == .score { result.tied = true } else if !hasEncoder { result.padTokenId = -1 }
    return result
  }

  /// Whether a layer's rotary frequencies are those of `ropeLocalBase`.
  func isLocal(_ layer: Int) -> Bool { ropeLocalBase != 0 && isSliding(layer) }

  /// Tokens that a token of the layer attends to; 0 for all before it.
  func window(_ layer: Int) -> Int { isSliding(layer) ? slidingWindow : 0 }

  /// The factor of the scores; 0 for 1 / sqrt(headDim).
  func scoreScale(_ layer: Int) -> Double {
    let magnitude = positions == .rotary && !isLocal(layer) ? ropeMagnitude : 1
    if magnitude == 1 { return attentionScale }
    let scale = attentionScale == 0 ? 1 / Double(headDim).squareRoot() : attentionScale
    return scale * magnitude * magnitude
  }

  func attentionShape(_ layer: Int) -> AttentionShape {
    let (scale, window) = (scoreScale(layer), window(layer))
    return AttentionShape(
      heads: heads, keyHeads: kvHeads, headSize: headDim, scale: scale == 0 ? nil : scale,
      softcap: attentionSoftcap, window: window == 0 ? .max : window)
  }

  /// The rotary angles of sliding layers or of the others.
  func rotary(isLocal: Bool, positions: Int) -> Rotary {
    Rotary(
      base: isLocal ? ropeLocalBase : ropeBase, headSize: headDim, positions: positions,
      divisors: isLocal ? [] : ropeDivisors)
  }
}
