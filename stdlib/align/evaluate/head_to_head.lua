--- Two policies on the same prompts, each pair of responses judged in both orders.
local drawing = require "perilune.align.evaluate.responses"
local judges = require "perilune.align.judge"
local options = require "perilune.options"
local policies = require "perilune.align.policy"
local stats = require "perilune.align.evaluate.stats"
local win_rate = require "perilune.align.evaluate.win_rate"

local spec = options.spec("evaluate.head_to_head", {
  drawing.options,
  { "judge", options.required "table|function", "a judge, or a function(prompt, a, b)" },
  { "draws", 1000, "bootstrap draws of the interval", least = 1 },
})

--- The share of prompts on which the judge prefers the first policy's response to the second's, asked in both
-- orders: an outcome is (p(a, b) + 1 - p(b, a)) / 2.
--
--   evaluate.head_to_head(online.policy, offline.policy, { task = task, prompts = prompts, judge = gold })
--
-- Gives { mean, se, count, wins, low, high, agreement, first_place }: `low` and `high` are a 95 % interval by
-- the bootstrap over prompts, `agreement` the share of prompts with one outcome in both orders, and
-- `first_place` how often the response that is shown first is preferred, 1/2 for a judge without a bias for a
-- position. The responses of the two policies are independent draws. Errors: one is no policy; prompts are no
-- lists of ids; an option is missing, unknown or out of range; what evaluate.compare refuses.
return function(first, second, given)
  policies.check(first, "evaluate.head_to_head: first")
  policies.check(second, "evaluate.head_to_head: second")
  local sampled = require("perilune.align.sampling").given(given)
  local o = spec:fill(sampled)
  drawing.check(o.prompts, "evaluate.head_to_head")
  local judge = judges.as_judge(o.judge)
  local a, b = drawing.draw(first, o, "evaluation"), drawing.draw(second, o, "baseline")
  local forth, back = win_rate.compare(judge, a, b).wins, win_rate.compare(judge, b, a).wins
  local wins, agreed, place = {}, {}, {}
  for i, x in ipairs(forth) do
    wins[i] = (x + 1 - back[i]) / 2
    agreed[i] = x == 1 - back[i] and 1 or 0
    place[i] = (x + back[i]) / 2
  end
  local result = stats.summary(wins, "evaluate.head_to_head")
  local means = stats.resampling({ prompts = #wins, draws = o.draws }):means(wins)
  result.wins, result.low, result.high = wins, stats.percentiles(means, 0.95)
  result.agreement, result.first_place = stats.summary(agreed).mean, stats.summary(place).mean
  return result
end
