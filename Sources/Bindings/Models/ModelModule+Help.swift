/// Help pages of `perilune.models` and of a model, with the options they take.
import Models

extension ModelModule {
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

  static let pages = [
    HelpPage(
      "models.transformer", "models", "models.transformer{options}", "A decoder with fresh weights.",
      options: options,
      errors: "a size is missing, is not from 1 to 2^24, or does not divide; an unknown option",
      source: "Radford et al. 2019 (GPT-2); Touvron et al. 2023, arXiv:2302.13971 (Llama)",
      "models = require 'perilune.models'\n"
        + "print(models.transformer{vocab = 11, dim = 8, layers = 1, heads = 2, max_length = 16})",
      prints: "[Model 1 layers, dim 8, 2 heads, vocab 11, 1104 parameters]"),
    HelpPage(
      "models.load", "models", "models.load(path)",
      "The model that model:save wrote: a safetensors file with its shape.",
      errors:
        "the file cannot be read, or is not a model of this version; the message names the tensor or key",
      "models = require 'perilune.models'\nprint((pcall(models.load, '/no/such/model')))", prints: "false"),
    HelpPage(
      "models.load_llama2c", "models", "models.load_llama2c(path)",
      "A model in the format of llama2.c (version 0: seven numbers, then f32 weights).",
      errors: "the file cannot be read, its sizes make no model, or its length is not what they say",
      source: "Karpathy, llama2.c, export.py",
      "models = require 'perilune.models'\nprint((pcall(models.load_llama2c, '/no/such/model')))",
      prints: "false"),
  ]
}

extension ModelClass {
  static let logpOptions = [
    Option("temperature", 1.0, "divides the logits before the softmax", above: 0)
  ]

  /// The model of the examples.
  private static let tiny =
    "model = require 'perilune.models'.transformer{vocab = 11, dim = 8, layers = 1, heads = 2, max_length = 16}\n"
  private static let answersErrors =
    "as many responses as prompts are wanted; a prompt is empty; a token id is not 0..vocab - 1; a sequence is longer than "
    + "max_length"

