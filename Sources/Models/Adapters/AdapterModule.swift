/// The modules of a model that can have adapters, by the names of its family's files.
import Base
import Weights

struct AdapterModule {
  /// Without `.weight`: "model.layers.0.self_attn.q_proj".
  let path: String
  let source: WeightSource
  let layer: Int
  /// The module's outputs in the map that holds it.
  let outputs: Range<Int>
  let inputs: Int

  /// The last part of the path, by which targets are named.
  var name: String { path.split(separator: ".").last.map(String.init) ?? path }
}

/// A table, norm or linear map that can train as a copy, by the name of its family's files.
struct SavedModule {
  /// Without `.weight`: "score", "model.embed_tokens".
  let path: String
  let source: WeightSource
  let layer: Int
  /// A head, whose name has no prefix.
  let isHead: Bool
  let isTable: Bool

  /// What its copies are called after it, as in PEFT's models.
  static let part = ".modules_to_save"

  func name(_ kind: WeightKind) -> String { path + Self.part + "." + kind.rawValue }
}

extension TransformerConfig {
  /// The family whose files have the names of the modules.
  var family: WeightLayout {
    if hasEncoder { return .t5(isGated: activation.isGated) }
    if positions == .learned { return .gpt2 }
    return postNorms ? .gemma : .llama
  }

  /// The module of each weight, in the order of `ModelWeights.all`; nil for a map that holds several modules.
  func savedModules(_ layout: WeightLayout) throws -> [SavedModule?] {
    zip(parts.all, try sources(in: layout).all).map { part, source in
      guard source.parts.count == 1 else { return nil }
      return saved(source.parts[0], layer: source.layer, part.role, layout)
    }
  }

  /// The head of a model that shares the embedding's weights.
  func tiedHead(_ layout: WeightLayout) -> SavedModule? {
    guard tied, head == .lm else { return nil }
    return layout.head.first.map { saved($0, layer: 0, .table(isHead: true), layout) }
  }

  private func saved(_ source: WeightSource, layer: Int, _ role: WeightPart.Role, _ layout: WeightLayout)
    -> SavedModule
  {
    let isHead = [layout.head, layout.score].contains { $0.first?.name == source.name }
    let name = source.tensorName(.weight, layer: layer).dropLast(".weight".count)
    var isTable = false
    if case .table = role { isTable = true }
    return SavedModule(
      path: (isHead ? "" : layout.prefixes.first ?? "") + name, source: source, layer: layer, isHead: isHead,
      isTable: isTable)
  }

  /// The modules of each linear map, in the order of `ModelWeights.all`; an empty list for norms and tables.
  func adapterModules(_ layout: WeightLayout) throws -> [[AdapterModule]] {
    zip(parts.all, try sources(in: layout).all).map { part, source in
      guard case .linear = part.role else { return [] }
      var done = 0
      return zip(source.parts, rows(of: source.parts.count, in: part.shape[0])).map { one, count in
        defer { done += count }
        let name = one.tensorName(.weight, layer: source.layer).dropLast(".weight".count)
        return AdapterModule(
          path: (layout.prefixes.first ?? "") + name, source: one, layer: source.layer,
          outputs: done..<(done + count), inputs: part.shape[1])
      }
    }
  }
}
