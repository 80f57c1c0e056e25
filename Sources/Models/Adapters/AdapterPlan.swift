/// What each weight of a model becomes under LoRA settings: adapted, copied, or only frozen.
import Base
import Weights

struct AdapterPlan {
  /// In the order of `ModelWeights.all`.
  let parts: [(adapted: [AdapterModule], copied: SavedModule?)]
  /// The head that shares the embedding's weights, where it trains as a copy.
  let tiedHead: SavedModule?
  /// Whether head and embedding become two, for one of them trains. PEFT does so unless `ensure_weight_tying`.
  let untiesHead: Bool
  private let lora: LoRA

  init(_ lora: LoRA, _ config: TransformerConfig) throws {
    self.lora = lora
    let family = config.family
    let modules = try config.adapterModules(family)
    let saved = try config.savedModules(family)
    parts = try zip(modules, saved).map { modules, saved in
      if let part = modules.first(where: { saved == nil && lora.saves($0.path) }) {
        throw Failure(
          .argument,
          "modules_to_save: '\(part.path)' is a part of one weight with others and has no copy of its own here; "
            + "give it an adapter")
      }
      return (
        try modules.filter { try lora.matches($0.path) }, saved.flatMap { lora.saves($0.path) ? $0 : nil }
      )
    }
    tiedHead = config.tiedHead(family).flatMap { lora.saves($0.path) ? $0 : nil }
    untiesHead = config.tied && config.head == .lm && (tiedHead != nil || parts[0].copied != nil)
    let tables = (saved + [config.tiedHead(family)]).compactMap { $0 }.filter(\.isTable)
    if lora.targets != .all, let table = try tables.first(where: { try lora.matches($0.path) }) {
      throw Failure(
        .argument,
        "target_modules: adapters of '\(table.path)' (lora_embedding_A, lora_embedding_B, or of a head) are not "
          + "computed here; modules_to_save trains a copy of it")
    }
    if parts.allSatisfy({ $0.adapted.isEmpty }) {
      let what = lora.targets.names.map { " \($0)" } ?? ""
      throw Failure(
        .argument, "no module matches the targets\(what); the modules are \(config.moduleNames(modules))")
    }
  }

  func rank(_ module: AdapterModule) throws -> Int {
    let rank = try lora.rank(of: module.path)
    let most = min(module.inputs, module.outputs.count)
    if rank < 1 || rank > most {
      throw Failure(.value, "rank \(rank) for module '\(module.path)', expected 1 to \(most)")
    }
    return rank
  }

  func scale(_ module: AdapterModule) throws -> Double {
    let scale = try lora.scale(of: module.path)
    if !Float(scale).isNormal {
      throw Failure(
        .value, "the scale of module '\(module.path)' is \(scale), expected a number of f32 but 0")
    }
    return scale
  }
}

extension LoRA.Targets {
  /// What names the modules, for messages; nil for all.
  var names: String? {
    switch self {
    case .all: return nil
    case .names(let names): return names.map { "\"\(Quoted.name($0))\"" }.joined(separator: ", ")
    case .pattern(let pattern): return "\"\(Quoted.name(String(pattern.prefix(80))))\""
    }
  }
}

extension TransformerConfig {
  /// The last parts of the names of modules, for messages.
  func moduleNames(_ modules: [[AdapterModule]]) -> String {
    Set(modules.joined().map(\.name)).sorted().joined(separator: ", ")
  }
}

extension Transformer {
  /// Refuses settings of which a name or pattern fits nothing, which is a typing error where adapters are new. PEFT
  /// says so only where no target fits at all.
  func checkAllMatch(_ lora: LoRA) throws {
    let modules = try config.adapterModules(config.family)
    let paths = modules.joined().map(\.path)
    let saved = (try config.savedModules(config.family) + [config.tiedHead(config.family)]).compactMap {
      $0?.path
    }
    let targeted = try paths.filter(lora.matches)
    if targeted.isEmpty { return }  // the plan says so
    guard let missing = try lora.unmatched(paths, targeted: targeted, tables: saved) else { return }
    throw Failure(
      .argument,
      "\(missing) matches no module; the modules are \(config.moduleNames(modules)); modules_to_save also takes "
        + Set(saved.filter { !paths.contains($0) }).sorted().prefix(8).joined(separator: ", "))
  }
}
