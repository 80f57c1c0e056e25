--- The share of prompts on which a judge prefers one response to another.
local options = require "perilune.options"
local drawing = require "perilune.align.evaluate.responses"
local judges = require "perilune.align.judge"
local policies = require "perilune.align.policy"
local sampling = require "perilune.align.sampling"
local stats = require "perilune.align.evaluate.stats"

local evaluate = {}

local spec = options.spec("evaluate.win_rate", {
  drawing.options,
  { "against", options.required "Rows", "the responses to compare with, to the same prompts" },
  { "judge", options.required "table|function", "a judge, or a function(prompt, a, b)" },
})

local function is_rows(value) return (getmetatable(value) or {}).__name == "Rows" end

--- The share of rows on which `judge` prefers `first` to `second`, Rows with the same prompts; a tie counts
-- 1/2: { mean, se, count, wins }, `wins` the outcome of each row. Errors: one is no Rows; the prompts differ;
-- there are none; the judge gives something else than 1, 0 or 0.5.
--
--   > local evaluate, models = require "perilune.align.evaluate", require "perilune.models"
--   > local function shorter(prompt, a, b) return #a < #b end
--   > local first = models.rows({ { 1 }, { 1 } }, { { 2 }, { 2, 2 } })
--   > evaluate.compare(shorter, first, models.rows({ { 1 }, { 1 } }, { { 2, 3 }, { 3 } })).mean
--   0.5
function evaluate.compare(judge, first, second)
  judge = judges.as_judge(judge)
  if not (is_rows(first) and is_rows(second)) then
    error(("evaluate.compare: expected two Rows of responses, not %s and %s"):format(
      options.show(first), options.show(second)), 2)
  end
  if #first == 0 then error("evaluate.compare: no responses", 2) end
  if not first:same_prompts(second) then
    error(("evaluate.compare: the prompts of %d and %d responses differ"):format(#first, #second), 2)
  end
  local wins, others = {}, drawing.parts(second, 64)
  for part in drawing.parts(first, 64) do
    local asked = judges.ask(judge, part, others())
    table.move(asked, 1, #asked, #wins + 1, wins)
  end
  local result = stats.summary(wins, "evaluate.compare")
  result.wins = wins
  return result
end

--- The share of prompts on which the policy's response is preferred to that of `against`, and the policy's
-- responses, Rows. Tang et al. 2024, sec. 4: against one golden policy, judged by gold.
--
--   local against = evaluate.baseline(golden, { task = task, prompts = prompts })
--   evaluate.win_rate(policy, { task = task, prompts = prompts, against = against, judge = gold })
--
-- Errors: there is no policy; prompts are no lists of ids; an option is missing, unknown or out of range;
-- what evaluate.compare refuses.
function evaluate.win_rate(policy, given)
  policies.check(policy, "evaluate.win_rate")
  local o = spec:fill(sampling.given(given))
  drawing.check(o.prompts, "evaluate.win_rate")
  if #o.against ~= #o.prompts then
    error(("evaluate.win_rate: %d responses to compare with for %d prompts"):format(#o.against, #o.prompts),
      2)
  end
  local drawn = drawing.draw(policy, o, "evaluation")
  return evaluate.compare(o.judge, drawn, o.against), drawn
end

return options.strict("align.evaluate.win_rate", evaluate)
