/// Which modules of a model get low-rank adapters, of which rank and scale: the fields of PEFT's LoraConfig.
import Base
import Formats

public struct LoRA: Equatable, Sendable {
  public enum Targets: Equatable, Sendable {
    /// Every linear map but the head, as PEFT's "all-linear".
    case all
    /// Whole names of modules, or their last parts: "q_proj" is every module whose name ends with ".q_proj".
    case names([String])
  }

  /// The rank of A and B.
  public var r = 8
  /// The scale of the adapters is alpha / r.
  public var alpha = 8.0
  public var targets: Targets
  /// Divide alpha by the square root of r. Kalajdzievski 2023, arXiv:2312.03732.
  public var rslora = false
  public init(targets: Targets) { self.targets = targets }

  /// Whether a module gets an adapter. PEFT 0.21, `tuners_utils.py`, check_target_module_exists.
  func matches(_ module: String) -> Bool {
    switch targets {
    case .all: return true
    case .names(let names): return names.contains { module == $0 || module.hasSuffix("." + $0) }
    }
  }

  /// The fields by their names in adapter_config.json.
  var json: JSONValue {
    var targets: JSONValue = "all-linear"
    if case .names(let names) = self.targets { targets = .array(names.map { .string($0) }) }
    return [
      "r": .integer(r), "lora_alpha": .number(alpha), "target_modules": targets, "use_rslora": .bool(rslora),
    ]
  }

  /// Reads the fields that `json` writes; `file` is for messages.
  init(json: JSONValue, file: String) throws {
    let names = json["target_modules"]?.elements?.compactMap(\.text)
    guard let r = json["r"]?.int, r > 0, let alpha = json["lora_alpha"]?.double, alpha.isFinite,
      let targets = json["target_modules"]?.text == "all-linear" ? .all : names.map(Targets.names)
    else {
      throw Failure(
        .format, "\(file): expected r above 0, lora_alpha, and target_modules as a list or \"all-linear\"")
    }
    (self.r, self.alpha, self.targets) = (r, alpha, targets)
    rslora = json["use_rslora"]?.boolean ?? false
  }

  var scale: Double { alpha / (rslora ? Double(r).squareRoot() : Double(r)) }
}

extension TransformerConfig {
  /// PEFT 0.21, `utils/constants.py`, TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING.
  public var defaultTargets: LoRA.Targets {
    .names(positions == .learned ? ["c_attn"] : ["q_proj", "v_proj"])
  }
}
