--- The best against the worst of several fresh responses of the policy to each prompt.
--
--   align.sources.best_worst { task = task, prompts = prompts, judge = reward_model, responses = 8 }
--
-- A judge with scores scores every response once; one without compares all of a prompt with each other, and a
-- response's score is the share of the others that it is preferred to. Of equal scores the first is the best
-- and the last the worst. With `gold = true` the best is the column `gold`, and the second best is chosen: a
-- triple of TPO. The batch has the column `reward` of these scores, `step`, `checkpoint`, `writer`,
-- and the token columns `old_logps` and `sampling_logps`.
--
-- Dong et al. 2024, arXiv:2405.07863. Errors: as `sources.online`.
--
--   > best_worst { judge = function(prompt, a, b) return #a < #b end, prompts = { { 1 } }, batch = 1 }.name
--   best_worst { batch = 1 }
local options = require "perilune.options"
local candidates = require "perilune.align.candidates"
local ordered = require "perilune.align.ordered"
local sampling = require "perilune.align.sampling"
local source = require "perilune.align.source"

local spec = options.spec("sources.best_worst", {
  ordered.options,
  { "responses", 4, "responses to each prompt", least = 2 },
  { "batch", 32, "prompts, and so pairs, of a batch", least = 1 },
  { "gold", false, "the best as gold response, the second best as the chosen one" },
})

return function(given)
  local o, judge = ordered.filled(spec, given)
  local prompts, k = sampling.dealt(o, o.batch), o.responses
  if o.gold and k < 3 then
    error(("sources.best_worst: gold needs at least 3 responses to a prompt, got %d"):format(k), 2)
  end
  return source.new(spec, o, {
    labels = function(_, count) return count * o.batch * candidates.labels(judge, k) end,
    batch = function(_, step, policy, checkpoint)
      local rows = sampling.draw(policy, policy, prompts(step), o, "first", step, k)
      local scores, chosen, rejected, gold = candidates.scores(judge, rows, k, step), {}, {}, {}
      for start = 1, #rows, k do
        local last, i = start + k - 1, #chosen + 1
        local function score(place) return scores[place] end
        gold[i] = candidates.best(score, start, last)
        chosen[i] = o.gold and candidates.best(score, start, last, gold[i]) or gold[i]
        rejected[i] = -candidates.best(function(place) return -scores[-place] end, -last, -start)
      end
      local batch = candidates.pairs(judge, rows, chosen, rejected, { reward = scores },
        { step = step, checkpoint = checkpoint or "", writer = "policy" })
      if o.gold then batch:set("gold", candidates.twice(rows, gold)) end
      return batch
    end,
  })
end
