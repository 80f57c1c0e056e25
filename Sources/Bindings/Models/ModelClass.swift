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
  private static let logpOptions = [
    Option("temperature", 1.0, "divides the logits before the softmax", above: 0)
  ]
  private static let saveOptions = [
    Option(
      "adapters_only", false,
      "of a model with adapters write these alone, with path and hash of the base, if that was read from a file and is "
        + "as it was then; models.load reads the base from there")
  ]
  private static let frozenOptions = [
    Option(
      "dtype", FrozenType.bf16,
      "\"bf16\": two bytes a weight, rounded to the nearest; \"Q8_0\": eight bits, with a scale for each 32 weights of a row; "
        + "matrices whose rows are not whole blocks of 32 are bf16"
    )
  ]
  private static let hashOptions = [
    Option("precision", true, "whether a precision of products other than f32 is part of the hash")
  ]
  private static let errors =
    "a token id is not from 0 to vocab - 1; a sequence is longer than max_length; lists of prompts and "
    + "responses differ in number"

  static func declaration() -> NativeClass<Transformer> {
    var model = NativeClass<Transformer>("Model", group: "models")
    addWeights(&model)
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
      "clone",
      Page(
        "model:clone()", "A model with a copy of the weights and without gradients.",
        example: tiny + "print(model:clone():hash() == model:hash())", prints: "true")
    ) { call, model in
      try call.pushObject(try model.clone())
      return 1
    }
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

  private static func addLogps(_ model: inout NativeClass<Transformer>) {
    model.method(
      "logps",
      Page(
        "model:logps(rows, {options}) -> sums, lengths",
        "log pi(response | prompt) for each row: the sum of the log-probabilities of the response "
          + "tokens. rows are Rows, or a list of prompts followed by a list of responses. Differentiable.",
        options: logpOptions, shapes: "n rows -> [n], [n], both f32", errors: errors,
        source: "pi(y|x) of Rafailov et al. 2023, arXiv:2305.18290, eq. 7",
        example: tiny + """
          sums, lengths = model:logps({{1}, {1, 2}}, {{2, 3}, {4}})
          print(sums:size(1), lengths)
          """, prints: "2\t[2, 1]\n[Tensor f32 2]"), logps)
    model.method(
      "token_logps",
      Page(
        "model:token_logps(rows, {options}) -> logps, lengths",
        "The log-probability of each response token, packed: one response after another, without padding. "
          + "Differentiable.",
        options: logpOptions, shapes: "n rows with N response tokens -> [N], list of n lengths",
        errors: errors,
        example: tiny + """
          logps, lengths = model:token_logps({{1}, {1, 2}}, {{2, 3}, {4}})
          print(#logps, lengths[1], lengths[2])
          """, prints: "3\t2\t1"), tokenLogps)
    model.method(
      "misfit",
      Page(
        "model:misfit(rows) -> row, reason",
        "The first row that the model cannot read, and the reason: it is longer than max_length, or holds an id outside "
          + "the vocabulary. Nothing if the model can read all rows.",
        example: tiny + "print(model:misfit(require 'perilune.models'.rows({{1}, {1}}, {{2}, {11}})))",
        prints: "2\ttoken 2 is 11, not a token id: expected 0..10 (vocab 11)")
    ) { call, model in
      let rows: TokenRows = try call.object(2)
      guard let misfit = rows.batch.misfit(model.config) else { return 0 }
      try call.pushInteger(misfit.row + 1)
      try call.pushString(misfit.reason(model.config))
      return 2
    }
    model.method(
      "outputs",
      Page(
        "model:outputs(rows, names, {options}) -> table",
        "Several quantities of the response tokens from one forward pass, by name: logps [N]; entropy "
          + "[N] of the predicted distribution p; log_collision [N], log sum p^2; logits [N, vocab]; "
          + "hidden [N, dim], the state that predicts each token; prompt_logps, the log-probabilities of "
          + "the prompt tokens after the first. Differentiable.",
        options: logpOptions, shapes: "n rows with N response tokens -> a table by name",
        errors: errors + "; a name is unknown",
        example: tiny + """
          out = model:outputs(require 'perilune.models'.rows({{1}}, {{2, 3}}), {'logps', 'entropy'})
          print(#out.logps, out.entropy:gt(0):all())
          """, prints: "2\ttrue"), outputs)
    model.method(
      "logits",
      Page(
        "model:logits(sequences)",
        "The logits after each token, packed: one sequence after another. Token id i is column i + 1. "
          + "Differentiable.",
        shapes: "n sequences -> [sum of lengths, vocab]",
        errors:
          "a token id is not from 0 to vocab - 1; a sequence is longer than max_length; the model has an encoder, which "
          + "reads prompts: model:outputs(rows, {'logits'})",
        example: tiny + "print(table.concat(model:logits({{1, 2}, {3}}):size(), ' '))", prints: "3 11"),
      logits)
    model.method(
      "last_logits",
      Page(
        "model:last_logits(sequences)",
        "The logits after the last token of each sequence, or of each of Rows. Differentiable.",
        shapes: "n sequences -> [n, vocab]",
        errors:
          "a sequence is empty or longer than max_length; a token id is not from 0 to vocab - 1; sequences are given to a "
          + "model with an encoder, which reads Rows",
        example: tiny + "print(table.concat(model:last_logits({{1, 2}, {3}}):size(), ' '))", prints: "2 11"),
      lastLogits)
    model.method(
      "kl",
      Page(
        "model:kl(reference, rows) -> kl, entropy, lengths",
        "KL(model || reference) and the entropy of the model, both in nats: at each response token "
          + "exact over the vocabulary, summed over the response. For responses sampled from the model, "
          + "the mean over responses is an unbiased estimate of the KL of whole responses. Not "
          + "differentiable.",
        shapes: "n rows -> [n], [n], [n]", errors: errors + "; the two vocabularies differ",
        source: "Tang et al. 2024, arXiv:2405.08448, sec. 4",
        example: tiny + """
          kl, entropy, lengths = model:kl(model:clone(), {{1}}, {{2, 3}})
          print(kl:item() < 1e-6, entropy:item() > 0, lengths:item())
          """, prints: "true\ttrue\t2.0"), divergence)
  }

  private static func logps(_ call: Call, _ model: Transformer) throws -> Int {
    let (rows, next) = try RowsClass.read(call, 2)
    let tokens = try model.tokenLogps(rows, temperature: try temperature(call, next))
    try call.pushObject(try RowsClass.sums(rows, tokens))
    try call.pushObject(try RowsClass.lengths(rows))
    return 2
  }

  private static func tokenLogps(_ call: Call, _ model: Transformer) throws -> Int {
    let (rows, next) = try RowsClass.read(call, 2)
    try call.pushObject(try model.tokenLogps(rows, temperature: try temperature(call, next)))
    try call.pushIntegers(RowsClass.responseLengths(rows))
    return 2
  }

  private static func outputs(_ call: Call, _ model: Transformer) throws -> Int {
    let (rows, next) = try RowsClass.read(call, 2)
    let wanted = try call.table(next).strings().map { name in
      guard let output = RowOutput(rawValue: name) else {
        let known = RowOutput.allCases.map(\.rawValue)
        throw call.bad(
          next, "no output '\(name)'\(Nearest.hint(name, in: known)); known: \(known.joined(separator: ", "))"
        )
      }
      return output
    }
    let outputs = try model.outputs(rows, wanted, temperature: try temperature(call, next + 1))
    try call.push(.record(outputs.map { ($0.key.rawValue, .object($0.value)) }))
    return 1
  }

  private static func temperature(_ call: Call, _ i: Int) throws -> Double {
    try OptionTable(call, i, logpOptions).number("temperature")
  }

  private static func logits(_ call: Call, _ model: Transformer) throws -> Int {
    try call.pushObject(try model.logits(try RowsClass.sequences(call, 2)))
    return 1
  }

  private static func lastLogits(_ call: Call, _ model: Transformer) throws -> Int {
    if let rows = call.objectIfAny(2) as? TokenRows {
      try call.pushObject(try model.lastLogits(rows))
    } else {
      try call.pushObject(try model.lastLogits(try RowsClass.sequences(call, 2)))
    }
    return 1
  }

  private static func divergence(_ call: Call, _ model: Transformer) throws -> Int {
    let reference = try call.object(2, as: Transformer.self)
    let (rows, _) = try RowsClass.read(call, 3)
    let (kl, entropy) = try Op.observed("kl") { try model.divergence(from: reference, rows) }
    for part in [kl, entropy] { try call.pushObject(try RowsClass.sums(rows, Variable(part))) }
    try call.pushObject(try RowsClass.lengths(rows))
    return 3
  }
}

extension Call {
  /// Argument `i`: a list of lists of token ids, called `plural` and `singular` in messages.
  func tokenLists(_ i: Int, _ plural: String, _ singular: String) throws -> [[Int]] {
    guard kind(i) == .table else {
      throw bad(i, "\(plural): expected a list of lists of token ids, got \(typeName(i))")
    }
    let table = try table(i)
    do { return try table.listOfIntegerLists() } catch let failure as Failure {
      if try table.list().first?.asInteger != nil {
        throw bad(
          i, "\(plural) must be a list of lists of token ids, got one list of ids: write { \(singular) }")
      }
      throw bad(i, "\(plural) must be a list of lists of token ids: \(failure.message)")
    }
  }
}
