/// Folders that are not computed here are refused by the name of what is wrong; harmless oddities are accepted.
import Base
import Formats
import Foundation
import Tensors
import Testing
import Weights

@testable import Models

@Suite struct FolderRefusalTests {
  /// A copy of a fixture's folder without what is only for tests, changed by `change`.
  private func copy(
    _ name: String, _ change: (String, inout [JSONMember]) throws -> Void, _ body: (String) throws -> Void
  ) throws {
    let source = try FolderFixture(name).path
    try FolderTests.withFolder { path in
      try AtomicFile.makeFolder(path)
      for file in try FileCalls.names(in: source) where file.hasPrefix("model") {
        try FileManager.default.copyItem(atPath: source + "/" + file, toPath: path + "/" + file)
      }
      var members = try JSONValue.load(source + "/config.json").members ?? []
      try change(path, &members)
      try JSONValue.object(members).save(to: path + "/config.json")
      try body(path)
    }
  }

  private func refusal(
    _ name: String, _ change: (String, inout [JSONMember]) throws -> Void
  ) throws -> String {
    var words = "accepted"
    try copy(name, change) { path in
      do { _ = try Transformer.load(path: path) } catch { words = "\((error as? Failure)?.cause ?? error)" }
    }
    return words
  }

  private static func set(_ key: String, _ value: JSONValue, _ members: inout [JSONMember]) {
    members.removeAll { $0.key == key }
    members.append(JSONMember(key, value))
  }

  struct Setting: Sendable {
    let folder, key: String
    let value: JSONValue
    let words: String
  }

  static let settings = [
    Setting(
      folder: "qwen2-b", key: "num_hidden_layers", value: 16_000_000,
      words: "'num_hidden_layers' must be at most 4096"),
    Setting(
      folder: "llama-a", key: "vocab_size", value: 16_000_000,
      words: "weight 'embedding.weight' needs 16000000 rows, its tensors have 43"),
    Setting(folder: "llama-a", key: "head_dim", value: 16_000_000, words: "are wider than"),
    Setting(
      folder: "llama-a", key: "architectures", value: ["Phi3ForCausalLM"],
      words: "architecture \"Phi3ForCausalLM\""),
    Setting(
      folder: "llama-a", key: "architectures", value: ["LlamaModel"], words: "architecture \"LlamaModel\""),
    Setting(
      folder: "llama-a", key: "architectures", value: ["LlamaForSequenceClassification"],
      words: "'num_labels' is not given, which is 2 labels"),
    Setting(
      folder: "llama-a", key: "quantization_config", value: ["quant_method": "gptq"],
      words: "'quantization_config' is not computed here; load the model in transformers"),
    Setting(folder: "llama-a", key: "num_local_experts", value: 8, words: "'num_local_experts'"),
    Setting(folder: "llama-a", key: "no_rope_layers", value: [0, 1], words: "'no_rope_layers'"),
    Setting(
      folder: "llama-a", key: "partial_rotary_factor", value: 0.5, words: "'partial_rotary_factor' must be 1"),
    Setting(
      folder: "llama-b", key: "rope_scaling", value: ["type": "longrope", "factor": 2],
      words: "'type' is \"longrope\", which is not computed here; known: default, linear, llama3, yarn"),
    Setting(
      folder: "llama-a", key: "rope_parameters", value: ["rope_type": "dynamic", "factor": 2],
      words: "'rope_type' is \"dynamic\""),
    Setting(
      folder: "llama-a", key: "rope_parameters", value: ["full_attention": ["rope_type": "default"]],
      words: "'rope_parameters' must be one object for all layers"),
    Setting(folder: "llama-a", key: "hidden_act", value: "relu", words: "'hidden_act' is \"relu\""),
    Setting(
      folder: "llama-a", key: "hidden_size", value: "18", words: "'hidden_size' must be a whole number"),
    Setting(folder: "llama-a", key: "hidden_size", value: -18, words: "got -18"),
    Setting(folder: "llama-a", key: "hidden_size", value: 1_000_000_000_000, words: "'hidden_size'"),
    Setting(
      folder: "llama-a", key: "num_hidden_layers", value: 16_000_000, words: "too few for 16000000 layers"),
    Setting(
      folder: "llama-a", key: "num_hidden_layers", value: 3,
      words: "no tensor 'layers.2.input_layernorm.weight'"),
    Setting(
      folder: "llama-a", key: "num_hidden_layers", value: 1, words: "no weight for the tensor 'model.layers.1"
    ),
    Setting(folder: "llama-a", key: "num_attention_heads", value: 0, words: "heads must be from 1"),
    Setting(folder: "llama-a", key: "attention_bias", value: false, words: "no weight for the tensor"),
    Setting(
      folder: "gpt2-a", key: "scale_attn_by_inverse_layer_idx", value: true, words: "scale_attn_by_inverse"),
    Setting(
      folder: "gpt2-a", key: "activation_function", value: "gelu", words: "'activation_function' is \"gelu\""),
    Setting(
      folder: "gemma2-a", key: "layer_types", value: ["full_attention"], words: "'layer_types' must be 2 of"),
    Setting(folder: "gemma2-a", key: "query_pre_attn_scalar", value: 0, words: "'query_pre_attn_scalar'"),
    Setting(
      folder: "gemma2-a", key: "use_bidirectional_attention", value: true,
      words: "use_bidirectional_attention"),
    Setting(
      folder: "t5-a", key: "feed_forward_proj", value: "gelu", words: "'feed_forward_proj' is \"gelu\""),
    Setting(
      folder: "t5-a", key: "is_encoder_decoder", value: false, words: "'is_encoder_decoder' must be true"),
    Setting(
      folder: "t5-a", key: "relative_attention_num_buckets", value: 31, words: "an even number from 4 on"),
    Setting(
      folder: "t5-a", key: "num_decoder_layers", value: 2, words: "no weight for the tensor 'decoder.block.2"),
    Setting(
      folder: "t5-a", key: "decoder_start_token_id", value: 43,
      words: "decoder_start_token_id 43 is not a token"),
  ]

