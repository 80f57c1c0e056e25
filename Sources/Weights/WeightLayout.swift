/// Where the weights of a model are in the files of one family: data, not code.
///
/// A layout names the tensors of each role and says how their elements are arranged. To read a family of
/// files, describe it here; `WeightLayout.read` renames, stacks, splits and transposes as the description
/// says.
import Base
import Formats
import Tensors

/// One tensor of a file as a part of a weight.
public struct WeightSource: Sendable {
  /// How the file arranges the elements.
  public enum Arrangement: Sendable {
    /// As this program does: [outputs, inputs], rotary pairs side by side.
    case same
    /// [inputs, outputs], as GPT-2's Conv1D.
    case transposed
    /// The tensor holds all layers, [layers, ...]; the part is the layer's slice.
    case sliceOfLayers
    /// The rows of each head in two halves that rotate together (`rotate_half`), not side by side.
    case rotaryHalves
  }

  /// Without `.weight` or `.bias`; `{layer}` is the number of the layer, from 0.
  public let name: String
  public let arrangement: Arrangement
  /// The elements are 1 less than those of this program, as the scales of Gemma's norms.
  public let lacksOne: Bool

  public init(_ name: String, _ arrangement: Arrangement = .same, lacksOne: Bool = false) {
    self.name = name
    self.arrangement = arrangement
    self.lacksOne = lacksOne
  }

  /// Where halves that rotate together have the row that is at `row` with pairs side by side.
  static func halfRow(_ row: Int, headSize: Int) -> Int {
    let (head, place) = row.quotientAndRemainder(dividingBy: headSize)
    return head * headSize + (place % 2 == 0 ? place / 2 : headSize / 2 + place / 2)
  }

  public func tensorName(_ kind: WeightKind, layer: Int) -> String {
    let parts = name.split(separator: "{layer}", maxSplits: 1, omittingEmptySubsequences: false)
    return (parts.count == 2 ? "\(parts[0])\(layer)\(parts[1])" : name) + ".\(kind.rawValue)"
  }
}

public enum WeightKind: String, Sendable { case weight, bias }

public struct WeightLayout: Sendable {
  /// The name of the family, for messages.
  public let name: String
  public var embedding: [WeightSource]
  /// Other names under which files hold the embedding, in place of it or beside it.
  public var embeddingAliases: [[WeightSource]] = []
  /// Nil in families of decoders alone; its layers, like `layer`, stand for all.
  public var encoder: EncoderWeights<[WeightSource]>?
  public var relativeBias: [WeightSource]?
  public let positions: [WeightSource]
  /// Of each layer; several tensors are stacked by rows, in this order.
  public let layer: LayerWeights<[WeightSource]>
  public let norm: [WeightSource]
  public let head: [WeightSource]
  /// Of a score head, [1, dim].
  public var score: [WeightSource] = []
  /// Prefixes that the names of a file may carry.
  public var prefixes: [String] = []
  /// Endings of the names of tensors that hold no weights.
  public var ignored: [String] = []
  /// Beginnings of the names of tensors of other parts of a model: vision, audio.
  public var ignoredParts: [String] = []

  /// The tensors of each role of a model with this number of layers, and the layer of each. A role that the
  /// family does not have is an error.
  public func sources(
    layers: Int, encoderLayers: Int = 0, positions hasPositions: Bool, headNorms: Bool, postNorms: Bool,
    head: [WeightSource]?
  ) throws -> ModelWeights<(layer: Int, parts: [WeightSource])> {
    for (isWanted, part, what) in [
      (headNorms, layer.queryNorm, "qk_norm"), (headNorms, layer.keyNorm, "qk_norm"),
      (postNorms, layer.attentionPostNorm, "post_norms"), (postNorms, layer.mlpPostNorm, "post_norms"),
      (hasPositions, positions.isEmpty ? nil : positions, "learned positions"),
      (head?.isEmpty == true, nil, "a score head"),
      (encoderLayers > 0, encoder?.relativeBias, "an encoder"),
    ] where isWanted && part == nil {
      throw Failure(.format, "the files of \(name) have no weights for \(what)")
    }
    let layer = layer.keeping(headNorms: headNorms, postNorms: postNorms, cross: encoderLayers > 0)
    typealias Place = (layer: Int, parts: [WeightSource])
    func place(_ layer: LayerWeights<[WeightSource]>, _ index: Int) -> LayerWeights<Place> {
      layer.map { (layer: index, parts: $0) }
    }
    var placed: EncoderWeights<Place>?
    if encoderLayers > 0, let encoder {
      placed = EncoderWeights(
        relativeBias: (0, encoder.relativeBias),
        layers: (0..<encoderLayers).flatMap { index in encoder.layers.map { place($0, index) } },
        norm: (0, encoder.norm))
    }
    return ModelWeights(
      embedding: (0, embedding), encoder: placed,
      relativeBias: encoderLayers > 0 ? relativeBias.map { (0, $0) } : nil,
      positions: hasPositions ? (0, positions) : nil, layers: (0..<layers).map { place(layer, $0) },
      norm: (0, norm), head: head.map { (0, $0) })
  }

  /// Whether a tensor of this name holds no weights.
  public func ignores(_ name: String) -> Bool {
    ignored.contains(where: name.hasSuffix) || ignoredParts.contains(where: name.hasPrefix)
  }

  /// Whether the names of a file are this family's. Gemma's are Llama's and its own norm before the feed-forward
  /// layer.
  public func matches(_ names: Set<String>) -> Bool {
    (prefixes + [""]).contains { prefix in
      (embedding + layer.qkv + layer.mlpNorm.filter(\.lacksOne)).allSatisfy {
        names.contains(prefix + $0.tensorName(.weight, layer: 0))
      }
    }
  }

  /// The same layout, in which tensors with these endings hold none of the model's weights.
  public func ignoring(_ suffixes: [String]) -> WeightLayout {
    var layout = self
    layout.ignored += suffixes
    return layout
  }
}
