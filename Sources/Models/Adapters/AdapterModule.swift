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

extension TransformerConfig {
  /// The family whose files have the names of the modules.
  var family: WeightLayout {
    if positions == .learned { return .gpt2 }
    return postNorms ? .gemma : .llama
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