  @Test(arguments: settings)
  func settingsThatAreNotComputedAreNamed(_ setting: Setting) throws {
    let words = try refusal(setting.folder) { Self.set(setting.key, setting.value, &$1) }
    #expect(words.contains(setting.words), "\(words)")
  }

  @Test func filesThatAreMissingOrPicklesAreNamed() throws {
    func moved(_ name: String) throws -> String {
      try refusal("llama-a") { path, _ in
        try FileManager.default.moveItem(atPath: path + "/model.safetensors", toPath: path + "/" + name)
      }
    }
    #expect(try moved("pytorch_model.bin").contains("pytorch_model.bin is a Python pickle"))
    #expect(try moved("weights.gguf").contains("weights.gguf: load that file by its own path"))
    #expect(try moved("notes").contains("no model*.safetensors; expected config.json"))
  }

  @Test func namesInAnIndexAreNoPaths() throws {
    for name in ["../model.safetensors", "/etc/passwd", "..", ""] {
      let words = try refusal("mistral-a") { path, _ in
        let index = JSONValue.object([JSONMember("weight_map", .object([JSONMember("w", .string(name))]))])
        try index.save(to: path + "/model.safetensors.index.json")
      }
      #expect(words.contains("gives 'w' no name of a file in the folder"), "\(words)")
    }
  }

