/// A model's weights in the form the decoder multiplies with, made once for each call of the sampler.
import Autograd
import Base
import Tensors
import Weights

/// Sizes at which the decoder changes its method; tests use smaller ones.
struct DecoderThresholds {
  /// Larger weights are not packed. Packing takes as long as one or two steps and needs a second copy; above
  /// this size, reading the weights from memory at every step takes longer than the arithmetic.
  var packedBytesMax = 96 << 20
  /// Above this size, about a last-level cache, weights are read once for all rows and each product is split
  /// over the threads; below it every thread reads all weights for its own rows.
  var ownRowsBytesMax = 32 << 20
}

struct DecoderWeights: @unchecked Sendable {
  let config: TransformerConfig
  let weights: ModelWeights<DecoderMatrix>
  /// Whether the work of each step is split over the threads, rather than the rows.
  let isCut: Bool
  /// Floats of the workspace of products with stored weights.
  let workspaceFloats: Int
  /// The model whose encoder reads the prompts; nil for a decoder alone.
  let encoder: Transformer?
  /// Keeps the storage alive behind the pointers.
  private let tensors: [Tensor]

  init(_ model: Transformer, _ thresholds: DecoderThresholds) throws {
    config = model.config
    encoder = config.hasEncoder ? model : nil
    let merged = try model.weights.ofDecoder.map { try $0.merged() }
    let parameters = merged.all.flatMap(\.variables).map(\.value)
    // As f32, so that stored weights take the same way and give the same bits.
    let byteCount = merged.all.reduce(0) {
      $0 + 4 * ($1.weight.elementCount + ($1.bias?.value.elementCount ?? 0))
    }
    // An encoder reads its prompts with operations, which use all threads.
    isCut = byteCount > thresholds.ownRowsBytesMax || config.hasEncoder
    let parts = config.parts.ofDecoder.all
    let precision = config.precision
    let isPacked = byteCount <= thresholds.packedBytesMax
    let workspace = isPacked ? try PackedWorkspace(parts, precision) : nil
    var pairs: [Tensor] = []
    var part = parts.makeIterator()
    weights = try merged.map { affine in
      var matrix = DecoderMatrix(affine, precision)
      guard part.next()?.isMultiplied == true else { return matrix }
      matrix.packed = workspace?.pack(matrix.weights)
      if !isPacked && precision == .bf16 { matrix.pairs = try matrix.rounded(&pairs) }
      return matrix
    }
    tensors = parameters + pairs + (workspace.map { [$0.tensor] } ?? [])
    workspaceFloats = workspace == nil ? weights.all.map(\.weights.workspaceFloats).max() ?? 0 : 0
  }
}

/// One allocation for all packed matrices of a call: large enough for large pages, and recycled by the next
/// call.
private final class PackedWorkspace {
  let tensor: Tensor
  private var next: MutableFloats

  private let precision: Precision

  init(_ parts: [WeightPart], _ precision: Precision) throws {
    self.precision = precision
    let size = parts.filter(\.isMultiplied).reduce(0) {
      $0 + PackedMatrix.floats(outputs: $1.shape[0], inputs: $1.shape[1], precision)
    }
    tensor = try Tensor(uninitialized: [size], .f32)
    next = tensor.pointer(Float.self)
  }

  func pack(_ weights: LinearWeights) -> PackedMatrix {
    defer { next += PackedMatrix.floats(outputs: weights.outputs, inputs: weights.inputs, precision) }
    return PackedMatrix(weights, at: next)
  }
}

/// The weights of a linear map, packed or in place; of a norm or table, in place.
struct DecoderMatrix {
  let outputs: Int
  let inputs: Int
  let weights: LinearWeights
  fileprivate(set) var packed: PackedMatrix?
  /// Weights that are not packed as pairs of bf16, `rowPairs` a row; nil where they are decoded for each token.
  fileprivate(set) var pairs: Floats?
  let bias: Floats?

  fileprivate init(_ affine: Affine, _ precision: Precision) {
    weights = affine.weight.linear(precision)
    (outputs, inputs) = (weights.outputs, weights.inputs)
    bias = affine.bias.map { Floats($0.value.pointer(Float.self)) }
  }

  /// The weights where they are f32, as those of norms always are.
  var floats: Floats? { if case .floats(let floats, _, _) = weights.source { floats } else { nil } }

  var rowPairs: Int { (inputs + 1) / 2 }

  /// The weights as pairs of bf16: in a tensor of their own, which is appended to `tensors`, or where they are. Nil of
  /// quantised blocks.
  fileprivate func rounded(_ tensors: inout [Tensor]) throws -> Floats? {
    switch weights.source {
    case .stored(let matrix): return matrix.pairs
    case .floats(let from, _, _):
      let tensor = try Tensor(uninitialized: try Shape(checked: [outputs, rowPairs]), .f32)
      let (to, round) = (tensor.pointer(Float.self), DecoderLevel.current.pair_row)
      Parallel.ranges(outputs, grain: max(1, (1 << 16) / inputs)) { rows in
        for row in rows { round(inputs, from + row * inputs, to + row * rowPairs) }
      }
      tensors.append(tensor)
      return Floats(to)
    }
  }

  /// Copies a row of a table.
  @inline(__always)
  func row(_ row: Int, into to: MutableFloats) {
    switch weights.source {
    case .floats(let table, _, _): to.update(from: table + row * inputs, count: inputs)
    case .stored(let matrix): matrix.decode(row..<row + 1, into: to)
    }
  }

  /// Initialises some columns of the result: the bias, added to the present values if `adding`.
  func start(_ y: MutableFloats, rows: Int, columns: Range<Int>, adding: Bool) {
    for row in 0..<rows {
      let to = y + row * outputs + columns.lowerBound
      switch (bias, adding) {
      case (let bias?, true): addScaled(to, 1, bias + columns.lowerBound, columns.count)
      case (let bias?, false): to.update(from: bias + columns.lowerBound, count: columns.count)
      case (nil, true): return
      case (nil, false): to.update(repeating: 0, count: columns.count)
      }
    }
  }
}
