--- Several fresh responses of the policy to each prompt, each with a reward: what GRPO, RLOO and PPO read.
--
--   align.sources.groups { task = task, prompts = prompts, responses = 8, reward = reward_model }
--
-- The batch has the columns `group` (number of the prompt), `reward`, `step`, `checkpoint`, `writer`, and the
-- token columns `old_logps` and `sampling_logps`. Errors: an option is missing, unknown or out of range; a
-- reward is no number.
--
--   > groups { prompts = { { 1 } }, batch = 1, reward = function(_, response) return #response end }.name
--   groups of 4
local options = require "perilune.options"
local batches = require "perilune.align.batch"
local judges = require "perilune.align.judge"
local sampling = require "perilune.align.sampling"

local spec = options.spec("sources.groups", {
  { "reward", options.required "table|function",
    "a function(prompt, response) that returns a number, or a judge with score(rows)" },
  sampling.options,
  { "responses", 4, "responses to each prompt", least = 1 },
  { "batch", 8, "prompts of a batch", least = 1 },
})

return function(given)
  local o = spec:fill(sampling.given(given))
  o.reward = judges.as_scorer(o.reward)
  local prompts = sampling.dealt(o, o.batch)
  return {
    name = ("groups of %d"):format(o.responses),
    options = o,
    batch = function(_, step, policy, checkpoint)
      local group, steps, checkpoints, writer = {}, {}, {}, {}
      for i = 1, o.batch do
        for k = 1, o.responses do
          local row = (i - 1) * o.responses + k
          group[row], steps[row], checkpoints[row], writer[row] = i, step, checkpoint or "", "policy"
        end
      end
      local rows = sampling.draw(policy, policy, prompts(step), o, "first", step, o.responses)
      return batches.new {
        rows = rows, group = group, reward = judges.scores(o.reward, rows), step = steps,
        checkpoint = checkpoints, writer = writer,
      }
    end,
  }
end
