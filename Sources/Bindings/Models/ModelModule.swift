/// `perilune.models`: transformers, created or loaded; the class Model is in ModelClass.swift.
import Autograd
import Base
import Formats
import LuaEngine
import Models
import Tensors

enum ModelModule {
  static let options =
    [
      Option(
        "style", TransformerConfig.Style.gpt2,
        "\"gpt2\": LayerNorm, GELU, learned positions, biases; \"llama\": RMSNorm, SwiGLU, rotary "
          + "positions, no biases"
      )
    ] + TransformerConfig.fields.map(Option.init) + [Option("seed", 0, "seed of the initial weights")]

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
            "models.load(path)",
            "The model in a file: safetensors with its configuration, as model:save writes it, or the "
              + "format of llama2.c, version 0. The content of the file decides, not its name.",
            errors:
              "the file cannot be read; it has another format (the message names it and what to do), or "
              + "not the weights of its configuration; a weight is NaN or infinite",
            source: "Karpathy, llama2.c, export.py",
            example: "print((pcall(require 'perilune.models'.load, '/no/such/model')))", prints: "false"),
          load)
        module.function("rows", RowsClass.page, RowsClass.create)
      })
    try library.add(RowsClass.declaration())
    try library.add(ModelClass.declaration())
  }

  private static func transformer(_ call: Call, _ options: OptionTable) throws -> Int {
    var config = TransformerConfig()
    // The style derives its fields from the sizes, which therefore come first; given fields override it.
    let (sizes, others) = (
      TransformerConfig.fields.filter(\.isRequired), TransformerConfig.fields.filter { !$0.isRequired }
    )
    for field in sizes { try set(field, options, &config) }
    try options.choice("style", TransformerConfig.Style.self).apply(to: &config)
    for field in others where options.has(field.name) { try set(field, options, &config) }
    try call.pushObject(try Transformer(config, seed: try options.seed("seed")))
    return 1
  }

  private static func set(_ field: ConfigField, _ options: OptionTable, _ config: inout TransformerConfig)
    throws
  {
    switch field.kind {
    case .size: try field.set(.integer(options.integer(field.name)), in: &config)
    case .number: try field.set(.number(options.number(field.name)), in: &config)
    case .flag: try field.set(.flag(options.flag(field.name)), in: &config)
    case .choice: try field.set(.text(options.text(field.name)), in: &config)
    }
  }

  private static func load(_ call: Call) throws -> Int {
    try call.pushObject(try Transformer.load(path: try call.string(1)))
    return 1
  }

  static func configTable(_ config: TransformerConfig) -> LuaValue {
    .record(
      TransformerConfig.fields.map { field in
        switch field.value(of: config) {
        case .integer(let value): return (field.name, .int(value))
        case .number(let value): return (field.name, .number(value))
        case .flag(let value): return (field.name, .boolean(value))
        case .text(let value): return (field.name, .string(value))
        }
      })
  }
}
