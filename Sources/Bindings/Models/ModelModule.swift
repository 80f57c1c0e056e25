/// `perilune.models`: transformers, created or loaded; the class Model is in ModelClass.swift.
import Autograd
import Base
import Formats
import LuaEngine
import Models
import Tensors
import Weights

enum ModelModule {
  static let options =
    [
      Option(
        "style", TransformerConfig.Style.gpt2,
        "\"gpt2\": LayerNorm, GELU, learned positions, biases; \"llama\": RMSNorm, SwiGLU, rotary "
          + "positions, no biases; \"t5\": an encoder for the prompt and a decoder for the response, RMSNorm, ReLU, "
          + "relative positions, no biases"
      )
    ] + TransformerConfig.fields.map(Option.init) + [Option("seed", 0, "seed of the initial weights")]

  private static let loadOptions = [
    Option(
      "dtype", optional: WeightPrecision.self,
      "how the weights are kept. \"f32\": they can train. \"bf16\": two bytes a weight, rounded to the nearest. "
        + "\"auto\": as in the file, such as the quantised blocks of GGUF. bf16 and auto are frozen: for a reference, a "
        + "judge, sampling, or under adapters; norms and biases are f32",
      otherwise: "\"f32\", and under adapters alone as their base was kept"),
    Option(
      "precision", optional: .choice(Precision.allCases.map(\.rawValue)),
      "of the products with weights, as in models.transformer: \"f32\" or \"bf16\"",
      otherwise: "as model:save wrote it, otherwise \"f32\""),
  ]

  static func install(_ library: Library) throws {
    try library.add(
      NativeModule("models", group: "models") { module in
        module.function(
          "transformer",
          Page(
            "models.transformer{options}",
            "A transformer with random initial weights: a decoder, or with encoder_layers an encoder and a decoder.",
            options: options, errors: "heads does not divide dim; kv_heads does not divide heads",
            source:
              "Radford et al. 2019 (GPT-2); Touvron et al. 2023, arXiv:2302.13971 (Llama); Raffel et al. 2020, "
              + "arXiv:1910.10683 (T5)",
            example: """
              models = require 'perilune.models'
              print(models.transformer{vocab = 11, dim = 8, layers = 1, heads = 2, max_length = 16})
              """, prints: "[Model 1 layers, dim 8, 2 heads, vocab 11, 1104 parameters]"), optionsAt: 1,
          transformer)
        module.function(
          "load",
          Page(
            "models.load(path, {options})",
            "The model in a file or folder; the content decides, not the name. A file: safetensors with its "
              + "configuration, as model:save writes it, GGUF of version 2 or 3 (F32, F16, BF16, Q4_0 to Q8_0, "
              + "Q2_K to Q6_K), or the format of llama2.c, version 0. A folder: "
              + "config.json and safetensors, in one file or several, as Hugging Face's transformers writes them, "
              + "of GPT-2, Llama, Mistral, Qwen2, Qwen3, Gemma 2, Gemma 3 (text), T5, T5 1.1 or Flan-T5. Weights of any "
              + "floating type become f32 unless dtype says otherwise.",
            options: loadOptions,
            errors:
              "the file cannot be read; it has another format, architecture or setting that is not computed here "
              + "(the message names it and what to do), or not the weights of its configuration; a tensor has no "
              + "use; a weight is NaN or infinite",
            source: "Karpathy, llama2.c, export.py; huggingface/transformers, src/transformers/models",
            example: ModelClass.tiny + """
              path = os.tmpname()
              model:save(path)
              frozen = require 'perilune.models'.load(path, { dtype = 'bf16' })
              os.remove(path)
              print(frozen:dtype(), #frozen:sample({{1, 2}}, { max_new_tokens = 3 }))
              """, prints: "bf16\t1"), optionsAt: 2,
          load)
        module.function(
          "save",
          Page(
            "models.save(model, folder)",
            "Writes config.json and model.safetensors, in f32, as a folder that transformers' from_pretrained and "
              + "models.load read. The architecture is the first of transformers with the model's configuration. "
              + "Other files of the folder, such as a tokenizer's, stay.",
            errors:
              "no architecture has the configuration; the folder holds the index of another model; a file "
              + "cannot be written",
            source: "huggingface/transformers, src/transformers/models",
            example: """
              models = require 'perilune.models'
              model = models.transformer{vocab = 11, dim = 8, layers = 1, heads = 2, max_length = 16, style = 'llama'}
              folder = os.tmpname()
              os.remove(folder)
              models.save(model, folder)
              print(models.load(folder):hash() == model:hash())
              os.remove(folder .. '/config.json')
              os.remove(folder .. '/model.safetensors')
              os.remove(folder)
              """, prints: "true"),
          save)
        module.function(
          "describe",
          Page(
            "models.describe(path) -> table",
            "What the file or folder of a model says of it, read without its weights: format; family, the kind of its "
              + "tensors' names; config, as model:config(), with rope and tied; dtypes, the number of tensors of "
              + "each type; ignored, names of tensors that hold no weights; stated, the file's other keys and "
              + "values as text, such as general.name of GGUF.",
            errors: "as of models.load, but the weights are not looked at",
            example: ModelClass.tiny + """
              path = os.tmpname()
              model:save(path)
              about = require 'perilune.models'.describe(path)
              print(about.format, about.config.tied, about.dtypes.F32)
              os.remove(path)
              """, prints: "safetensors\ttrue\t16"), describe)
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
    case .choice, .pattern: try field.set(.text(options.text(field.name)), in: &config)
    }
  }

  private static func load(_ call: Call, _ options: OptionTable) throws -> Int {
    let kept = try options.choice(ifGiven: "dtype", WeightPrecision.self)
    let model = try Transformer.load(path: try call.string(1), kept)
    let asked = try options.choice(ifGiven: "precision", Precision.self)
    try call.pushObject(asked.map(model.withPrecision) ?? model)
    return 1
  }

  private static func save(_ call: Call) throws -> Int {
    try call.object(1, as: Transformer.self).save(folder: try call.string(2))
    return 0
  }

  private static func describe(_ call: Call) throws -> Int {
    let about = try ModelDescription(path: try call.string(1))
    func sorted(_ texts: [String: String]) -> LuaValue {
      .record(texts.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })
    }
    try call.push(
      .record([
        ("format", .string(about.format)), ("family", .string(about.family)),
        ("config", configTable(about.config)),
        ("dtypes", .record(about.dtypes.sorted { $0.key < $1.key }.map { ($0.key, .int($0.value)) })),
        ("ignored", .list(about.ignored.map { .string($0) })), ("stated", sorted(about.stated)),
      ]))
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
