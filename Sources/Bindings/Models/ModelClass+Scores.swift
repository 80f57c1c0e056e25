/// Reward models: score heads and what they give.
import Base
import LuaEngine
import Models

extension ModelClass {
  private static let scoreOptions = [
    Option(
      "pad_token_id", -1,
      "id that pads texts: a score is read at the last token that is not it; -1 for none", least: -1,
      most: ConfigField.sizeMax),
    Option("seed", 0, "seed of the head's first weights"),
  ]

  static func addScores(_ model: inout NativeClass<Transformer>) {
    model.method(
      "scores",
      Page(
        "model:scores(sequences)",
        "What the score head of a reward model gives each sequence, or each of Rows: one number, read at the last token "
          + "that is not the configuration's pad_token_id, or at the first where there is no other. Differentiable.",
        shapes: "n sequences -> [n]",
        errors:
          "the model has no score head; a sequence is empty or longer than max_length; a token id is not "
          + "from 0 to vocab - 1",
        source: "huggingface/transformers, modeling_layers.py, GenericForSequenceClassification",
        example: tiny + """
          reward = model:score_head { pad_token_id = 0 }
          scores = reward:scores {{1, 2}, {1, 2, 0, 0}}
          print(#scores, scores:totable()[1] == scores:totable()[2])
          """, prints: "2\ttrue")
    ) { call, model in
      try call.pushObject(try model.scores(try RowsClass.sequences(call, 2)))
      return 1
    }
    model.method(
      "score_head",
      Page(
        "model:score_head{options} -> model",
        "A reward model: a copy of the weights with a new score head [1, dim] in place of the head, drawn with "
          + "deviation 0.02. align.judge.reward_model trains it, models.save writes it as a ForSequenceClassification of "
          + "transformers.",
        options: scoreOptions, errors: "the model has adapters",
        source: "AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1) of transformers",
        example: tiny + """
          reward = model:score_head()
          print(reward:config().head, reward:num_parameters() - model:num_parameters())
          """, prints: "score\t8"), optionsAt: 2
    ) { call, model, options in
      let padTokenId = try options.integer("pad_token_id")
      try call.pushObject(
        try model.withScoreHead(padTokenId: padTokenId, seed: try options.seed("seed")))
      return 1
    }
  }
}
