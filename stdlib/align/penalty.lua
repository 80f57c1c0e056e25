--- A penalty for unfinished responses: those that were cut instead of ending with a stop token.
--
--   r'(x, y) = r(x, y) - missing_eos_penalty     where y does not end with a token of `stop`
--
-- The name is TRL's, which subtracts it from the scores of PPO, RLOO, online DPO, XPO and Nash-MD.
local options = require "perilune.options"
local judges = require "perilune.align.judge"
local sampling = require "perilune.align.sampling"

local penalty = {}

penalty.options = options.spec("align.penalty", {
  { "missing_eos_penalty", options.optional "number",
    "subtracted from the score of a response that does not end with a stop token", least = 0 },
})

--- The judge, or one of the same name whose scores have the penalty and which prefers by these scores. `o`
-- has `missing_eos_penalty` and `stop`, `where` opens the messages.
--
-- Errors: there is a penalty, and the judge has no score, or there are no stop tokens.
--
--   > local rows = require "perilune.models".rows({ { 5 }, { 5 } }, { { 2, 1 }, { 2, 2 } })
--   > local from_score = require "perilune.align.judge".from_score
--   > local length = from_score("length", function(_, response) return #response end)
--   > table.unpack(penalty.judge(length, { missing_eos_penalty = 0.5, stop = { 1 } }, "x"):score(rows))
--   2.0	1.5
--   > penalty.judge({ name = "p" }, { missing_eos_penalty = 1, stop = { 1 } }, "sources.online")
--   sources.online: missing_eos_penalty is subtracted from a score, and judge p has none
function penalty.judge(judge, o, where)
  if not o.missing_eos_penalty then return judge end
  local name = tostring(judge.name or "without a name")
  if type(judge.score) ~= "function" then
    error(("%s: missing_eos_penalty is subtracted from a score, and judge %s has none"):format(
      where, name), 3)
  elseif o.stop == nil or type(o.stop) == "table" and #o.stop == 0 then
    error(where .. ": missing_eos_penalty needs stop tokens: give stop or task", 3)
  end
  local penalised = { name = name, trained_on = judge.trained_on }
  function penalised.score(_, rows)
    local scores, less = judge:score(rows), {}
    for i, finished in ipairs(sampling.finished(rows, o)) do
      judges.check_score(name, scores[i], rows, i)
      less[i] = scores[i] - (1 - finished) * o.missing_eos_penalty
    end
    return less
  end
  function penalised.prefer(self, first, second)
    return judges.by_scores(self:score(first), self:score(second))
  end
  return penalised
end

return options.strict("align.penalty", penalty)
