/// The class Model. Prompts, responses and sequences are lists of lists of token ids.
import Autograd
import Base
import LuaEngine
import Models
import Tensors

enum ModelClass {
  /// The model of the examples.
  static let tiny =
    "model = require 'perilune.models'.transformer{vocab = 11, dim = 8, layers = 1, heads = 2, max_length "
    + "= 16}\n"
  private static let saveOptions = [
    Option(
      "adapters_only", false,
      "of a model with adapters write these alone, with path and hash of the base, if that was read from a file and is "
        + "as it was then; models.load reads the base from there")
  ]
  private static let hashOptions = [
    Option("precision", true, "whether a precision of products other than f32 is part of the hash")
  ]
  static func declaration() -> NativeClass<Transformer> {
    var model = NativeClass<Transformer>("Model", group: "models")
    addWeights(&model)
    addCopies(&model)
    addLogps(&model)
    addScores(&model)
    addAdapters(&model)
    model.method("sample", SamplerBinding.page, optionsAt: 3, SamplerBinding.sample)
    model.metamethod("__tostring") { call in
      let model = try call.object(1, as: Transformer.self)
      let c = model.config
      try call.pushString(
        "[Model \(c.hasEncoder ? "\(c.encoderLayers) + " : "")\(c.layers) layers, dim \(c.dim), \(c.heads) heads, "
          + "vocab \(c.vocab), \(model.parameterCount) parameters\(model.isFrozen ? ", \(model.dtype)" : "")]"
      )
      return 1
    }
    return model
  }

  private static func addWeights(_ model: inout NativeClass<Transformer>) {
    model.method(
      "parameters",
      Page(
        "model:parameters() -> tensors, names",
        "The weights and their names, in the order of the file. The tensors are those of the model: "
          + "changing one changes the model. tensor:requires_grad() tells whether a weight trains. Of a frozen model, "
          + "whose matrices are no tensors, norms and biases.",
        example: tiny + """
          tensors, names = model:parameters()
          print(names[1], tensors[1]:size(1), tensors[1]:size(2))
          """, prints: "embedding.weight\t11\t8")
    ) { call, model in
      try call.push(.list(model.parameters.map { .object($0.value) }))
      try call.push(.list(model.parameters.map { .string($0.name) }))
      return 2
    }
    model.method(
      "num_parameters",
      Page(
        "model:num_parameters()", "The number of weights. Shared weights count once.",
        example: tiny + "print(model:num_parameters())", prints: "1104")
    ) { call, model in
      try call.pushInteger(model.parameterCount)
      return 1
    }
    model.method(
      "config",
      Page(
        "model:config()",
        "The configuration as a table of the options of models.transformer: vocab, dim, layers, heads, ...",
        example: tiny + "print(model:config().hidden)", prints: "32")
    ) { call, model in
      try call.push(ModelModule.configTable(model.config))
      return 1
    }
    model.method(
      "dtype",
      Page(
        "model:dtype()",
        "How the weights are kept: \"f32\", which can train; \"bf16\"; or the types of a file, such as \"Q4_1, Q8_0\". "
          + "All but f32 are frozen, see models.load.",
        example: tiny + "print(model:dtype())", prints: "f32")
    ) { call, model in
      try call.pushString(model.dtype)
      return 1
    }
    model.method(
      "hash",
      Page(
        "model:hash({options})",
        "SHA-256 of the names, dtypes, shapes and elements of the weights, as 64 hexadecimal digits. Models with one "
          + "hash give the same numbers.",
        options: hashOptions,
        example: tiny + """
          before = model:hash()
          require 'perilune.tensor'.no_grad(function() model:parameters()[1]:mul_(2) end)
          print(model:hash() == before)
          """, prints: "false"), optionsAt: 2
    ) { call, model, options in
      try call.pushString(try options.flag("precision") ? model.contentHash() : model.weightsHash())
      return 1
    }
    model.method(
      "save",
      Page(
        "model:save(path, {options})",
        "Writes the model as one safetensors file for models.load, in f32. The file is written atomically.",
        options: saveOptions,
        errors: "the file cannot be written",
        example: tiny + """
          path = os.tmpname()
          model:save(path)
          print(require 'perilune.models'.load(path):hash() == model:hash())
          os.remove(path)
          """, prints: "true"), optionsAt: 3
    ) { call, model, options in
      let path = try call.string(2)
      try options.flag("adapters_only") ? model.saveAdaptersOnly(path: path) : model.save(path: path)
      return 0
    }
    model.method(
      "requires_grad_",
      Page(
        "model:requires_grad_(flag, pattern)",
        "Freezes (false) or unfreezes (true) the parameters whose names match the pattern, in which * "
          + "is any text; without a pattern, all parameters. A frozen parameter gets no gradient, and "
          + "optimisers leave it out. Returns the model.",
        errors:
          "no parameter matches the pattern; the weights are kept as bf16 or blocks, which do not train",
        source: "requires_grad_ of PyTorch's modules",
        example: tiny + """
          model:requires_grad_(false):requires_grad_(true, 'norm.*')
          tensors, names = model:parameters()
          for i, t in ipairs(tensors) do if t:requires_grad() then print(names[i]) end end
          """, prints: "norm.weight\nnorm.bias")
    ) { call, model in
      let wanted = call.isNil(2) ? true : try call.boolean(2)
      try model.setRequiresGrad(wanted, matching: call.isNil(3) ? "*" : try call.string(3))
      try call.pushArgument(1)
      return 1
    }
    model.method(
      "zero_grad",
      Page(
        "model:zero_grad()", "Discards the gradients of all weights.",
        example: tiny + "model:zero_grad()\nprint(model:parameters()[1]:grad())", prints: "nil")
    ) { _, model in
      for parameter in model.parameters { parameter.value.grad = nil }
      return 0
    }
  }
}

extension Call {
  /// Argument `i`: a list of lists of token ids, called `plural` and `singular` in messages.
  func tokenLists(_ i: Int, _ plural: String, _ singular: String) throws -> [[Int]] {
    guard kind(i) == .table else {
      throw bad(i, "\(plural): expected a list of lists of token ids, got \(typeName(i))")
    }
    let table = try table(i)
    do { return try table.listOfIntegerLists() } catch let failure as Failure where failure.isRefusal {
      if try table.list().first?.asInteger != nil {
        throw bad(
          i, "\(plural) must be a list of lists of token ids, got one list of ids: write { \(singular) }")
      }
      throw bad(i, "\(plural) must be a list of lists of token ids: \(failure.message)")
    }
  }
}
