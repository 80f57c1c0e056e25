/// `perilune.models`: decoders for Lua.
import Autograd
import Base
import Formats
import LuaEngine
import Models
import Tensors

enum ModelModule {
  static func install(into lua: Lua) throws {
    try lua.register(RowsClass.declaration())
    try lua.register(ModelClass.declaration())
    try lua.preload(
      "perilune.models",
      LuaModule { module in
        module.function("transformer", transformer)
        module.function("rows", RowsClass.create)
        module.function("load", load)
        module.function("load_llama2c", loadLlama2C)
      })
  }

  /// transformer{ style = "gpt2" | "llama", vocab, dim, layers, heads, max_length, ... }
  private static func transformer(_ call: Call) throws -> Int {
    let options = try OptionTable(call, 1, Self.options)
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

  /// load(path): a model written by `model:save(path)`.
  private static func load(_ call: Call) throws -> Int {
    try call.pushObject(try Transformer.load(path: try call.string(1)))
    return 1
  }

  /// load_llama2c(path): a model in llama2.c's format.
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
