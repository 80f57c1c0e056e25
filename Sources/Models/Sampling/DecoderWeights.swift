/// A model's weights as the decoder reads them, fixed for one call of the sampler.
import Autograd
import Base
import Tensors

/// Model sizes at which the decoder changes its plan; tests give smaller ones.
struct DecoderThresholds {
  /// Bytes of weights that are packed for a call: packing takes as long as a step or two, and a second copy of more
  /// would be felt. Above it the weights come from memory at every step, which takes longer than the arithmetic.
  var packedBytesMax = 96 << 20
  /// Bytes that every thread can read at each step for rows of its own: a last-level cache. Beyond, weights are read
  /// once for all rows, and each product is cut over the threads.
  var ownRowsBytesMax = 32 << 20
}

struct DecoderWeights: @unchecked Sendable {
  struct Norm {
    let weight: Floats
    let bias: Floats?
  }

  struct Layer {
    let attentionNorm: Norm
    let qkv: DecoderMatrix
    let output: DecoderMatrix
    let mlpNorm: Norm
    let up: DecoderMatrix
    let down: DecoderMatrix
  }

  let config: TransformerConfig
  let embedding: Floats
  let positions: Floats?
  let layers: [Layer]
  let finalNorm: Norm
  let head: DecoderMatrix
  /// Whether each step's work is cut over the threads, rather than the rows.
  let isCut: Bool
  /// Keeps the storage alive behind the pointers.
  private let held: [Tensor]

  init(_ model: Transformer, _ thresholds: DecoderThresholds) throws {
    config = model.config
    let parameters = model.parameters.map { $0.value.value }
    let byteCount = parameters.reduce(0) { $0 + 4 * $1.elementCount }
    isCut = byteCount > thresholds.ownRowsBytesMax
    let room = byteCount > thresholds.packedBytesMax ? nil : try PackedRoom(model)
    held = parameters + (room.map { [$0.tensor] } ?? [])
    func floats(_ name: String) throws -> Floats {
      Floats(try model.parameter(name).value.pointer(Float.self))
    }
    func norm(_ name: String) throws -> Norm {
      Norm(
        weight: try floats("\(name).weight"),
        bias: model.config.norm == .layer ? try floats("\(name).bias") : nil)
    }
    func matrix(_ name: String) throws -> DecoderMatrix {
      DecoderMatrix(
        try model.parameter("\(name).weight").value, bias: model.optional("\(name).bias")?.value, room)
    }
    embedding = try floats("embedding.weight")
    positions = model.config.positions == .learned ? try floats("positions.weight") : nil
    layers = try (0..<model.config.layers).map { layer in
      let at = "layers.\(layer)"
      return Layer(
        attentionNorm: try norm("\(at).attention_norm"), qkv: try matrix("\(at).attention.qkv"),
        output: try matrix("\(at).attention.output"), mlpNorm: try norm("\(at).mlp_norm"),
        up: try matrix("\(at).mlp.up"), down: try matrix("\(at).mlp.down"))
    }
    finalNorm = try norm("norm")
    head = DecoderMatrix(try model.headWeight().value, bias: nil, room)
  }
}

/// One block of memory for all packed matrices of a call: large enough for large pages, and recycled by the next call.
private final class PackedRoom {
  let tensor: Tensor
  private var next: MutableFloats

  init(_ model: Transformer) throws {
    let head = model.config.tied ? "embedding.weight" : "head.weight"
    let size = model.parameters.reduce(0) { size, parameter in
      let shape = parameter.value.value.shape
      let isMatrix = shape.count == 2 && (parameter.name.hasPrefix("layers.") || parameter.name == head)
      return isMatrix ? size + PackedMatrix.floats(outputs: shape[0], inputs: shape[1]) : size
    }
    tensor = try Tensor(uninitialized: [size], .f32)
    next = tensor.pointer(Float.self)
  }

  func pack(_ weight: Floats, outputs: Int, inputs: Int) -> PackedMatrix {
    defer { next += PackedMatrix.floats(outputs: outputs, inputs: inputs) }
    return PackedMatrix(weight, outputs: outputs, inputs: inputs, at: next)
  }
}

/// The weights of a linear map, packed or where they are.
struct DecoderMatrix {
  let outputs: Int
  let inputs: Int
  let weight: Floats
  let packed: PackedMatrix?
  let bias: Floats?

  fileprivate init(_ weight: Tensor, bias: Tensor?, _ room: PackedRoom?) {
    (outputs, inputs) = (weight.shape[0], weight.shape[1])
    self.weight = Floats(weight.pointer(Float.self))
    self.bias = bias.map { Floats($0.pointer(Float.self)) }
    packed = room?.pack(self.weight, outputs: outputs, inputs: inputs)
  }

  /// Fills some columns of the result with what the product is added to: the bias, or what is there and it.
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