  @Test func anIndexThatPlacesATensorWronglyIsNamed() throws {
    let words = try refusal("mistral-a") { path, _ in
      let map = [JSONMember("nowhere.weight", "model-00001-of-00002.safetensors")]
      try JSONValue.object([JSONMember("weight_map", .object(map))])
        .save(to: path + "/model.safetensors.index.json")
    }
    #expect(
      words.contains("the tensor 'nowhere.weight' is not in model-00001-of-00002.safetensors"), "\(words)")
  }

  @Test func anIndexOfFilesThatAreNotThereIsIgnored() throws {
    let fixture = try FolderFixture("llama-a")
    try copy("llama-a") { path, _ in
      let map = [JSONMember("lm_head.weight", "model-00001-of-00009.safetensors")]
      try JSONValue.object([JSONMember("weight_map", .object(map))])
        .save(to: path + "/model.safetensors.index.json")
    } _: { path in
      let error = try fixture.logitError(try Transformer.load(path: path))
      #expect(error <= FolderTests.tolerance)
    }
  }

  @Test func aTensorInTwoFilesOrOfNoUseIsNamed() throws {
    let twice = try refusal("mistral-a") { path, _ in
      try FileManager.default.copyItem(
        atPath: path + "/model-00001-of-00002.safetensors", toPath: path + "/model-00003.safetensors")
      try FileManager.default.removeItem(atPath: path + "/model.safetensors.index.json")
    }
    #expect(
      twice.contains("is in model-00001-of-00002.safetensors and in model-00003.safetensors"), "\(twice)")
    func adding(_ name: String, to folder: String) throws -> String {
      try refusal(folder) { path, _ in
        var file = try Safetensors.read(path + "/model.safetensors")
        file.tensors.append((name, try Tensor(zeros: [2], .f32)))
        try file.write(to: path + "/model.safetensors")
      }
    }
    #expect(
      try adding("model.extra.weight", to: "llama-a").contains(
        "no weight for the tensor 'model.extra.weight'"))
    // The bias of c_attn is a weight; that of attn is a mask.
    #expect(try adding("h.7.attn.c_attn.bias", to: "gpt2-b").contains("'h.7.attn.c_attn.bias'"))
    #expect(try adding("h.7.attn.bias", to: "gpt2-b") == "accepted")
    #expect(try adding("vision_tower.x", to: "gemma3-b") == "accepted")
    #expect(try adding("vision_tower.x", to: "llama-a").contains("'vision_tower.x'"))
  }

  @Test func aModelWithoutEmbeddingAndHeadIsRefused() throws {
    let words = try refusal("gpt2-a") { path, _ in
      var file = try Safetensors.read(path + "/model.safetensors")
      file.tensors.removeAll { $0.name.hasSuffix("wte.weight") }
      try file.write(to: path + "/model.safetensors")
    }
    #expect(words.contains("no tensor 'wte.weight'"), "\(words)")
  }

  /// Files have the head alone, or the head and the embedding as equal tensors.
  @Test func theHeadServesAsTheEmbeddingAndEqualOnesAreOne() throws {
    let fixture = try FolderFixture("qwen2-a")
    for isAlone in [true, false] {
      try copy("qwen2-a") { path, _ in
        var file = try Safetensors.read(path + "/model.safetensors")
        let at = file.tensors.firstIndex { $0.name == "model.embed_tokens.weight" } ?? 0
        let tensor = file.tensors[at].tensor
        if isAlone { file.tensors.remove(at: at) }
        file.tensors.append(("lm_head.weight", tensor))
        try file.write(to: path + "/model.safetensors")
      } _: { path in
        let model = try Transformer.load(path: path)
        #expect(model.config.tied)
        #expect(try fixture.logitError(model) <= FolderTests.tolerance)
      }
    }
  }

  @Test func embeddingsThatDifferAreNamed() throws {
    let words = try refusal("t5-b") { path, _ in
      let file = try Safetensors.read(path + "/model.safetensors")
      for (name, tensor) in file.tensors where name == "decoder.embed_tokens.weight" {
        tensor.pointer(Float.self)[3] += 1
      }
      try file.write(to: path + "/model.safetensors")
    }
    #expect(words.contains("'encoder.embed_tokens' and 'decoder.embed_tokens' differ"), "\(words)")
  }

  @Test func aModelThatNoArchitectureHasIsNotWritten() throws {
    var config = TransformerConfig.llama(vocab: 9, dim: 8, layers: 1, heads: 2, maxLength: 8)
    config.logitSoftcap = 3
    let model = try Transformer(config, seed: 0)
    try FolderTests.withFolder { path in
      #expect(throws: Failure.self) { try model.save(folder: path) }
      #expect(!FileManager.default.fileExists(atPath: path))
    }
  }

  @Test func nothingIsWrittenBesideAnIndexOfAnother() throws {
    let model = try Support.tinyLlama()
    try FolderTests.withFolder { path in
      try AtomicFile.makeFolder(path)
      try AtomicFile.write(Array("{}".utf8), to: path + "/model.safetensors.index.json")
      #expect(throws: Failure.self) { try model.save(folder: path) }
    }
  }
}
