/// Models made from a model: a clone, one of other products, a frozen copy.
import Base
import LuaEngine
import Models
import Tensors

extension ModelClass {
  private static let frozenOptions = [
    Option(
      "dtype", FrozenType.bf16,
      "\"bf16\": two bytes a weight, rounded to the nearest; \"Q8_0\": eight bits, with a scale for each 32 weights of a row; "
        + "matrices whose rows are not whole blocks of 32 are bf16"
    )
  ]

  static func addCopies(_ model: inout NativeClass<Transformer>) {
    model.method(
      "clone",
      Page(
        "model:clone()", "A model with a copy of the weights and without gradients.",
        example: tiny + "print(model:clone():hash() == model:hash())", prints: "true")
    ) { call, model in
      try call.pushObject(try model.clone())
      return 1
    }
    model.method(
      "with_precision",
      Page(
        "model:with_precision(precision) -> model",
        "A model of the same weights, which it shares, whose products are \"f32\" or \"bf16\", as the option precision "
          + "of models.transformer says; also under adapters. Training one changes both.",
        errors: "another precision",
        example: tiny + """
          half = model:with_precision 'bf16'
          print(half:config().precision, model:config().precision, half:parameters()[1] == model:parameters()[1])
          """, prints: "bf16\tf32\ttrue")
    ) { call, model in
      let name = try call.string(2)
      guard let precision = Precision(rawValue: name) else {
        let known = Precision.allCases.map { "\"\($0.rawValue)\"" }.joined(separator: " or ")
        throw Failure(.value, "precision must be \(known), got \"\(Quoted.name(name))\"", argument: 2)
      }
      try call.pushObject(model.withPrecision(precision))
      return 1
    }
    model.method(
      "frozen",
      Page(
        "model:frozen{options} -> model",
        "A frozen copy in fewer bits, for a reference, a judge or sampling: matrices (linear maps, embedding, positions, "
          + "head) are rounded, norms and biases are f32. Adapters are merged.",
        options: frozenOptions, source: "ggml-quants.c of llama.cpp (Q8_0)",
        example: tiny + """
          reference = model:frozen { dtype = 'bf16' }
          print(reference:dtype(), reference:num_parameters() == model:num_parameters())
          """, prints: "bf16\ttrue"), optionsAt: 2
    ) { call, model, options in
      try call.pushObject(try model.frozen(try options.choice("dtype", FrozenType.self)))
      return 1
    }
  }
}
