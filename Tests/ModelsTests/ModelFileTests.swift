/// Models in files, the fields of a configuration, and parameters that do not train.
import Autograd
import Base
import Formats
import Foundation
import Tensors
import Testing
import Weights

@testable import Models

@Suite struct ModelFileTests {
  private func withFile(_ body: (String) throws -> Void) throws {
    let path = NSTemporaryDirectory() + "perilune-model-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try body(path)
  }

  private func refusal(_ body: () throws -> Void) -> String {
    do { try body() } catch { return "\((error as? Failure)?.cause ?? error)" }
    return "accepted"
  }

  // MARK: fields

  @Test func everyFieldIsWrittenReadAndChecked() throws {
    var config = TransformerConfig.llama(vocab: 19, dim: 24, layers: 2, heads: 4, maxLength: 24)
    config.normEpsilon = 1e-6
    #expect(try TransformerConfig(metadata: config.metadata, file: "f") == config)
    #expect(Set(TransformerConfig.fields.map(\.name)).count == TransformerConfig.fields.count)
    for field in TransformerConfig.fields {
      // -1 says that there is no padding.
      for bad in [field.name == "pad_token_id" ? "-2" : "-1", "nan", "yes", ""] {
        var metadata = config.metadata
        metadata[field.name] = bad
        #expect(
          refusal { _ = try TransformerConfig(metadata: metadata, file: "f") }.contains(field.name), "\(bad)")
      }
    }
  }

  @Test func filesWithoutALaterNumberHaveItsDefault() throws {
    var metadata = TransformerConfig.gpt2(vocab: 9, dim: 8, layers: 1, heads: 2, maxLength: 8).metadata
    metadata["norm_eps"] = nil
    #expect(try TransformerConfig(metadata: metadata, file: "f").normEpsilon == 1e-5)
    metadata["dim"] = nil
    #expect(
      refusal { _ = try TransformerConfig(metadata: metadata, file: "f") }
        == "f: the metadata do not state 'dim'")
  }

  @Test func boundsAreNamed() {
    var config = TransformerConfig.gpt2(vocab: 9, dim: 8, layers: 1, heads: 2, maxLength: 8)
    config.ropeBase = 0
    #expect(refusal { try config.validate() } == "rope_base must be a finite number above 0.0, got 0.0")
    config.ropeBase = 1
    config.normEpsilon = .infinity
    #expect(refusal { try config.validate() } == "norm_eps must be a finite number, at least 0.0, got inf")
    config.normEpsilon = 0
    config.heads = 0
    #expect(refusal { try config.validate() } == "heads must be from 1 to 16777216, got 0")
  }

  // MARK: files

  /// The hash of the same file read by the reader this one replaced (version b671885).
  @Test func storiesModelHasItsKnownHash() throws {
    guard let path = Support.data("stories260K/stories260K.bin") else { return }
    #expect(
      try Transformer.load(path: path).contentHash()
        == "377f669600b0528c85c8b37ac90f00e47b207593206a4f82861d393987bc8c02")
  }

  /// The hashes of version b671885: a seed gives the same model in every version.
  @Test func freshWeightsAreThoseOfEarlierVersions() throws {
    let sizes = (vocab: 19, dim: 24, layers: 2, heads: 4, length: 24)
    for (style, hash) in [
      (TransformerConfig.Style.gpt2, "9c5e0f6267c1f4a88172cc9bceac5361da6f4c632f0d4870a1791ef18ec80d09"),
      (.llama, "a43812acc5ba0d5a4de32e7e4b76cf4a8621a9ef9f55edb9bdef75e50c3d1901"),
    ] {
      let config = TransformerConfig(
        style, vocab: sizes.vocab, dim: sizes.dim, layers: sizes.layers, heads: sizes.heads,
        maxLength: sizes.length)
      #expect(try Transformer(config, seed: 3).contentHash() == hash)
    }
  }

  @Test func weightsThatAreNotFiniteAreNamed() throws {
    try withFile { path in
      for bad in [Float.nan, -.infinity] {
        let model = try Support.tinyGPT2()
        try model.weights.layers[1].up.weight.asVariable().value.pointer(Float.self)[2] = bad
        try model.save(path: path)
        #expect(
          refusal { _ = try Transformer.load(path: path) }
            .contains("weight 'layers.1.mlp.up.weight' is \(bad) at element 3"))
      }
    }
  }

  @Test func damagedWeightsDoNotHaveTheHashOfTheFile() throws {
    try withFile { path in
      try Support.tinyGPT2().save(path: path)
      var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
      bytes[bytes.count - 2] ^= 1
      try AtomicFile.write(bytes, to: path)
      #expect(refusal { _ = try Transformer.load(path: path) }.contains("the file is damaged"))
    }
  }

  @Test func namedTensorsWithoutAShapeAreRefusedByTheirFamily() throws {
    try withFile { path in
      let tensor = try Tensor(zeros: [2, 2], .f32)
      try Safetensors([("h.0.attn.c_attn.weight", tensor), ("wte.weight", tensor)]).write(to: path)
      #expect(refusal { _ = try Transformer.load(path: path) }.contains("those of GPT-2 (Hugging Face)"))
      try Safetensors([("w", tensor)], metadata: ["format": "pt"]).write(to: path)
      #expect(
        refusal { _ = try Transformer.load(path: path) }.contains(
          "with format \"perilune-model-1\", got format \"pt\""))
    }
  }

  @Test func moreLayersThanTheFileHoldsAreRefusedAtOnce() throws {
    try withFile { path in
      let model = try Support.tinyGPT2()
      var metadata = model.config.metadata
      metadata["format"] = WeightLayout.perilune.name
      metadata["layers"] = "16000000"
      try Safetensors(model.parameters.map { ($0.name, $0.value.value) }, metadata: metadata).write(to: path)
      #expect(refusal { _ = try Transformer.load(path: path) }.contains("too few for 16000000 layers"))
    }
  }

  /// 1.2 MB that took 40 seconds when tensors were found by a search from the front.
  @Test func tenThousandSmallLayersLoad() throws {
    try withFile { path in
      let layers = 10_000
      let count = 2 * 2 + layers * (2 + 16 + 2 + 12) + 2 + 2 * 2
      let header: [Int32] = [2, 2, Int32(layers), 1, 1, 2, 2]
      let bytes =
        header.flatMap { n in withUnsafeBytes(of: n.littleEndian) { Array($0) } }
        + [UInt8](repeating: 0, count: 4 * count)
      try AtomicFile.write(bytes, to: path)
      #expect(try Transformer.load(path: path).config.layers == layers)
    }
  }

  /// The weights of a model, written as transformers writes them, are read back to the same model.
  @Test func weightsOfHuggingFaceNamesMakeTheSameModel() throws {
    let model = Support.sharpened(try Support.tinyLlama(), 8)
    let c = model.config
    let size = c.dim / c.heads
    func rows(_ tensor: Tensor, _ from: Int, _ count: Int) throws -> Tensor {
      try tensor.narrowed(0, from: from, length: count).copied()
    }
    /// The rows of each head with the first elements of all rotary pairs before the second ones.
    func halves(_ tensor: Tensor) throws -> Tensor {
      let order = (0..<tensor.shape[0]).map { row -> Int in
        let (head, place) = row.quotientAndRemainder(dividingBy: size)
        return head * size + (place < size / 2 ? 2 * place : 2 * (place - size / 2) + 1)
      }
      let result = try Tensor(uninitialized: tensor.shape, .f32)
      for (row, from) in order.enumerated() {
        try Strided.copy(from: try rows(tensor, from, 1), to: try result.narrowed(0, from: row, length: 1))
      }
      return result
    }
    func value(_ affine: Affine) throws -> Tensor { try affine.weight.asVariable().value }
    let w = model.weights
    var tensors: [(String, Tensor)] = [
      ("model.embed_tokens.weight", try value(w.embedding)), ("model.norm.weight", try value(w.norm)),
      ("lm_head.weight", try value(w.output)),
    ]
    for (i, layer) in w.layers.enumerated() {
      let at = "model.layers.\(i)."
      let qkv = try value(layer.qkv)
      let (q, k) = (c.heads * size, c.kvHeads * size)
      tensors += [
        (at + "input_layernorm.weight", try value(layer.attentionNorm)),
        (at + "self_attn.q_proj.weight", try halves(rows(qkv, 0, q))),
        (at + "self_attn.k_proj.weight", try halves(rows(qkv, q, k))),
        (at + "self_attn.v_proj.weight", try rows(qkv, q + k, k)),
        (at + "self_attn.o_proj.weight", try value(layer.output)),
        (at + "post_attention_layernorm.weight", try value(layer.mlpNorm)),
        (at + "mlp.gate_proj.weight", try rows(value(layer.up), 0, c.hidden)),
        (at + "mlp.up_proj.weight", try rows(value(layer.up), c.hidden, c.hidden)),
        (at + "mlp.down_proj.weight", try value(layer.down)),
        (at + "self_attn.rotary_emb.inv_freq", try Tensor(zeros: [size / 2], .f32)),
      ]
    }
    try withFile { path in
      try Safetensors(tensors.map { (name: $0.0, tensor: $0.1) }).write(to: path)
      let read = try Transformer(c, WeightFiles.open(path), .llama)
      #expect(try read.contentHash() == model.contentHash())
    }
  }

  // MARK: training

  @Test func frozenParametersGetNoGradient() throws {
    let model = try Support.tinyGPT2()
    try model.setRequiresGrad(false)
    try model.setRequiresGrad(true, matching: "layers.1.*bias")
    let names = model.parameters.filter { $0.value.requiresGrad }.map(\.name)
    #expect(
      names == [
        "layers.1.attention_norm.bias", "layers.1.attention.qkv.bias", "layers.1.attention.output.bias",
        "layers.1.mlp_norm.bias", "layers.1.mlp.up.bias", "layers.1.mlp.down.bias",
      ])
    #expect(model.trainable.count == 6)
    try model.tokenLogps(TokenRows([[1, 2, 3]], from: [1])).apply(.sum, attributes: [.none, .flag(false)])
      .backward()
    for (name, value) in model.parameters { #expect((value.grad != nil) == names.contains(name), "\(name)") }
    #expect(try model.clone().trainable.count == 6)
    #expect(
      refusal { try model.setRequiresGrad(false, matching: "layer.*") }.contains("no parameter matches"))
  }

  @Test func patternsMatchAnyText() {
    for (name, pattern, matches) in [
      ("layers.0.mlp.up.weight", "*", true), ("layers.0.mlp.up.weight", "layers.0.*", true),
      ("layers.10.mlp.up.weight", "layers.1.*", false), ("norm.weight", "*norm*", true),
      ("norm.weight", "norm", false),
      ("a.b.c.b", "*b", true), ("", "*", true), ("", "", true), ("x", "", false), ("aab", "a*ab", true),
    ] {
      #expect(Glob.matches(name, pattern) == matches, "\(name) \(pattern)")
    }
  }
}
