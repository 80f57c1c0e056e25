/// Which modules of a model get low-rank adapters, of which rank and scale: the fields of PEFT's LoraConfig.
import Base
import Formats

public struct LoRA: Equatable, Sendable {
  public enum Targets: Equatable, Sendable {
    /// Every linear map but the head, as PEFT's "all-linear".
    case all
    /// Whole names of modules, or their last parts: "q_proj" is every module whose name ends with ".q_proj".
    case names([String])
    /// A regular expression of the whole name of a module.
    case pattern(String)
  }

  /// A rank or alpha of some modules: those whose name, or its end after a dot, matches a regular expression.
  public struct Override: Equatable, Sendable {
    public let pattern: String
    public let value: Double

    public init(_ pattern: String, _ value: Double) { (self.pattern, self.value) = (pattern, value) }
  }

  /// The rank of A and B.
  public var r = 8
  /// The scale of the adapters is alpha / r.
  public var alpha = 8.0
  public var targets: Targets
  /// Divide alpha by the square root of r. Kalajdzievski 2023, arXiv:2312.03732.
  public var rslora = false
  public var rankPattern: [Override] = []
  public var alphaPattern: [Override] = []
  /// Ends of the names of modules that train as copies of their own beside the adapters: "score", "lm_head".
  public var modulesToSave: [String] = []

  public init(targets: Targets) { self.targets = targets }

  /// Whether a module gets an adapter. PEFT 0.21, `tuners_utils.py`, check_target_module_exists.
  func matches(_ module: String) throws -> Bool {
    if modulesToSave.contains(where: { ".\(module).".contains(".\($0).") }) { return false }
    switch targets {
    case .all: return true
    case .names(let names): return names.contains { module == $0 || module.hasSuffix("." + $0) }
    case .pattern(let pattern): return try RegularExpression.matchesWhole(module, pattern)
    }
  }

  /// Whether a module trains as a copy. PEFT 0.21, `utils/other.py`, _set_trainable.
  func saves(_ module: String) -> Bool { modulesToSave.contains(where: module.hasSuffix) }

  /// What of the settings fits none of the modules and tables, as a text; nil where all fits.
  func unmatched(_ modules: [String], targeted: [String], tables: [String]) throws -> String? {
    var missing: [String] = []
    if case .names(let names) = targets {
      missing += names.filter { name in
        !(modules + tables).contains { $0 == name || $0.hasSuffix("." + name) }
      }
    }
    missing += modulesToSave.filter { name in !(modules + tables).contains { $0.hasSuffix(name) } }
    missing += try (rankPattern + alphaPattern).map(\.pattern).filter { pattern in
      try !targeted.contains { try Self.value([Override(pattern, 0)], $0) != nil }
    }
    return missing.isEmpty ? nil : missing.map { "\"\(Quoted.name($0))\"" }.joined(separator: ", ")
  }

  func rank(of module: String) throws -> Int {
    try Self.value(rankPattern, module).map { Int(exactly: $0) ?? 0 } ?? r
  }

  func scale(of module: String) throws -> Double {
    let rank = Double(try rank(of: module))
    return (try Self.value(alphaPattern, module) ?? alpha) / (rslora ? rank.squareRoot() : rank)
  }

  /// PEFT 0.21, `other.py`, get_pattern_key.
  private static func value(_ overrides: [Override], _ module: String) throws -> Double? {
    try overrides.first { try RegularExpression.matchesWhole(module, "(?:.*\\.)?(?:\($0.pattern))") }?.value
  }
}

extension TransformerConfig {
  /// PEFT 0.21, `utils/constants.py`, TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING.
  public var defaultTargets: LoRA.Targets {
    if hasEncoder { return .names(["q", "v"]) }
    return .names(positions == .learned ? ["c_attn"] : ["q_proj", "v_proj"])
  }
}
