/// Low-rank adapters of a model.
import Base
import LuaEngine
import Models

extension ModelClass {
  /// Larger ones are errors of typing: published adapters have alphas to 512.
  private static let alphaMax = 65_536.0

  private static let loraOptions = [
    Option("r", 8, "the rank of the adapters", least: 1),
    Option("alpha", 8.0, "the adapters are scaled by alpha / r", most: alphaMax, above: 0),
    Option(
      "targets", optional: .any("a list of names of modules, a regular expression, or \"all-linear\""),
      "the modules that get adapters, by the end of their names: q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, "
        + "down_proj; c_attn, c_proj, c_fc in GPT-2's style; \"all-linear\" is every module but the head, another string "
        + "is a regular expression of whole names such as model.layers.0.self_attn.q_proj",
      otherwise: "q_proj and v_proj; c_attn in a model of GPT-2's style"),
    Option(
      "rank_pattern", optional: .any("a table of ranks by names of modules"),
      "other ranks: { k_proj = 2 }; a name is a regular expression of the end of a module's name"),
    Option(
      "alpha_pattern", optional: .any("a table of alphas by names of modules"),
      "other alphas, as rank_pattern"),
    Option(
      "modules_to_save", optional: .list("names of modules"),
      "modules that train as copies of their own beside the adapters, by the end of their names: lm_head, "
        + "embed_tokens, score, norm; wte, wpe, ln_f in GPT-2's style. A head that shares the embedding's weights "
        + "becomes a head of its own", otherwise: "score of a reward model"),
    Option("rslora", false, "scale by alpha / sqrt(r). Kalajdzievski 2023, arXiv:2312.03732"),
    Option("seed", 0, "seed of the first values of A"),
  ]

  static func addAdapters(_ model: inout NativeClass<Transformer>) {
    model.method(
      "lora",
      Page(
        "model:lora{options} -> model",
        "A model with the same weights, which it shares and which are frozen, and low-rank adapters that train: "
          + "W x + alpha / r B A x. A is drawn uniform in +-1/sqrt(inputs), B is 0, so that it begins as the model it "
          + "was made from. That model is the reference of a run without a second copy: "
          + "align.train { policy = sft:lora { r = 16 }, reference = sft, ... }. Training that model itself would "
          + "change both.",
        options: loraOptions,
        shapes: "A [r, inputs] and B [outputs, r] for each module",
        errors:
          "a name or pattern matches no module (the message names it); r is larger than a side of a module; the "
          + "model has adapters",
        source: "Hu et al. 2021, arXiv:2106.09685, eq. 3; defaults of PEFT's LoraConfig",
        example: tiny + """
          policy = model:lora { r = 2, targets = { "c_attn" } }
          tensors, names = policy:parameters()
          for i, t in ipairs(tensors) do if t:requires_grad() then print(names[i], t:size(1), t:size(2)) end end
          """,
        prints: "transformer.h.0.attn.c_attn.lora_A.weight\t2\t8\n"
          + "transformer.h.0.attn.c_attn.lora_B.weight\t24\t2"), optionsAt: 2
    ) { call, model, options in
      var lora = LoRA(targets: try targets(options) ?? model.config.defaultTargets)
      lora.r = try options.integer("r")
      lora.alpha = try options.number("alpha")
      lora.rslora = try options.flag("rslora")
      if options.has("modules_to_save") { lora.modulesToSave = try options.texts("modules_to_save") }
      lora.rankPattern = try overrides(options, "rank_pattern")
      lora.alphaPattern = try overrides(options, "alpha_pattern", most: alphaMax)
      try call.pushObject(try model.withAdapters(lora, seed: try options.seed("seed")))
      return 1
    }
    model.method(
      "load_adapter",
      Page(
        "model:load_adapter(path) -> model",
        "A model with the same weights, which it shares and which are frozen, and the adapters of a folder of PEFT: "
          + "adapter_config.json and adapter_model.safetensors. What its modules_to_save names is taken from the folder "
          + "in place of the base's. Or those of a file that model:save(path, {adapters_only = true}) wrote.",
        errors:
          "the file belongs to a model of another hash; the folder holds another kind of adapter, or adapters of embeddings (the message names it and what to "
          + "do); it is of a reward model and the base is none; a tensor is missing, is not used, or has another "
          + "shape",
        source: "PEFT 0.21, LoraConfig",
        example: tiny + """
          folder = os.tmpname()
          os.remove(folder)
          policy = model:lora { r = 2, targets = { "c_attn", "c_proj" } }
          policy:save_adapter(folder)
          print(model:load_adapter(folder):hash() == policy:hash())
          """, prints: "true")
    ) { call, model in
      let path = try call.string(2)
      try call.pushObject(
        FileCalls.isFolder(path)
          ? try model.withAdapters(folder: path) : try model.withAdapters(file: path))
      return 1
    }
    model.method(
      "save_adapter",
      Page(
        "model:save_adapter(folder)",
        "Writes the adapters as PEFT reads them: PeftModel.from_pretrained(base, folder). The names of the modules "
          + "are those of transformers.",
        errors: "the model has no adapters; the files cannot be written", source: "PEFT 0.21, LoraConfig",
        example: tiny + """
          print((pcall(model.save_adapter, model, '/tmp')))
          """, prints: "false")
    ) { call, model in
      try model.saveAdapters(folder: try call.string(2))
      return 0
    }
    model.method(
      "merged",
      Page(
        "model:merged() -> model",
        "A model without adapters that computes the same: its weights are W + alpha / r B A. It shares nothing with "
          + "the model. A copy where the model has no adapters. Weights kept as bf16 or blocks become f32, which trains.",
        source: "Hu et al. 2021, arXiv:2106.09685, sec. 4.1",
        example: tiny + "print(model:lora { r = 2 }:merged():hash() == model:hash())", prints: "true")
    ) { call, model in
      try call.pushObject(try model.merged())
      return 1
    }
    model.method(
      "base",
      Page(
        "model:base() -> model",
        "The model under the adapters, which shares its weights with this one; nil without adapters.",
        example: tiny + "print(model:lora { r = 2 }:base():hash() == model:hash(), model:base())",
        prints: "true\tnil")
    ) { call, model in
      if let base = model.adapters?.base { try call.pushObject(base) } else { try call.pushNil() }
      return 1
    }
  }

  private static func targets(_ options: OptionTable) throws -> LoRA.Targets? {
    guard let given = options["targets"] else { return nil }
    if let text = given.asString { return text == "all-linear" ? .all : .pattern(text) }
    if given.asTable != nil {
      let names = try options.texts("targets")
      if !names.isEmpty { return .names(names) }
    }
    throw options.refusal("targets", expected: "a list of names of modules, or a string")
  }

  /// A table by names, in the order of the names.
  private static func overrides(
    _ options: OptionTable, _ name: String, most: Double = .greatestFiniteMagnitude
  ) throws -> [LoRA.Override] {
    guard let table = options[name]?.asTable else {
      if options.has(name) { throw options.refusal(name, expected: "a table of numbers by names of modules") }
      return []
    }
    return try table.entries().map { key, value in
      guard let key = key.asString, let value = value.asNumber, value > 0, value <= most else {
        let bound = most < .greatestFiniteMagnitude ? " and of at most \(Int(most))" : ""
        throw options.refusal(name, expected: "a table of numbers above 0\(bound) by names of modules")
      }
      return LoRA.Override(key, value)
    }.sorted { $0.pattern.utf8.lexicographicallyPrecedes($1.pattern.utf8) }
  }
}
