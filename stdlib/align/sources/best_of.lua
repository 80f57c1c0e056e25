--- The best of several fresh responses to each prompt, without the others: a batch of rows to be imitated.
--
-- Written by the policy it is what expert iteration and rejection sampling fine-tuning read; written by the
-- reference (`writer = "reference"`) it is best-of-n distillation. The first of equal rewards is kept.
--
--   align.sources.best_of { task = task, prompts = prompts, responses = 8, reward = reward_model }
--
-- The batch has the columns `reward`, `finished`, `step`, `checkpoint`, `writer`, and the token columns
-- `old_logps` and `sampling_logps`. Errors: an option is missing, unknown or out of range; a reward is no
-- number; the writer is the reference, and the run has none.
--
--   > best_of { prompts = { { 1 } }, batch = 1, reward = function(_, response) return #response end }.kind
--   best_of
local options = require "perilune.options"
local batches = require "perilune.align.batch"
local filled = require "perilune.align.filled"
local judges = require "perilune.align.judge"
local penalty = require "perilune.align.penalty"
local sampling = require "perilune.align.sampling"
local source = require "perilune.align.source"

local spec = options.spec("sources.best_of", {
  { "reward", options.required "table|function",
    "a function(prompt, response) that returns a number, or a judge with score(rows)" },
  penalty.options,
  sampling.options,
  { "responses", 4, "responses to each prompt, of which one is kept", least = 1 },
  { "batch", 32, "prompts, and so rows, of a batch", least = 1 },
  { "writer", "policy", "who writes: the policy, or the reference of the run",
    choices = { "policy", "reference" } },
})

--- Of each `count` scores the place of the first of the largest.
local function best_places(scores, count)
  local places = {}
  for first = 1, #scores, count do
    local best = first
    for place = first + 1, first + count - 1 do
      if scores[place] > scores[best] then best = place end
    end
    places[#places + 1] = best
  end
  return places
end

return function(given)
  local o = spec:fill(sampling.given(given))
  local scorer = penalty.judge(judges.as_scorer(o.reward), o, spec.name)
  local prompts = sampling.dealt(o, o.batch)
  return source.new(spec, o, {
    labels = function(_, count) return count * o.batch * o.responses end,
    batch = function(_, step, policy, checkpoint, reference)
      local writer = o.writer == "policy" and policy or reference
      if not writer then error("sources.best_of: the run has no reference", 0) end
      local rows = sampling.draw(writer, policy, prompts(step), o, "first", step, o.responses)
      local scores = judges.scores(scorer, rows)
      local places = best_places(scores, o.responses)
      local kept, rewards, n = rows:select(places), {}, #places
      for i, place in ipairs(places) do rewards[i] = scores[place] end
      return batches.new {
        rows = kept, reward = rewards, finished = sampling.finished(kept, o), step = filled(n, step),
        checkpoint = filled(n, checkpoint or ""), writer = filled(n, o.writer),
      }
    end,
  })
end
