--- A judge from a reward model that is there: its scores decide, and equal ones tie.
--
--   judge.from_model { model = "reward-folder", eos = tokenizer.eos }
--
-- The model has a score head: a ForSequenceClassification of one label in a folder of transformers, such as
-- TRL's RewardTrainer writes, or a Model of `model:score_head` or `judge.reward_model`. It reads prompt,
-- response and eos, the ids of its own tokenizer. Where the policy has another one, or the reward model a
-- chat template, `encode(prompt, response)` gives what it reads, as a list of ids:
--
--   encode = function(prompt, response)
--     return reward_tokenizer:encode(tokenizer:decode(prompt) .. tokenizer:decode(response))
--   end
--
-- The judge also has `score(rows)`, a list of numbers, `probability`, sigmoid(first score - second score),
-- and `model`. Christiano et al. 2017, arXiv:1706.03741, eq. 1. Errors: the model has no score head; eos is
-- no token id of the model; what `models.load` refuses. Errors of `score`: what `model:scores` refuses; the
-- weights are not finite.
--
--   > local models = require "perilune.models"
--   > local small = models.transformer { vocab = 5, dim = 4, layers = 1, heads = 1, max_length = 8 }
--   > local made = from_model { model = small:score_head(), eos = 2 }
--   > local rows = models.rows({ { 1 } }, { { 3 } })
--   > made:score(rows)[1] == made.model:scores({ { 1, 3, 2 } }):item()
--   true
--   > from_model { model = small }
--   judge.from_model: model has no score head; judge.reward_model trains one of model:score_head()
local learned = require "perilune.align.learned"
local models = require "perilune.models"
local options = require "perilune.options"
local tensor = require "perilune.tensor"

local spec = options.spec("judge.from_model", {
  { "model", options.required "string|Model", "a reward model, or the path of one" },
  { "eos", options.optional("integer", 0), "id that closes a response where it is not there" },
  { "encode", options.optional "function", "function(prompt, response) giving the ids that the model reads" },
  { "batch", 32, "rows of a pass", least = 1 },
  { "name", "reward model", "name of the judge" },
})

--- What the model reads of rows: Rows, or a list of lists of ids.
local function read(o, rows)
  if not o.encode then return learned.closed(rows, o.eos) end
  local texts = {}
  for i = 1, #rows do texts[i] = o.encode(rows:prompt(i), rows:response(i)) end
  return texts
end

return function(given)
  local o = spec:fill(given)
  local model = type(o.model) == "string" and models.load(o.model) or o.model
  if not learned.has_score_head(model) then
    error("judge.from_model: model has no score head; judge.reward_model trains one of model:score_head()", 2)
  end
  local vocab = model:config().vocab
  if o.eos and o.eos >= vocab then
    error(("judge.from_model: eos must be a token id of the model, 0..%d, not %d"):format(
      vocab - 1, o.eos), 2)
  end
  local made = learned.of_rewards(o.name, function(rows)
    local parts = {}
    for first = 1, #rows, o.batch do
      local places = {}
      for i = first, math.min(first + o.batch - 1, #rows) do places[#places + 1] = i end
      parts[#parts + 1] = model:scores(read(o, rows:select(places)))
    end
    return tensor.cat(parts, 1)
  end)
  made.model = model
  return made
end
