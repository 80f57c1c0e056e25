/// Help pages of `models.rows` and of `Rows`.
extension RowsClass {
  private static let two = "rows = require 'perilune.models'.rows({{1}, {1, 2}}, {{2, 3}, {4}})\n"
  private static let tokens = "Rows have N response tokens in all, packed one response after another."

  static let pages = [
    HelpPage(
      "models.rows", "models", "models.rows(prompts, responses)",
      "A response to each prompt, packed once: what model:logps, model:kl, judges and losses read. Immutable.",
      shapes: "two lists of n lists of token ids, from 0",
      errors: "the numbers of prompts and responses differ; a prompt is empty; an element is no whole number",
      two + "print(#rows, rows)", prints: "2\t[Rows 2, 6 tokens, 3 of responses]"),
    HelpPage(
      "Rows:prompt", "models", "rows:prompt(i)", "The ids of prompt i, a list.", errors: "i is not 1..#rows",
      two + "print(table.concat(rows:prompt(2), ' '))", prints: "1 2"),
    HelpPage(
      "Rows:response", "models", "rows:response(i)", "The ids of response i, a list.",
      errors: "i is not 1..#rows",
      two + "print(table.concat(rows:response(1), ' '))", prints: "2 3"),
    HelpPage(
      "Rows:prompts", "models", "rows:prompts()", "The ids of all prompts, a list of lists.",
      two + "print(#rows:prompts()[2])", prints: "2"),
    HelpPage(
      "Rows:responses", "models", "rows:responses()", "The ids of all responses, a list of lists.",
      two + "print(#rows:responses()[1])", prints: "2"),
    HelpPage(
      "Rows:lengths", "models", "rows:lengths()", "The number of tokens of each response.", shapes: "[n] f32",
      two + "print(rows:lengths())", prints: "[2, 1]\n[Tensor f32 2]"),
    HelpPage(
      "Rows:prompt_lengths", "models", "rows:prompt_lengths()", "The number of tokens of each prompt.",
      shapes: "[n] f32",
      two + "print(rows:prompt_lengths())", prints: "[1, 2]\n[Tensor f32 2]"),
    HelpPage(
      "Rows:select", "models", "rows:select(places)",
      "The rows at these places, in this order and as often as named, with their columns.",
      errors: "a place is not 1..#rows",
      two + "print(#rows:select{2, 1, 2}, rows:select{2}:response(1)[1])", prints: "3\t4"),
    HelpPage(
      "Rows:concat", "models", "rows:concat(others, ...)",
      "These rows, then those of the others, with the columns that all of them have.",
      two + "print(#rows:concat(rows, rows))", prints: "6"),
    HelpPage(
      "Rows:column", "models", "rows:column(name)",
      "A copy of a column: one number for each response token, or nil where there is none of that name. Rows of "
        + "model:sample have \"logps\" and \"sampling_logps\".", shapes: "[N] f32",
      two + "print(rows:column 'logps')", prints: "nil"),
    HelpPage(
      "Rows:columns", "models", "rows:columns()", "The names of the columns, a list.",
      two + "print(rows:with('reward', T{1, 2, 3}):columns()[1])", prints: "reward"),
    HelpPage(
      "Rows:with", "models", "rows:with(name, values)",
      "The same rows with a column more. The values are copied, without history. " + tokens, shapes: "[N]",
      errors: "there are not as many values as response tokens",
      two + "print(rows:with('reward', T{1, 2, 3}):column 'reward')", prints: "[1, 2, 3]\n[Tensor f32 3]"),
    HelpPage(
      "Rows:sums", "models", "rows:sums(values)", "The sum over each response. Differentiable.",
      shapes: "[N] -> [n]", errors: "there are not as many values as response tokens",
      two + "print(rows:sums(T{1, 2, 3}))", prints: "[3, 3]\n[Tensor f32 2]"),
    HelpPage(
      "Rows:means", "models", "rows:means(values)",
      "The mean over each response, 0 for an empty one. Differentiable.", shapes: "[N] -> [n]",
      errors: "there are not as many values as response tokens",
      two + "print(rows:means(T{1, 2, 3}))", prints: "[1.5, 3.0]\n[Tensor f32 2]"),
    HelpPage(
      "Rows:spread", "models", "rows:spread(values)",
      "The number of each row at each of its response tokens. Differentiable.", shapes: "[n] -> [N]",
      errors: "there are not as many values as rows",
      two + "print(rows:spread(T{5, 7}))", prints: "[5, 5, 7]\n[Tensor f32 3]"),
    HelpPage(
      "Rows:split", "models", "rows:split(values)", "The part of each response: a list of n views.",
      shapes: "[N, ...] -> n tensors", errors: "there are not as many values as response tokens",
      two + "print(rows:split(T{1, 2, 3})[1])", prints: "[1, 2]\n[Tensor f32 2]"),
    HelpPage(
      "Rows:labelled", "models", "rows:labelled(labels, eos, others, ...)",
      "What a judge reads, as responses to the same prompts: a label, the response, eos unless it ends with it, and the same "
        + "for each of the other rows.",
      errors: "the labels are not one for each response to a prompt; a prompt differs",
      two + "print(table.concat(rows:labelled({8, 9}, 0, rows):response(2), ' '))", prints: "8 4 0 9 4 0"),
    HelpPage(
      "Rows:same_prompts", "models", "rows:same_prompts(other)",
      "Whether other rows are as many and have the same prompts.",
      two + "print(rows:same_prompts(rows), rows:same_prompts(rows:select{2, 1}))", prints: "true\tfalse"),
  ]
}
