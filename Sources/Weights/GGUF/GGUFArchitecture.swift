/// The architectures of GGUF files that are read: how each names its tensors, and what holds that its files do not state.
///
/// Names of keys and tensors are those of ggml's docs/gguf.md; what is left unsaid is as llama.cpp has it (`src/models`).
/// Key names of the metadata are kept short here: a key `name` is `architecture.name` in the file.
import Base
import Formats

struct GGUFArchitecture {
  let name: String
  let layout: WeightLayout
  /// Fields of the configuration that hold for all files of the architecture.
  let fixed: [String: String]

  /// The architecture that a file names.
  init(_ file: GGUFFile) throws {
    let key = "general.architecture"
    guard let name = try file.text(key) else {
      throw Failure(
        .format, "\(file.source.name): no key '\(key)': the file does not say what model it holds")
    }
    guard let found = Self.all.first(where: { $0.name == name }) else {
      let known = Self.all.map(\.name).joined(separator: ", ")
      throw Failure(
        .format, "\(file.source.name): \(key) is '\(Quoted.name(name))', which is not read; read are \(known)"
      )
    }
    self = found
  }

  private init(_ name: String, _ layout: WeightLayout, _ fixed: [String: String]) {
    (self.name, self.layout, self.fixed) = (name, layout, fixed)
  }

  private static let llama = ["norm": "rms", "activation": "swiglu", "positions": "rotary"]

  static let all: [GGUFArchitecture] = [
    // The converter puts rotary pairs side by side for this one alone (llama.cpp, conversion/llama.py, permute).
    GGUFArchitecture("llama", layout("llama", rotary: .same), llama),
    GGUFArchitecture("qwen2", layout("qwen2", rotary: .rotaryHalves), llama),
    GGUFArchitecture("qwen3", layout("qwen3", rotary: .rotaryHalves), llama.with(["qk_norm": "true"])),
    GGUFArchitecture(
      "gpt2", gpt2, ["norm": "layer", "activation": "gelu", "positions": "learned"]),
    GGUFArchitecture(
      "gemma2", layout("gemma2", rotary: .rotaryHalves),
      llama.with([
        "activation": "geglu", "post_norms": "true", "layer_pattern": "sf", "sliding_window": "4096",
      ])),
    GGUFArchitecture(
      "gemma3", layout("gemma3", rotary: .rotaryHalves),
      llama.with([
        "activation": "geglu", "post_norms": "true", "qk_norm": "true", "layer_pattern": "sssssf",
        "rope_local_base": "10000",
      ])),
  ]

  private static func layout(_ name: String, rotary: WeightSource.Arrangement) -> WeightLayout {
    WeightLayout(
      name: "\(name) (GGUF)", embedding: [.init("token_embd")], positions: [],
      layer: LayerWeights(
        attentionNorm: [.init("blk.{layer}.attn_norm")],
        qkv: [
          .init("blk.{layer}.attn_q", rotary), .init("blk.{layer}.attn_k", rotary),
          .init("blk.{layer}.attn_v"),
        ],
        queryNorm: [.init("blk.{layer}.attn_q_norm", rotary)],
        keyNorm: [.init("blk.{layer}.attn_k_norm", rotary)],
        output: [.init("blk.{layer}.attn_output")],
        attentionPostNorm: [.init("blk.{layer}.post_attention_norm")],
        mlpNorm: [.init("blk.{layer}.ffn_norm")],
        up: [.init("blk.{layer}.ffn_gate"), .init("blk.{layer}.ffn_up")],
        down: [.init("blk.{layer}.ffn_down")],
        mlpPostNorm: [.init("blk.{layer}.post_ffw_norm")]),
      norm: [.init("output_norm")], head: [.init("output")],
      // Divisors of the rotary frequencies are part of the configuration; tables of angles are derived from it.
      ignored: [GGUFConfiguration.ropeDivisors, ".attn_rot_embd.weight"])
  }

  /// Matrices are [outputs, inputs], unlike those of transformers.
  private static let gpt2 = WeightLayout(
    name: "gpt2 (GGUF)", embedding: [.init("token_embd")], positions: [.init("position_embd")],
    layer: LayerWeights(
      attentionNorm: [.init("blk.{layer}.attn_norm")], qkv: [.init("blk.{layer}.attn_qkv")],
      output: [.init("blk.{layer}.attn_output")], mlpNorm: [.init("blk.{layer}.ffn_norm")],
      up: [.init("blk.{layer}.ffn_up")], down: [.init("blk.{layer}.ffn_down")]),
    norm: [.init("output_norm")], head: [.init("output")])
}

extension [String: String] {
  fileprivate func with(_ others: [String: String]) -> [String: String] { merging(others) { $1 } }
}
