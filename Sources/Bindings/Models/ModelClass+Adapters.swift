/// Low-rank adapters of a model.
import Base
import LuaEngine
import Models

extension ModelClass {
  private static let loraOptions = [
    Option("r", 8, "the rank of the adapters", least: 1),
    Option("alpha", 8.0, "the adapters are scaled by alpha / r", above: 0),
    Option(
      "targets", optional: .any("a list of names of modules, or \"all-linear\""),
      "the modules that get adapters, by the end of their names: q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, "
        + "down_proj; c_attn, c_proj, c_fc in GPT-2's style; \"all-linear\" is every module but the head",
      otherwise: "q_proj and v_proj; c_attn in a model of GPT-2's style"),
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
        errors: "no module matches the targets; r is larger than a side of a module; the model has adapters",
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
      try call.pushObject(try model.withAdapters(lora, seed: try options.seed("seed")))
      return 1
    }
    model.method(
      "merged",
      Page(
        "model:merged() -> model",
        "A model without adapters that computes the same: its weights are W + alpha / r B A. It shares nothing with "
          + "the model. A copy where the model has no adapters.",
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
      guard let base = model.adapters?.base else { return 0 }
      try call.pushObject(base)
      return 1
    }
  }

  private static func targets(_ options: OptionTable) throws -> LoRA.Targets? {
    guard let given = options["targets"] else { return nil }
    if given.asString == "all-linear" { return .all }
    if given.asTable != nil {
      let names = try options.texts("targets")
      if !names.isEmpty { return .names(names) }
    }
    throw options.refusal("targets", expected: "a list of names of modules, or \"all-linear\"")
  }
}
