/// `perilune.models`: decoders, optimisers and schedules for Lua.
import Autograd
import Base
import Formats
import LuaEngine
import Models
import Tensors

enum ModelModule {
  static func install(into lua: Lua) throws {
    try lua.register(ModelClass.declaration())
    try lua.register(OptimizerClass.declaration())
    try lua.preload(
      "perilune.models",
      LuaModule { module in
        module.function("transformer", transformer)
        module.function("load", load)
        module.function("load_llama2c", loadLlama2C)
        module.function("adamw", OptimizerClass.create)
        module.function("clip_grad_norm", OptimizerClass.clip)
        module.function("learning_rate", OptimizerClass.learningRate)
      })
  }

  /// transformer{ style = "gpt2" | "llama", vocab, dim, layers, heads, max_length, ... }
  private static func transformer(_ call: Call) throws -> Int {
    let options = try OptionTable(call, 1, Self.options)
    func size(_ name: String) throws -> Int {
      guard let value = try options.integer(name) else { throw call.bad(1, "option '\(name)' is needed") }
      return value
    }
    let style = try options.text("style") ?? "gpt2"
    let sizes = (
      vocab: try size("vocab"), dim: try size("dim"), layers: try size("layers"), heads: try size("heads"),
      length: try size("max_length")
    )
    var config: TransformerConfig
    switch style {
    case "gpt2":
      config = .gpt2(
        vocab: sizes.vocab, dim: sizes.dim, layers: sizes.layers, heads: sizes.heads, maxLength: sizes.length)
    case "llama":
      config = .llama(
        vocab: sizes.vocab, dim: sizes.dim, layers: sizes.layers, heads: sizes.heads, maxLength: sizes.length)
    default: throw call.bad(1, "option 'style': expected \"gpt2\" or \"llama\", got \"\(style)\"")
    }
    config.kvHeads = try options.integer("kv_heads") ?? config.kvHeads
    config.hidden = try options.integer("hidden") ?? config.hidden
    config.norm = try options.choice("norm", TransformerConfig.Norm.self) ?? config.norm
    config.activation =
      try options.choice("activation", TransformerConfig.Activation.self) ?? config.activation
    config.positions = try options.choice("positions", TransformerConfig.Positions.self) ?? config.positions
    config.ropeBase = try options.number("rope_base") ?? config.ropeBase
    config.normEpsilon = try options.number("norm_eps") ?? config.normEpsilon
    config.bias = try options.flag("bias") ?? config.bias
    config.tied = try options.flag("tied") ?? config.tied
    let seed = UInt64(bitPattern: Int64(try options.integer("seed") ?? 0))
    try call.pushObject(try Transformer(config, seed: seed))
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
