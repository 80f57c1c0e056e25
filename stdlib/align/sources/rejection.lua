--- Two responses to each prompt by statistical rejection sampling, ordered by the judge.
--
--   align.sources.rejection { task = task, prompts = prompts, judge = reward_model, beta = 0.5 }
--
-- Of `responses` candidates two are accepted with probability exp((r - max r) / beta), so they follow the
-- optimum of the KL-regularised reward, writer(y) exp(r(y) / beta), instead of the writer. Liu et al. 2024,
-- arXiv:2309.06657 (RSO), algorithm 1; there the writer is the reference. `reward` scores the
-- candidates, the judge unless given; the judge orders the two that are accepted. The batch has the columns
-- of `sources.online`.
--
-- Errors: as `sources.online`; nobody has a score; the writer is the reference, and the run has none.
--
--   > rejection { judge = function(prompt, a, b) return #a < #b end, prompts = { { 1 } }, batch = 1 }
--   sources.rejection: judge function has no score: give reward
local options = require "perilune.options"
local system = require "perilune.system"
local candidates = require "perilune.align.candidates"
local judges = require "perilune.align.judge"
local ordered = require "perilune.align.ordered"
local penalty = require "perilune.align.penalty"
local sampling = require "perilune.align.sampling"
local source = require "perilune.align.source"

local spec = options.spec("sources.rejection", {
  ordered.options,
  { "reward", options.optional "table|function",
    "a function(prompt, response) that returns a number, or a judge with score(rows)" },
  { "responses", 8, "candidates for each prompt", least = 2 },
  { "beta", 0.5, "temperature of the acceptance, in units of the reward", above = 0 },
  { "batch", 32, "prompts, and so pairs, of a batch", least = 1 },
  { "writer", "policy", "who writes: the policy, or the reference of the run",
    choices = { "policy", "reference" } },
})

return function(given)
  local o, judge = ordered.filled(spec, given)
  local scorer = o.reward and penalty.judge(judges.as_scorer(o.reward), o, spec.name) or judge
  if type(scorer.score) ~= "function" then
    error(("sources.rejection: judge %s has no score: give reward"):format(tostring(scorer.name)), 2)
  end
  local prompts, k = sampling.dealt(o, o.batch), o.responses
  return source.new(spec, o, {
    labels = function(_, count) return count * o.batch * (o.reward and k + 1 or k) end,
    batch = function(_, step, policy, checkpoint, reference)
      local writer = o.writer == "policy" and policy or reference
      if not writer then error("sources.rejection: the run has no reference", 0) end
      local rows = sampling.draw(writer, policy, prompts(step), o, "first", step, k)
      local scores, first, second = judges.scores(scorer, rows), {}, {}
      for start = 1, #rows, k do
        local calls, number = 0, (step - 1) * o.batch + #first + 1
        local function uniform()
          calls = calls + 1
          return system.uniform(o.seed, "sources/rejection " .. number, calls)
        end
        local found = candidates.accepted(scores, start, start + k - 1, 2, o.beta, uniform)
        first[#first + 1], second[#second + 1] = found[1], found[2]
      end
      local origin = { step = step, checkpoint = checkpoint, writers = { o.writer, o.writer } }
      return ordered.of_rows(judge, rows:select(first), rows:select(second),
        ordered.coin(o.seed, step, o.batch), origin)
    end,
  })
end
