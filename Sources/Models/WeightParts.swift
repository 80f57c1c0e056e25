/// What the weights of a configuration are before they have values: names, shapes, initial values.
import Base
import Tensors
import Weights

/// One weight of a model and its bias, where it has one.
struct WeightPart: Sendable {
  enum Role: Sendable {
    /// A row for each token or position; the head, or the embedding that serves as the head, is multiplied
    /// with.
    case table(isHead: Bool)
    /// Scales, from 1.
    case norm
    /// Outputs by inputs. A residual map adds to the residual stream.
    case linear(isResidual: Bool)
  }

  let role: Role
  let sources: [WeightSource]
  let shape: [Int]
  let hasBias: Bool
  let layer: Int

  /// Whether the decoder multiplies with the weight.
  var isMultiplied: Bool {
    switch role {
    case .table(let isHead): return isHead
    case .norm: return false
    case .linear: return true
    }
  }

  /// Whether the weight is a matrix, which a frozen model may keep as a file stores it.
  var isMatrix: Bool { if case .norm = role { false } else { true } }

  /// The name of a parameter: as files and Lua name it.
  func name(_ kind: WeightKind) -> String { sources[0].tensorName(kind, layer: layer) }

  func shape(_ kind: WeightKind) -> [Int] { kind == .weight ? shape : [shape[0]] }
}

extension TransformerConfig {
  /// The parts of a model of this configuration, which must be valid.
  var parts: ModelWeights<WeightPart> {
    let layout = WeightLayout.perilune
    func table(_ sources: [WeightSource], _ rows: Int, isHead: Bool) -> WeightPart {
      WeightPart(
        role: .table(isHead: isHead), sources: sources, shape: [rows, dim], hasBias: false, layer: 0)
    }
    func normed(_ sources: [WeightSource], _ layer: Int) -> WeightPart {
      WeightPart(role: .norm, sources: sources, shape: [dim], hasBias: norm == .layer, layer: layer)
    }
    func headNorm(_ sources: [WeightSource]?, _ layer: Int) -> WeightPart? {
      guard qkNorm, let sources else { return nil }
      return WeightPart(role: .norm, sources: sources, shape: [headDim], hasBias: false, layer: layer)
    }
    func postNorm(_ sources: [WeightSource]?, _ layer: Int) -> WeightPart? {
      postNorms ? sources.map { normed($0, layer) } : nil
    }
    func linear(
      _ sources: [WeightSource], _ layer: Int, _ outputs: Int, _ inputs: Int, hasBias: Bool,
      isResidual: Bool = false
    ) -> WeightPart {
      WeightPart(
        role: .linear(isResidual: isResidual), sources: sources, shape: [outputs, inputs], hasBias: hasBias,
        layer: layer)
    }
    /// nil where the head shares the embedding's weights.
    var readOut: WeightPart? {
      if head == .score { return table(layout.score, 1, isHead: true) }
      return tied ? nil : table(layout.head, vocab, isHead: true)
    }
    let (upWidth, width) = (activation.isGated ? 2 * hidden : hidden, heads * headDim)
    func cross(_ names: CrossWeights<[WeightSource]>?, _ layer: Int) -> CrossWeights<WeightPart>? {
      guard hasEncoder, let names else { return nil }
      return CrossWeights(
        norm: normed(names.norm, layer), query: linear(names.query, layer, width, dim, hasBias: qkvBias),
        keyValue: linear(names.keyValue, layer, 2 * width, dim, hasBias: qkvBias),
        output: linear(names.output, layer, dim, width, hasBias: outputBias, isResidual: true))
    }
    func bias(_ sources: [WeightSource]) -> WeightPart {
      WeightPart(
        role: .table(isHead: false), sources: sources, shape: [relativeBuckets, heads], hasBias: false,
        layer: 0)
    }
    func layered(_ names: LayerWeights<[WeightSource]>, _ layer: Int) -> LayerWeights<WeightPart> {
      LayerWeights(
        attentionNorm: normed(names.attentionNorm, layer),
        qkv: linear(names.qkv, layer, (heads + 2 * kvHeads) * headDim, dim, hasBias: qkvBias),
        queryNorm: headNorm(names.queryNorm, layer), keyNorm: headNorm(names.keyNorm, layer),
        output: linear(names.output, layer, dim, width, hasBias: outputBias, isResidual: true),
        attentionPostNorm: postNorm(names.attentionPostNorm, layer), cross: cross(names.cross, layer),
        mlpNorm: normed(names.mlpNorm, layer),
        up: linear(names.up, layer, upWidth, dim, hasBias: mlpBias),
        down: linear(names.down, layer, dim, hidden, hasBias: mlpBias, isResidual: true),
        mlpPostNorm: postNorm(names.mlpPostNorm, layer))
    }
    let encoder = layout.encoder.map { names in
      EncoderWeights(
        relativeBias: bias(names.relativeBias),
        layers: (0..<encoderLayers).flatMap { layer in names.layers.map { layered($0, layer) } },
        norm: normed(names.norm, 0))
    }
    return ModelWeights(
      embedding: table(layout.embedding, vocab, isHead: head == .lm && tied),
      encoder: hasEncoder ? encoder : nil,
      relativeBias: positions == .relative ? layout.relativeBias.map(bias) : nil,
      positions: positions == .learned ? table(layout.positions, maxLength, isHead: false) : nil,
      layers: (0..<layers).map { layered(layout.layer, $0) },
      norm: normed(layout.norm, 0), head: readOut)
  }

