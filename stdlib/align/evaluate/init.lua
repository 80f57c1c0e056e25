--- Evaluation: win rate, KL from the start, accuracy as a classifier, log-ratios, comparisons of runs.
--
--   responses, baseline        one response to each prompt
--   win_rate, compare          the share of prompts on which a judge prefers one side
--   head_to_head               two policies, each pair of responses judged in both orders
--   kl                         Rao-Blackwellised estimate of KL(policy || reference), and entropy
--   accuracy, log_ratios       the policy read as a classifier of pairs
--   measure                    all figures of a checkpoint from one draw
--   stats, frontier, report    means and intervals; win rate at equal KL; the report of a comparison
--   equal_length               the win rate without what goes with length
--   ranking                    many sides in the order of their win rate at one KL
--   exact                      exact tests for few seeds; align.compare puts all of it together
--
-- A figure is a table { mean, se, count }: the mean over prompts or pairs and its standard error. A figure of
-- NaN is an error, never a tie.
--
--   > local w = require "perilune.worlds".bandit { answers = 4, seed = 1 }
--   > local how = { task = w, prompts = { w.prompts[1], w.prompts[1] } }
--   > local rows = evaluate.responses(w:policy(), how)
--   > #rows, evaluate.kl(w:policy(), w.reference, rows).mean
--   2	0.0
--   > local against = evaluate.baseline(w.reference, how)
--   > evaluate.win_rate(w:policy(), {
--   >>   task = w, prompts = how.prompts, against = against, judge = w:judge {} }).count
--   2
--   > local pairs = { { prompt = w.prompts[1], chosen = w.answers[1], rejected = w.answers[2] } }
--   > evaluate.accuracy(w:policy(), w.reference, pairs).mean
--   0.5
--   > evaluate.log_ratios(w:policy(), w.reference, pairs).chosen.mean
--   0.0
--   > how.judge = w:judge {}
--   > evaluate.head_to_head(w:policy(), w.reference, how).mean
--   0.75
--   > evaluate.measure {}
--   evaluate.measure: option 'task' is missing; expected a table
--   > evaluate.report {}
--   evaluate.report: option 'sides' is missing; expected a table
local options = require "perilune.options"
local classifier = require "perilune.align.evaluate.classifier"
local drawing = require "perilune.align.evaluate.responses"
local policies = require "perilune.align.policy"
local stats = require "perilune.align.evaluate.stats"
local win_rate = require "perilune.align.evaluate.win_rate"

local evaluate = {
  summary = stats.summary, compare = win_rate.compare, win_rate = win_rate.win_rate,
    accuracy = classifier.accuracy,
  log_ratios = classifier.log_ratios,
}

--- Rows of one response to each prompt, in the order of the prompts. Response i is a pure
-- function of the seed and i, whatever `batch`.
--
--   evaluate.responses(policy, { task = task, prompts = prompts })
--
-- Errors: there is no policy; prompts are missing or no lists of ids; an option is unknown or out of range;
-- what model:sample refuses.
--
--   > evaluate.responses(nil, {})
--   evaluate.responses: expected a Model or a table with the methods of a policy; got nil
function evaluate.responses(policy, given)
  policies.check(policy, "evaluate.responses")
  local o = drawing.fill(given)
  drawing.check(o.prompts, "evaluate.responses")
  return drawing.draw(policy, o, "evaluation")
end

--- The same for the policy that others are compared with: independent of what `responses` draws by the same
-- seed.
--
--   evaluate.baseline(golden, { task = task, prompts = prompts })
--
-- Options and errors as evaluate.responses.
function evaluate.baseline(policy, given)
  policies.check(policy, "evaluate.baseline")
  local o = drawing.fill(given)
  drawing.check(o.prompts, "evaluate.baseline")
  return drawing.draw(policy, o, "baseline")
end

local parts = { "stats", "frontier", "kl", "measure", "report", "exact", "head_to_head", "ranking",
  "equal_length" }

return options.strict("align.evaluate", evaluate, parts, function(name)
  return require("perilune.align.evaluate." .. name)
end)
