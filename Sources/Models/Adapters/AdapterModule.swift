/// The modules of a model that can have adapters, by the names of its family's files.
import Base
import Weights

struct AdapterModule {
  /// Without `.weight`: "model.layers.0.self_attn.q_proj".
  let path: String
  let source: WeightSource
  /// The module's outputs in the map that holds it.
  let outputs: Range<Int>
  let inputs: Int

  /// The last part of the path, by which targets are named.
  var name: String { path.split(separator: ".").last.map(String.init) ?? path }
}

extension TransformerConfig {
  /// The family whose files have the names of the modules.
  var family: WeightLayout { positions == .learned ? .gpt2 : .llama }

  /// The modules of each linear map, in the order of `ModelWeights.all`; an empty list for norms and tables.
  func adapterModules(_ layout: WeightLayout) -> [[AdapterModule]] {
    let sources = layout.sources(layers: layers, positions: positions == .learned, head: !tied).all
    return zip(parts.all, sources).map { part, source in
      guard case .linear = part.role else { return [] }
      var done = 0
      return zip(source.parts, outputs(of: source.parts.count, part.shape[0])).map { one, count in
        defer { done += count }
        let name = one.tensorName(.weight, layer: source.layer).dropLast(".weight".count)
        return AdapterModule(
          path: layout.prefix + name, source: one, outputs: done..<(done + count), inputs: part.shape[1])
      }
    }
  }

  /// How many outputs each of `count` modules has that are one map: queries, keys and values, or gate and up.
  private func outputs(of count: Int, _ total: Int) -> [Int] {
    guard count == 3 else { return [Int](repeating: total / count, count: count) }
    let shape = attentionShape
    return [shape.heads, shape.keyHeads, shape.keyHeads].map { $0 * shape.headSize }
  }
}
