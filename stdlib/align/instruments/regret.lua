--- Regret against gold: what is lost by the responses of the run, and by those of the policy now.
--
--   regret/cumulative    sum over the pairs (rows where there are none) that the run has drawn so far; a
--                        pair's regret is the mean of its two responses'
--   regret/average       the same over their number
--   regret/simple        mean over own responses of the policy
--
-- The regret of a response y to x is best(x) - score(x, y) where `gold` gives scores, and with a judge
-- p(y* preferred to y) - 1/2, y* a response of `against`. Of duelling bandits: Yue et al. 2012, sec. 2; of
-- preference optimisation: Liu et al. 2024, arXiv:2411.01493, eq. 3.
local options = require "perilune.options"
local instruments = require "perilune.align.instruments"
local judges = require "perilune.align.judge"
local sampling = require "perilune.align.sampling"

local function by_score(o, rows)
  local regrets = {}
  for i, score in ipairs(judges.scores(judges.as_scorer(o.gold), rows)) do
    regrets[i] = (type(o.best) == "function" and o.best(rows:prompt(i)) or o.best) - score
  end
  return regrets
end

local function by_judge(context, o, rows)
  local best = sampling.draw(o.against, context.policy, rows:prompts(), context.drawing, "instruments_best",
    context.step, 1)
  local regrets = judges.ask(judges.as_judge(o.gold), best, rows)
  for i, p in ipairs(regrets) do regrets[i] = p - 0.5 end
  return regrets
end

local function regrets_of(context, o, rows)
  if o.best ~= nil then return by_score(o, rows) end
  if o.against then return by_judge(context, o, rows) end
  error("instruments.regret: give best, of a gold that scores, or against, of a judge", 0)
end

return instruments.define {
  name = "regret", default = false,
  options = {
    { "gold", options.required "table|function",
      "a judge, or who gives scores, such as a function(prompt, response)" },
    { "best", options.optional "number|function",
      "the best score, or a function(prompt) that gives it, where gold scores" },
    { "against", options.optional "Model|table",
      "who writes the responses to lose to, where gold is a judge" },
  },
  state = function() return { sum = 0.0, count = 0, step = 0 } end,
  step = function(context, o, m)
    local state, batch = context.state, context.batch
    if context.update == 1 and state.step < context.step then
      local sum, paired = 0.0, batch:has_pairs()
      for _, regret in ipairs(regrets_of(context, o, batch.rows)) do sum = sum + regret end
      state.sum, state.count = state.sum + (paired and sum / 2 or sum), state.count + #batch
      state.step = context.step
    end
    m:add("regret/cumulative", state.sum, 1)
    m:add("regret/average", state.sum, state.count)
  end,
  evaluation = function(context, o, m)
    for _, regret in ipairs(regrets_of(context, o, context.own)) do m:add("regret/simple", regret, 1) end
  end,
}