  /// The tensors of a family's files for each weight.
  func sources(in layout: WeightLayout) throws -> ModelWeights<(layer: Int, parts: [WeightSource])> {
    try layout.sources(
      layers: layers, encoderLayers: encoderLayers, positions: positions == .learned, headNorms: qkNorm,
      postNorms: postNorms, head: head == .score ? layout.score : tied ? nil : layout.head)
  }

  /// How many rows each of `count` tensors has that are one weight: queries, keys and values, or gate and up.
  func rows(of count: Int, in total: Int) -> [Int] {
    if count == 3 { return [heads, kvHeads, kvHeads].map { $0 * headDim } }
    return [Int](repeating: total / count, count: count)
  }

  /// The standard deviation of the initial elements: 0.02, of maps that add to the residual stream divided by
  /// the square root of their number. Radford et al. 2019, sec. 2.3.
  func deviation(_ role: WeightPart.Role) -> Double {
    let added = hasEncoder ? 3 * layers : 2 * layers
    if case .linear(isResidual: true) = role { return 0.02 / Double(added).squareRoot() }
    return 0.02
  }

  /// Refuses weights that cannot fit into memory before the first of them is drawn, which could take hours.
  func checkFits() throws {
    var small = self
    (small.layers, small.encoderLayers) = (1, min(1, encoderLayers))
    let parts = small.parts
    func bytes(_ parts: [WeightPart]) -> Double {  // each product is below 2^52, as every size is below 2^25
      parts.reduce(0) { $0 + 4 * Double($1.shape.reduce(1, *) + ($1.hasBias ? $1.shape[0] : 0)) }
    }
    func more(_ layers: [LayerWeights<WeightPart>]?, _ count: Int) -> Double {
      layers?.first.map { Double(count - 1) * bytes($0.all) } ?? 0
    }
    let needed =
      bytes(parts.all) + more(parts.layers, layers) + more(parts.encoder?.layers, encoderLayers)
    let available = min(
      MemoryAccount.limitBytes, sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE)))
    if needed > Double(available) {
      func megabytes(_ bytes: Double) -> String { String(Int(bytes / 1e6)) }
      throw Failure(
        .memory,
        "not enough memory: the model has \(megabytes(needed)) MB of weights, "
          + "\(megabytes(Double(available))) MB are available")
    }
  }
}
