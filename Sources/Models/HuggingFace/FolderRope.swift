/// The rotary settings of a config.json, in both spellings.
///
/// Before transformers 5: `rope_theta` and `rope_scaling {type or rope_type, factor, ...}`. Since then:
/// `rope_parameters {rope_type, rope_theta, factor, ...}`, in Gemma 3 one such object for each kind of layer.
import Base
import Formats

extension FolderConfig {
  private static let full = "full_attention"
  private static let sliding = "sliding_attention"

  /// Reads the settings into `config`. `base` and `localBase` are those of the family where none are given; a
  /// family without `localBase` has one base for all layers.
  func readRope(into config: inout TransformerConfig, base: Double = 10_000, localBase: Double? = nil) throws
  {
    if let new = self["rope_parameters"], let old = self["rope_scaling"], new != old {
      throw bad("rope_scaling", "no other settings than those of 'rope_parameters'")
    }
    var own = try object("rope_parameters") ?? object("rope_scaling")
    if let partial = self["partial_rotary_factor"], partial.double != 1 {
      throw bad("partial_rotary_factor", "1: heads that rotate in part are not computed here")
    }
    config.ropeBase = try number("rope_theta", otherwise: base)
    if let localBase {
      config.ropeLocalBase = try number("rope_local_base_freq", otherwise: localBase)
      if let nested = own, nested[Self.full] != nil || nested[Self.sliding] != nil {
        if let local = try nested.object(Self.sliding) {
          config.ropeLocalBase = try local.number("rope_theta", otherwise: localBase)
          if try local.kind() != .plain {
            throw local.bad("rope_type", "\"default\" in sliding layers")
          }
        }
        own = try nested.object(Self.full)
      }
    }
    guard let own else { return }
    if own[Self.full] != nil || own[Self.sliding] != nil {
      throw bad("rope_parameters", "one object for all layers")
    }
    config.ropeBase = try own.number("rope_theta", otherwise: config.ropeBase)
    config.ropeKind = try own.kind()
    if let partial = own["partial_rotary_factor"], partial.double != 1 {
      throw own.bad("partial_rotary_factor", "1: heads that rotate in part are not computed here")
    }
    if config.ropeKind == .plain { return }
    config.ropeFactor = try own.number("factor")
    if config.ropeKind == .linear { return }
    config.ropeOriginalLength = try own.size(
      "original_max_position_embeddings",
      otherwise: try size("original_max_position_embeddings", otherwise: config.maxLength))
    if config.ropeKind == .llama3 {
      config.ropeLowFactor = try own.number("low_freq_factor")
      config.ropeHighFactor = try own.number("high_freq_factor")
    } else {
      try own.readYarn(into: &config)
    }
  }

  private func kind() throws -> TransformerConfig.RopeKind {
    let key = self["rope_type"] == nil ? "type" : "rope_type"
    let known = TransformerConfig.RopeKind.allCases.map { ($0.rawValue, $0) }
    return try choice(key, otherwise: "default", Dictionary(uniqueKeysWithValues: known))
  }

  private func readYarn(into config: inout TransformerConfig) throws {
    try refuse(["truncate"], unless: { $0 == .bool(true) }, "expected true or nothing")
    config.ropeBetaFast = try number("beta_fast", otherwise: 32)
    config.ropeBetaSlow = try number("beta_slow", otherwise: 1)
    let factor = config.ropeFactor
    func magnitude(_ scale: Double) -> Double { factor <= 1 ? 1 : 0.1 * scale * Libm.log(factor) + 1 }
    if self["attention_factor"] != nil {
      config.ropeAttentionFactor = try number("attention_factor")
    } else if self["mscale"] != nil && self["mscale_all_dim"] != nil {
      let (scale, all) = (try number("mscale"), try number("mscale_all_dim"))
      if scale != 0 && all != 0 { config.ropeAttentionFactor = magnitude(scale) / magnitude(all) }
    }
  }

  /// The members of `rope_parameters` that say what `config` does.
  static func rope(_ config: TransformerConfig) -> [JSONMember] {
    let own = ropeParameters(config)
    if config.ropeLocalBase == 0 { return own }
    let local = [
      JSONMember("rope_type", "default"), JSONMember("rope_theta", .number(config.ropeLocalBase)),
    ]
    return [JSONMember(full, .object(own)), JSONMember(sliding, .object(local))]
  }

  private static func ropeParameters(_ c: TransformerConfig) -> [JSONMember] {
    let numbers: [(String, Double)]
    switch c.ropeKind {
    case .plain: numbers = []
    case .linear: numbers = [("factor", c.ropeFactor)]
    case .llama3:
      numbers = [
        ("factor", c.ropeFactor), ("low_freq_factor", c.ropeLowFactor),
        ("high_freq_factor", c.ropeHighFactor),
      ]
    case .yarn:
      numbers =
        [("factor", c.ropeFactor), ("beta_fast", c.ropeBetaFast), ("beta_slow", c.ropeBetaSlow)]
        + (c.ropeAttentionFactor == 0 ? [] : [("attention_factor", c.ropeAttentionFactor)])
    }
    let length =
      c.ropeKind == .llama3 || c.ropeKind == .yarn
      ? [JSONMember("original_max_position_embeddings", .integer(c.ropeOriginalLength))] : []
    return [
      JSONMember("rope_type", .string(c.ropeKind.rawValue)), JSONMember("rope_theta", .number(c.ropeBase)),
    ]
      + numbers.map { JSONMember($0, .number($1)) } + length
  }
}
