--- The sampling options of `model:sample`, until the native functions list their own.
return {
  ["Model:sample"] = {
    { name = "max_new_tokens", default = 32, least = 1,
      sentence = "tokens of a response at most, stop token included" },
    { name = "temperature", default = 1.0, least = 0,
      sentence = "divides the logits; 0 takes the most likely token" },
    { name = "top_k", default = 0, least = 0, sentence = "only the k most likely tokens; 0 for all" },
    { name = "top_p", default = 1.0, least = 0, most = 1,
      sentence = "only the smallest set of most likely tokens with this probability" },
    { name = "min_p", default = 0.0, least = 0, most = 1,
      sentence = "only tokens at least this fraction as likely as the most likely one" },
    { name = "stop", type = "table", sentence = "token ids that end a response, such as { tokenizer.eos }" },
    { name = "seed", default = 0, sentence = "seed of the sampler's random numbers" },
    { name = "step", default = 0, sentence = "number of the step, part of the random numbers' counter" },
  },
}
