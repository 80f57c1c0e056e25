/// LoRA settings as PEFT's adapter_config.json has them.
import Base
import Formats

extension LoRA {
  /// The settings by PEFT's names. `transposed` says that the base's files hold weights as [inputs, outputs]; `base`
  /// gives the kind of task: PEFT itself saves `score` of a classifier.
  func json(transposed: Bool, base: TransformerConfig) -> JSONValue {
    let task: JSONValue =
      base.hasEncoder ? "SEQ_2_SEQ_LM" : base.head == .lm ? "CAUSAL_LM" : saves("score") ? "SEQ_CLS" : .null
    let targets: JSONValue
    switch self.targets {
    case .all: targets = "all-linear"
    case .names(let names): targets = .array(names.map { .string($0) })
    case .pattern(let pattern): targets = .string(pattern)
    }
    func object(_ overrides: [Override], _ number: (Double) -> JSONValue) -> JSONValue {
      .object(overrides.map { JSONMember($0.pattern, number($0.value)) })
    }
    return [
      "peft_type": "LORA", "task_type": task, "r": .integer(r), "lora_alpha": .number(alpha),
      "target_modules": targets, "use_rslora": .bool(rslora), "fan_in_fan_out": .bool(transposed),
      "rank_pattern": object(rankPattern) { .integer(Int(exactly: $0) ?? 0) },
      "alpha_pattern": object(alphaPattern) { .number($0) }, "lora_dropout": 0.0, "bias": "none",
      "modules_to_save": modulesToSave.isEmpty ? .null : .array(modulesToSave.map { .string($0) }),
      "inference_mode": true, "base_model_name_or_path": .null,
    ]
  }

  /// Reads settings; what would change the numbers and is not computed here is refused by its name.
  init(json: JSONValue, path: String) throws {
    func bad(_ key: String, _ expected: String) -> Failure {
      let given = json[key].flatMap { try? $0.encoded() }.map { Quoted.name($0) } ?? "nothing"
      return Failure(.format, "\(path): '\(key)' is \(given), expected \(expected)")
    }
    let kind = json["peft_type"]?.text ?? "LORA"
    if kind != "LORA" {
      throw Failure(
        .format, "\(path): peft_type \"\(Quoted.name(kind))\" is not computed here, only \"LORA\"")
    }
    for member in json.members ?? [] where !Self.known.contains(member.key) {
      switch member.value {
      case .null, .bool(false), .array([]), .object([]): continue
      default:
        throw Failure(
          .format,
          "\(path): '\(Quoted.name(member.key))' is not computed here; merge the adapter in PEFT (merge_and_unload) "
            + "and save the model")
      }
    }
    if let initial = json["init_lora_weights"]?.text, !Self.plainInitial.contains(initial) {
      throw Failure(
        .format,
        "\(path): init_lora_weights \"\(Quoted.name(initial))\" changes the weights of the base or what trains, which "
          + "is not computed here; convert the adapter with path_initial_model_for_weight_conversion of PEFT")
    }
    if let bias = json["bias"], bias != "none" { throw bad("bias", "\"none\"") }
    guard let r = json["r"]?.int, r > 0 else { throw bad("r", "a whole number above 0") }
    guard let alpha = json["lora_alpha"]?.double, alpha.isFinite else { throw bad("lora_alpha", "a number") }
    switch json["target_modules"] {
    case .string("all-linear"): targets = .all
    case .string(let pattern): targets = .pattern(pattern)
    case .array(let names) where names.allSatisfy { $0.text != nil }:
      targets = .names(names.compactMap(\.text))
    default: throw bad("target_modules", "a list of names, or a regular expression")
    }
    (self.r, self.alpha) = (r, alpha)
    switch json["use_rslora"] {
    case nil, .null, .bool(false): rslora = false
    case .bool(true): rslora = true
    default: throw bad("use_rslora", "true or false")
    }
    func overrides(_ key: String) throws -> [Override] {
      if let given = json[key], ![.null, .array([])].contains(given), given.members == nil {
        throw bad(key, "numbers by names of modules")
      }
      return try (json[key]?.members ?? []).map { member in
        guard let value = member.value.double, value.isFinite else {
          throw bad(key, "numbers by names of modules")
        }
        return Override(member.key, value)
      }
    }
    switch json["modules_to_save"] {
    case nil, .null: break
    case .array(let names) where names.allSatisfy { $0.text?.isEmpty == false }:
      modulesToSave = names.compactMap(\.text)
    default: throw bad("modules_to_save", "a list of names")
    }
    // PEFT adds these two to what a classifier saves; decoders have no module of the first name.
    if json["task_type"] == "SEQ_CLS" {
      modulesToSave = modulesToSave.filter { $0 != "classifier" && $0 != "score" } + ["score"]
    }
    rankPattern = try overrides("rank_pattern")
    alphaPattern = try overrides("alpha_pattern")
  }

  /// Fields of PEFT 0.21's LoraConfig that are read above, or change nothing once an adapter is made. Any other
  /// must be off.
  private static let known: Set = [
    "peft_type", "task_type", "r", "lora_alpha", "target_modules", "use_rslora", "rank_pattern",
    "alpha_pattern",
    "bias", "modules_to_save", "init_lora_weights", "fan_in_fan_out", "lora_dropout", "inference_mode",
    "base_model_name_or_path", "revision", "auto_mapping", "peft_version", "megatron_core",
    "qalora_group_size",
    "loftq_config", "eva_config", "corda_config", "lora_ga_config", "runtime_config",
  ]

  /// First values of A and B that leave the base as it is.
  private static let plainInitial: Set = ["gaussian", "eva", "orthogonal"]
}
