/// `perilune.models`: transformers, created or loaded; the class Model is in ModelClass.swift.
import Autograd
import Base
import Formats
import LuaEngine
import Models
import Tensors

enum ModelModule {
  enum Style: String, CaseIterable { case gpt2, llama }
  private static let largest = 0x1p24

  static let options = [
    Option(
      "style", Style.gpt2,
      "\"gpt2\": LayerNorm, GELU, learned positions, biases; \"llama\": RMSNorm, SwiGLU, rotary positions, no biases"
    ),
    Option("vocab", required: .integer, "number of tokens in the vocabulary", least: 1, most: largest),
    Option("dim", required: .integer, "width of the residual stream", least: 1, most: largest),
    Option("layers", required: .integer, "number of layers", least: 1, most: largest),
    Option("heads", required: .integer, "number of query heads, a divisor of dim", least: 1, most: largest),
    Option("max_length", required: .integer, "longest sequence, in tokens", least: 1, most: largest),
    Option(
      "kv_heads", optional: .integer,
      "number of key and value heads, a divisor of heads; fewer than heads is grouped-query attention",
      otherwise: "heads", least: 1, most: largest),
    Option(
      "hidden", optional: .integer, "width of the feed-forward layer",
      otherwise: "4 dim; llama: 8/3 dim rounded up to a multiple of 8", least: 1, most: largest),
    Option("norm", optional: TransformerConfig.Norm.self, "normalisation", otherwise: "by style"),
    Option(
      "activation", optional: TransformerConfig.Activation.self, "activation of the feed-forward layer",
      otherwise: "by style"),
    Option(
      "positions", optional: TransformerConfig.Positions.self, "position encoding", otherwise: "by style"),
    Option(
      "rope_base", optional: .number, "base of the rotary angles", otherwise: "10000.0", above: 0),
    Option(
      "norm_eps", optional: .number, "added to the variance before the square root", otherwise: "1e-05",
      above: 0),
    Option("bias", optional: .flag, "whether linear layers have a bias", otherwise: "by style"),
    Option(
      "tied", optional: .flag, "whether the output head shares the weights of the embedding",
      otherwise: "true"),
    Option("seed", 0, "seed of the initial weights"),
  ]

  static func install(_ library: Library) throws {
    try library.add(
      NativeModule("models", group: "models") { module in
        module.function(
          "transformer",
          Page(
            "models.transformer{options}", "A decoder-only transformer with random initial weights.",
            options: options, errors: "heads does not divide dim; kv_heads does not divide heads",
            source: "Radford et al. 2019 (GPT-2); Touvron et al. 2023, arXiv:2302.13971 (Llama)",
            example: """
              models = require 'perilune.models'
              print(models.transformer{vocab = 11, dim = 8, layers = 1, heads = 2, max_length = 16})
              """, prints: "[Model 1 layers, dim 8, 2 heads, vocab 11, 1104 parameters]"), optionsAt: 1,
          transformer)
        module.function(
          "load",
          Page(
            "models.load(path)", "The model saved by model:save, a safetensors file with its configuration.",
            errors: "the file cannot be read, or holds no model; the message names the tensor or key",
            example: "print((pcall(require 'perilune.models'.load, '/no/such/model')))", prints: "false"),
          load)
        module.function(
          "load_llama2c",
          Page(
            "models.load_llama2c(path)",
            "A model in the format of llama2.c, version 0: seven numbers, then the weights in f32.",
            errors: "the file cannot be read, its sizes make no model, or its length does not match them",
            source: "Karpathy, llama2.c, export.py",
            example: "print((pcall(require 'perilune.models'.load_llama2c, '/no/such/model')))",
            prints: "false"), loadLlama2C)
        module.function("rows", RowsClass.page, RowsClass.create)
      })
    try library.add(RowsClass.declaration())
    try library.add(ModelClass.declaration())
  }

  private static func transformer(_ call: Call, _ options: OptionTable) throws -> Int {
    let sizes = (
      vocab: try options.integer("vocab"), dim: try options.integer("dim"),
      layers: try options.integer("layers"), heads: try options.integer("heads"),
      length: try options.integer("max_length")
    )
    var config: TransformerConfig
    switch try options.choice("style", Style.self) {
    case .gpt2:
      config = .gpt2(
        vocab: sizes.vocab, dim: sizes.dim, layers: sizes.layers, heads: sizes.heads, maxLength: sizes.length)
    case .llama:
      config = .llama(
        vocab: sizes.vocab, dim: sizes.dim, layers: sizes.layers, heads: sizes.heads, maxLength: sizes.length)
    }
    config.kvHeads = try options.integer(ifGiven: "kv_heads") ?? config.kvHeads
    config.hidden = try options.integer(ifGiven: "hidden") ?? config.hidden
    config.norm = try options.choice(ifGiven: "norm") ?? config.norm
    config.activation = try options.choice(ifGiven: "activation") ?? config.activation
    config.positions = try options.choice(ifGiven: "positions") ?? config.positions
    config.ropeBase = try options.number(ifGiven: "rope_base") ?? config.ropeBase
    config.normEpsilon = try options.number(ifGiven: "norm_eps") ?? config.normEpsilon
    config.bias = try options.flag(ifGiven: "bias") ?? config.bias
    config.tied = try options.flag(ifGiven: "tied") ?? config.tied
    try call.pushObject(try Transformer(config, seed: try options.seed("seed")))
    return 1
  }

  private static func load(_ call: Call) throws -> Int {
    try call.pushObject(try Transformer.load(path: try call.string(1)))
    return 1
  }

  private static func loadLlama2C(_ call: Call) throws -> Int {
    try call.pushObject(try Transformer.loadLlama2C(path: try call.string(1)))
    return 1
  }

  static func configTable(_ config: TransformerConfig) -> LuaValue {
    .record([
      ("vocab", .int(config.vocab)), ("dim", .int(config.dim)), ("layers", .int(config.layers)),
      ("heads", .int(config.heads)), ("kv_heads", .int(config.kvHeads)), ("hidden", .int(config.hidden)),
      ("max_length", .int(config.maxLength)), ("norm", .string(config.norm.rawValue)),
      ("activation", .string(config.activation.rawValue)), ("positions", .string(config.positions.rawValue)),
      ("rope_base", .number(config.ropeBase)), ("norm_eps", .number(config.normEpsilon)),
      ("bias", .boolean(config.bias)), ("tied", .boolean(config.tied)),
    ])
  }
}
