--- The share of prompts on which a judge prefers one response to another.
local options = require "perilune.options"
local drawing = require "perilune.align.evaluate.responses"
local judges = require "perilune.align.judge"
local stats = require "perilune.align.evaluate.stats"

local evaluate = {}

local spec = options.spec("evaluate.win_rate", {
  drawing.options,
  { "against", options.required "table", "the response to compare with, for each prompt" },
  { "judge", options.required "table|function", "a judge, or a function(prompt, a, b)" },
})

local function slice(list, first, last) return table.move(list, first, math.min(last, #list), 1, {}) end

--- The share of prompts on which `judge` prefers `first[i]` to `second[i]`; a tie counts 1/2: { mean, se,
-- count, wins }, `wins` the outcome of each prompt. Errors: the lists differ in length; the judge gives
-- something else than a number from 0 to 1.
--
--   > local evaluate = require "perilune.align.evaluate"
--   > local function shorter(prompt, a, b) return #a < #b end
--   > evaluate.compare(shorter, { { 1 }, { 1 } }, { { 2 }, { 2, 2 } }, { { 2, 3 }, { 3 } }).mean
--   0.5
function evaluate.compare(judge, prompts, first, second)
  judge = judges.as_judge(judge)
  if #prompts == 0 then error("evaluate.compare: no prompts", 2) end
  if #first ~= #prompts or #second ~= #prompts then
    error(("evaluate.compare: %d and %d responses for %d prompts"):format(#first, #second, #prompts), 2)
  end
  local wins = {}
  for start = 1, #prompts, 64 do
    local last = start + 63
    local asked = judges.ask(
      judge, slice(prompts, start, last), slice(first, start, last), slice(second, start, last))
    table.move(asked, 1, #asked, #wins + 1, wins)
  end
  local result = stats.summary(wins, "evaluate.compare")
  result.wins = wins
  return result
end

--- The share of prompts on which the policy's response is preferred to the fixed response `against[i]`, and
-- the policy's responses. Tang et al. 2024, sec. 4: against one golden policy, judged by gold.
--
--   local against = evaluate.baseline(golden, { task = task, prompts = prompts })
--   evaluate.win_rate(policy, { task = task, prompts = prompts, against = against, judge = gold })
--
-- Errors: `against` has another length than `prompts`; an option is missing, unknown or out of range; what
-- evaluate.compare refuses.
function evaluate.win_rate(policy, given)
  local o = spec:fill(drawing.given(given))
  if #o.against ~= #o.prompts then
    error(("evaluate.win_rate: %d responses to compare with for %d prompts"):format(#o.against, #o.prompts),
      2)
  end
  local drawn = drawing.draw(policy, o, "evaluation")
  return evaluate.compare(o.judge, o.prompts, drawn, o.against), drawn
end

return options.strict("align.evaluate.win_rate", evaluate)
