--- A task of human preferences: answer as a harmless assistant (Anthropic's hh-rlhf, harmless-base).
--
--   task = harmless { path = "hh-rlhf/harmless-base/test.jsonl.gz" }
--   print(task.report)
--
-- Records are pairs of dialogues, `chosen` and `rejected`. The file is the user's own copy; it contains
-- offensive text. There is no exact rule: gold is a model trained on the human labels,
-- `task:gold_pairs("train")`, as in Tang et al. 2024, sec. 4. See `tasks.records` for tokens and splits.
--
-- Where the dynamics come from (scripts/results.md, five repetitions, golden models of twice the
-- start's width): a golden model agrees with the human labels on 54 to 62 % of the test pairs, the proxy with
-- gold on 68 to 89 %. Golden models like short apologies: online's responses shorten from 51 tokens to 7 as
-- its win rate rises from 0.09 to 0.35, and to 0.53 where gold labels them.
--
-- What it shows: no gap that is resolved by the proxy's labels; with gold's labels online's peak is higher.
--
-- With a pretrained model (`tasks.pretrained`) that has a chat template, the template writes the turns.
--
-- A dialogue longer than `max_prompt` loses whole turns from its start until it fits. A response that runs on
-- into a human turn is cut there. Equal last human turns are in the same split, so no question is in two.
local dialogues = require "perilune.tasks.harmless.dialogues"
local options = require "perilune.options"
local pretrained = require "perilune.tasks.pretrained"
local records = require "perilune.tasks.records"
local task = require "perilune.tasks.task"
local trimmed = require "perilune.trimmed"

local spec = options.spec("tasks.harmless", { records.options })

--- The texts of a record { chosen, rejected }; nil when their prompts differ.
local function parse(record, place)
  local prompts, responses, cut = {}, {}, 0
  for _, key in ipairs { "chosen", "rejected" } do
    local text = type(record) == "table" and record[key]
    if type(text) ~= "string" then
      error(("%s has no text '%s' (it is %s)"):format(place, key,
        type(record) == "table" and options.show(record[key]) or options.show(record)), 0)
    end
    local ran_on
    prompts[key], responses[key], ran_on = dialogues.split(text)
    if not prompts[key] then
      error(("%s, '%s', has no turn that starts with a blank line and \"Assistant:\""):format(place, key), 0)
    end
    if ran_on then cut = cut + 1 end
  end
  if prompts.chosen ~= prompts.rejected then return nil end
  return {
    prompt = prompts.chosen, chosen = responses.chosen, rejected = responses.rejected, cut = cut,
    key = dialogues.last_turn(prompts.chosen),
  }
end

--- The ids of a prompt that is shorter than `limit`, by the chat template of the tokenizer or as text.
local function fit(tokenizer, prompt, limit)
  local is_chat = pretrained.has_template(tokenizer)
  local ids, was_shortened = dialogues.longest_end(prompt, limit, function(text)
    if not is_chat then return tokenizer:encode(text) end
    return pretrained.chat(tokenizer, dialogues.messages(text))
  end)
  if ids and not is_chat and tokenizer.bos then table.insert(ids, 1, tokenizer.bos) end
  return ids, was_shortened
end

--- A response as it follows the prompt: after a template without the blanks around it.
local function clean(tokenizer, response)
  return pretrained.has_template(tokenizer) and trimmed(response) or response
end

--- A task; see the head of the file.
local function new(given)
  local o = spec:fill(given)
  local self = records.task("harmless", o, parse, records.separate(fit, clean))
  if o.model then return self end
  --- With 1,339 training pairs a reward model reaches 0.65 on the human labels of 160 validation pairs, a
  -- pairwise preference model 0.52 to 0.59 (150 steps at 3e-4, seed 0).
  self.preference = {
    kind = "reward",
    options = { steps = 150, batch = 32, lr = 3e-4, warmup = 20, evaluate_every = 25, patience = 3 },
  }
  return self
end

return task.module { options = spec, needs = "hh-rlhf's harmless-base/test.jsonl.gz", new = new }