  static let pages = [
    HelpPage(
      "Model:clone", "models", "model:clone()",
      "A model with its own copy of the weights, without gradients.",
      tiny + "print(model:clone():hash() == model:hash())", prints: "true"),
    HelpPage(
      "Model:parameters", "models", "model:parameters() -> tensors, names",
      "The weights themselves (changing them changes the model), and their names, in the order of the file.",
      tiny + "tensors, names = model:parameters()\nprint(names[1], tensors[1]:size(1), tensors[1]:size(2))",
      prints: "embedding.weight\t11\t8"),
    HelpPage(
      "Model:num_parameters", "models", "model:num_parameters()",
      "How many numbers the weights are; shared ones count once.",
      tiny + "print(model:num_parameters())", prints: "1104"),
    HelpPage(
      "Model:config", "models", "model:config()",
      "The shape as a table that models.transformer takes: vocab, dim, layers, heads, kv_heads, hidden, max_length and so on.",
      tiny + "print(model:config().hidden)", prints: "32"),
    HelpPage(
      "Model:hash", "models", "model:hash()",
      "SHA-256 of names, types, shapes and elements of the weights, as hexadecimal digits: equal exactly for equal weights.",
      tiny
        + "before = model:hash()\nrequire 'perilune.tensor'.no_grad(function() model:parameters()[1]:mul_(2) end)\n"
        + "print(model:hash() == before)", prints: "false"),
    HelpPage(
      "Model:save", "models", "model:save(path)",
      "Writes the model as one safetensors file that models.load reads. The file is complete or not there.",
      errors: "the file cannot be written",
      tiny + "path = os.tmpname()\nmodel:save(path)\n"
        + "print(require 'perilune.models'.load(path):hash() == model:hash())\nos.remove(path)",
      prints: "true"),
    HelpPage(
      "Model:zero_grad", "models", "model:zero_grad()", "Forgets the gradients of all weights.",
      tiny + "model:zero_grad()\nprint(model:parameters()[1]:grad())", prints: "nil"),
    HelpPage(
      "Model:logps", "models", "model:logps(rows, {options}) -> sums, lengths",
      "log pi(response | prompt) of each row: the log-probabilities of its tokens, summed. Differentiable; the prompt is not "
        + "counted. Rows, or a list of prompts and one of responses.",
      options: logpOptions, shapes: "n rows -> [n], [n] (f32 both)", errors: answersErrors,
      source: "the pi(y|x) of Rafailov et al. 2023, arXiv:2305.18290, eq. 7",
      tiny + "sums, lengths = model:logps({{1}, {1, 2}}, {{2, 3}, {4}})\nprint(sums:size(1), lengths)",
      prints: "2\t[2, 1]\n[Tensor f32 2]"),
    HelpPage(
      "Model:token_logps", "models", "model:token_logps(rows, {options}) -> logps, lengths",
      "The log-probability of every response token, packed one response after another without padding. Differentiable.",
      options: logpOptions, shapes: "n rows -> [N], list of n lengths",
      errors: answersErrors,
      tiny
        + "logps, lengths = model:token_logps({{1}, {1, 2}}, {{2, 3}, {4}})\nprint(#logps, lengths[1], lengths[2])",
      prints: "3\t2\t1"),
    HelpPage(
      "Model:outputs", "models", "model:outputs(rows, names, {options}) -> table",
      "Several quantities of the response tokens from one forward pass, differentiable: logps [N]; entropy [N] of the "
        + "distribution that a token is drawn from; log_collision [N], log sum p^2 of it; logits [N, vocab]; hidden [N, dim], "
        + "the states that predict the tokens; and prompt_logps, of the prompts' tokens from the second on.",
      options: logpOptions, shapes: "n rows with N response tokens -> a table by name",
      errors: answersErrors + "; a name is unknown",
      tiny + "out = model:outputs(require 'perilune.models'.rows({{1}}, {{2, 3}}), {'logps', 'entropy'})\n"
        + "print(#out.logps, out.entropy:gt(0):all())", prints: "2\ttrue"),
    HelpPage(
      "Model:logits", "models", "model:logits(sequences)",
      "The logits after every token, packed one sequence after another. Differentiable. The column of id i is i + 1.",
      shapes: "n sequences -> [sum of lengths, vocab]",
      errors: "a token id is not 0..vocab - 1; a sequence is longer than max_length",
      tiny + "print(table.concat(model:logits({{1, 2}, {3}}):size(), ' '))", prints: "3 11"),
    HelpPage(
      "Model:last_logits", "models", "model:last_logits(sequences)",
      "The logits after the last token of each sequence, or of prompt and response of each of Rows. Differentiable.",
      shapes: "n sequences -> [n, vocab]",
      errors: "a sequence is empty or longer than max_length; a token id is not 0..vocab - 1",
      tiny + "print(table.concat(model:last_logits({{1, 2}, {3}}):size(), ' '))", prints: "2 11"),
    HelpPage(
      "Model:kl", "models", "model:kl(reference, rows) -> kl, entropy, lengths",
      "KL(model || reference) in nats: at every token of a response exact over the vocabulary, summed over the response; the "
        + "model's entropy alike. Of responses drawn from the model, the mean is the KL of whole answers without bias. "
        + "Not recorded for a gradient.",
      shapes: "n rows -> [n], [n], [n]",
      errors: answersErrors + "; the two vocabularies differ",
      source: "Tang et al. 2024, arXiv:2405.08448, sec. 4",
      tiny + "kl, entropy, lengths = model:kl(model:clone(), {{1}}, {{2, 3}})\n"
        + "print(kl:item() < 1e-6, entropy:item() > 0, lengths:item())", prints: "true\ttrue\t2.0"),
    SamplerBinding.page,
  ]
}

extension SamplerBinding {
  static let page = HelpPage(
    "Model:sample", "models", "model:sample(prompts, {options}) -> Rows",
    "Continues each prompt. The rows have the columns \"logps\", the log-probabilities of the tokens under the model "
      + "(temperature 1, nothing cut), and \"sampling_logps\", those under the distribution they were drawn from. No gradient; "
      + "Ctrl-C stops it.",
    options: options, shapes: "n prompts -> count n rows",
    errors:
      "a prompt is empty; prompt and max_new_tokens pass max_length; an option is out of its range; logits hold nan or inf",
    source:
      "top-k: Fan et al. 2018, arXiv:1805.04833, sec. 5.4; nucleus: Holtzman et al. 2020, arXiv:1904.09751, eq. 2-3; "
      + "min-p: Nguyen et al. 2024, arXiv:2407.01082, sec. 3",
    "model = require 'perilune.models'.transformer{vocab = 11, dim = 8, layers = 1, heads = 2, max_length = 16}\n"
      + "a = model:sample({{1}, {1, 2}}, {max_new_tokens = 4, count = 2, seed = 7})\n"
      + "print(a, #a:column 'logps')",
    prints: "[Rows 4, 22 tokens, 16 of responses; logps, sampling_logps]\t16")
}
