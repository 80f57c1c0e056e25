/// Models in files: safetensors with the configuration in its metadata, and llama2.c's format.
import Autograd
import Base
import Formats
import Tensors

extension Transformer {
  private static let formatName = "perilune-model-1"

  /// Writes weights and configuration so that a crash leaves the old file or the new one.
  ///
  ///     try model.save(path: "policy.safetensors")
  public func save(path: String) throws {
    let c = config
    let metadata = [
      "format": Self.formatName, "vocab": "\(c.vocab)", "dim": "\(c.dim)", "layers": "\(c.layers)",
      "heads": "\(c.heads)", "kv_heads": "\(c.kvHeads)", "hidden": "\(c.hidden)",
      "max_length": "\(c.maxLength)",
      "norm": c.norm.rawValue, "activation": c.activation.rawValue, "positions": c.positions.rawValue,
      "rope_base": "\(c.ropeBase)", "norm_eps": "\(c.normEpsilon)", "bias": "\(c.bias)", "tied": "\(c.tied)",
      "hash": try contentHash(),
    ]
    try Safetensors(parameters.map { ($0.name, $0.value.value) }, metadata: metadata).write(to: path)
  }

  /// Reads what `save` wrote.
  public static func load(path: String) throws -> Transformer {
    let file = try Safetensors.read(path)
    func text(_ key: String) throws -> String {
      guard let value = file.metadata[key] else {
        throw Failure(.format, "\(path): no '\(key)' in the metadata: not a model saved by Perilune")
      }
      return value
    }
    func parsed<T>(_ key: String, _ parse: (String) -> T?) throws -> T {
      let value = try text(key)
      guard let result = parse(value) else {
        throw Failure(.format, "\(path): metadata '\(key)' is \"\(value)\"")
      }
      return result
    }
    if try text("format") != formatName {
      throw Failure(
        .format, "\(path): format \"\(try text("format"))\", this version reads \"\(formatName)\"")
    }
    let config = TransformerConfig(
      vocab: try parsed("vocab") { Int($0) }, dim: try parsed("dim") { Int($0) },
      layers: try parsed("layers") { Int($0) }, heads: try parsed("heads") { Int($0) },
      kvHeads: try parsed("kv_heads") { Int($0) }, hidden: try parsed("hidden") { Int($0) },
      maxLength: try parsed("max_length") { Int($0) },
      norm: try parsed("norm") { TransformerConfig.Norm(rawValue: $0) },
      activation: try parsed("activation") { TransformerConfig.Activation(rawValue: $0) },
      positions: try parsed("positions") { TransformerConfig.Positions(rawValue: $0) },
      ropeBase: try parsed("rope_base") { Double($0) }, normEpsilon: try parsed("norm_eps") { Double($0) },
      bias: try parsed("bias") { Bool($0) }, tied: try parsed("tied") { Bool($0) })
    let model: Transformer
    do {
      model = try Transformer(config, tensors: file.tensors.map { ($0.name, $0.tensor) })
    } catch {
      throw Failure(.format, "\(path): cannot make the model", cause: error)
    }
    // A flipped bit would silently be another model. Files from before the hash was written have none.
    if let hash = file.metadata["hash"], try model.contentHash() != hash {
      throw Failure(
        .format, "\(path): the file is damaged: its weights do not have the hash that was written with them")
    }
    return model
  }

  /// Reads llama2.c's format. Query, key and value matrices become one, and so do gate and up.
  ///
  ///     let stories = try Transformer.loadLlama2C(path: "stories260K.bin")
  public static func loadLlama2C(path: String) throws -> Transformer {
    let file = try Llama2C.read(path)
    let c = file.config
    let config = TransformerConfig(
      vocab: c.vocabulary, dim: c.dimension, layers: c.layers, heads: c.heads, kvHeads: c.keyValueHeads,
      hidden: c.hidden, maxLength: c.length, norm: .rms, activation: .swiglu, positions: .rotary,
      ropeBase: c.ropeBase, normEpsilon: c.normEpsilon, bias: false, tied: c.tied)
    func tensor(_ name: String) throws -> Tensor {
      guard let found = file[name] else { throw Failure(.format, "\(path): no tensor '\(name)'") }
      return found
    }
    var tensors = [("embedding.weight", try tensor("embedding")), ("norm.weight", try tensor("norm"))]
    if !c.tied { tensors.append(("head.weight", try tensor("classifier"))) }
    for layer in 0..<c.layers {
      let at = "layers.\(layer)"
      tensors.append(("\(at).attention_norm.weight", try tensor("\(at).attention_norm")))
      tensors.append(("\(at).mlp_norm.weight", try tensor("\(at).ffn_norm")))
      tensors.append(
        ("\(at).attention.qkv.weight", try stacked(["wq", "wk", "wv"].map { try tensor("\(at).\($0)") })))
      tensors.append(("\(at).attention.output.weight", try tensor("\(at).wo")))
      tensors.append(("\(at).mlp.up.weight", try stacked(["w1", "w3"].map { try tensor("\(at).\($0)") })))
      tensors.append(("\(at).mlp.down.weight", try tensor("\(at).w2")))
    }
    return try Transformer(config, tensors: tensors)
  }

  /// Matrices of equal width on top of each other.
  private static func stacked(_ parts: [Tensor]) throws -> Tensor {
    let width = parts[0].shape[1]
    let result = try Tensor(uninitialized: [parts.reduce(0) { $0 + $1.shape[0] }, width], .f32)
    var row = 0
    for part in parts {
      Strided.copy(from: part, to: try result.narrowed(0, from: row, length: part.shape[0]))
      row += part.shape[0]
    }
    return result
  }
}
