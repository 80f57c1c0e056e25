/// A model's weights as the decoder reads them, fixed for one call of the sampler.
import Autograd
import Base
import Tensors

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
  /// Keeps the storage alive behind the pointers.
  private let held: [Tensor]

  init(_ model: Transformer) throws {
    config = model.config
    held = model.parameters.map { $0.value.value }
    func floats(_ name: String) throws -> Floats { Floats(try model.parameter(name).value.pointer(Float.self)) }
    func norm(_ name: String) throws -> Norm {
      Norm(
        weight: try floats("\(name).weight"),
        bias: model.config.norm == .layer ? try floats("\(name).bias") : nil)
    }
    func matrix(_ name: String) throws -> DecoderMatrix {
      try DecoderMatrix(
        model.parameter("\(name).weight").value, bias: model.optional("\(name).bias")?.value)
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
    head = try DecoderMatrix(model.headWeight().value, bias: nil)
  }

  /// Bytes that one step reads; beyond the last-level cache it pays to read them once for all rows.
  var byteCount: Int { held.reduce(0) { $0 + 4 * $1.elementCount } }
}

/// A linear map for few rows at a time.
struct DecoderMatrix {
  private let weight: Tensor
  private let bias: Tensor?
  let outputs: Int
  let inputs: Int

  init(_ weight: Tensor, bias: Tensor?) throws {
    self.weight = weight
    self.bias = bias
    outputs = weight.shape[0]
    inputs = weight.shape[1]
  }

  func apply(_ x: Floats, _ y: MutableFloats, rows: Int) {
    let b = bias?.pointer(Float.self)
    if let b { for row in 0..<rows { (y + row * outputs).update(from: b, count: outputs) } }
    Gemm.run(
      false, true, rows, outputs, inputs, 1, x, inputs, weight.pointer(Float.self), inputs, b == nil ? 0 : 1, y, outputs)
  }
}
