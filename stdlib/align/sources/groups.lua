--- Several fresh responses of the policy to each prompt, each with a reward: what GRPO, RLOO and PPO read.
--
--   align.sources.groups { task = task, prompts = prompts, responses = 8, reward = reward_model }
--
-- The batch has the columns `group` (number of the prompt), `reward`, `finished` (1 where the response ends
-- with a stop token), `step`, `checkpoint`, `writer`, and the token columns `old_logps` and `sampling_logps`.
-- `old_logps` are at temperature 1 whatever `temperature` is: policy gradients of other samples are biased.
-- With several reward functions it also has `rewards`, a list of numbers a row; `reward` is their sum, and
-- `missing_eos_penalty` is of the first. Without one it has no `reward`: for losses that read none, such as
-- `loss.gkd`. With `reference_responses` it has `reference_rewards`, of the reference's responses to the same
-- prompt. Errors: an option is missing, unknown or out of range; a reward is no finite number.
--
--   > groups { prompts = { { 1 } }, batch = 1, reward = function(_, response) return #response end }.name
--   groups { batch = 1 }
local options = require "perilune.options"
local batches = require "perilune.align.batch"
local filled = require "perilune.align.filled"
local judges = require "perilune.align.judge"
local penalty = require "perilune.align.penalty"
local sampling = require "perilune.align.sampling"
local reference_rewards = require "perilune.align.reference_rewards"
local source = require "perilune.align.source"

local spec = options.spec("sources.groups", {
  { "reward", options.optional "table|function",
    "a function(prompt, response) that returns a number, a judge with score(rows), or a list of these" },
  penalty.options,
  sampling.options,
  { "responses", 4, "responses to each prompt", least = 1 },
  { "batch", 8, "prompts of a batch", least = 1 },
  reference_rewards.options,
})

--- Who gives rewards, as a list of judges.
local function scorers_of(reward)
  if reward == nil then return {} end
  local list = {}
  for k, one in ipairs(type(reward) == "table" and reward[1] and reward or { reward }) do
    list[k] = judges.as_scorer(one)
  end
  return list
end

--- The rewards of a judge, all finite: an infinite one leaves no advantage in its group.
local function finite_scores(scorer, rows)
  local scores = judges.scores(scorer, rows)
  for row, score in ipairs(scores) do
    if score - score ~= 0 then
      error(("sources.groups: judge %s: the reward of row %d is %s, expected a finite number"):format(
        tostring(scorer.name), row, score), 0)
    end
  end
  return scores
end

--- The columns `reward`, and `rewards` where there are several judges.
local function scored(scorers, rows)
  local columns = { reward = scorers[1] and finite_scores(scorers[1], rows) }
  if #scorers < 2 then return columns end
  columns.rewards = {}
  for row, first in ipairs(columns.reward) do columns.rewards[row] = { first } end
  for k = 2, #scorers do
    for row, score in ipairs(finite_scores(scorers[k], rows)) do
      columns.rewards[row][k], columns.reward[row] = score, columns.reward[row] + score
    end
  end
  return columns
end

return function(given)
  local o = spec:fill(sampling.given(given))
  local scorers = scorers_of(o.reward)
  if scorers[1] then scorers[1] = penalty.judge(scorers[1], o, spec.name) end
  local prompts = sampling.dealt(o, o.batch)
  local rewards_of, reference_labels = reference_rewards.of(o, scorers[1])
  return source.new(spec, o, {
    labels = function(_, count)
      return count * o.batch * o.responses * #scorers + reference_labels(count * o.batch)
    end,
    batch = function(_, step, policy, checkpoint, reference)
      local group, n, of_step = {}, o.batch * o.responses, prompts(step)
      for row = 1, n do group[row] = (row - 1) // o.responses + 1 end
      local rows = sampling.draw(policy, policy, of_step, o, "first", step, o.responses)
      local columns = scored(scorers, rows)
      columns.rows, columns.group, columns.finished = rows, group, sampling.finished(rows, o)
      columns.step, columns.checkpoint = filled(n, step), filled(n, checkpoint or "")
      columns.writer = filled(n, "policy")
      columns.reference_rewards = rewards_of(of_step, reference)
      return batches.new(columns)
    end,
  })
end
