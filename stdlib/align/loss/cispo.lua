--- Clipped importance sampling policy optimisation: the ratio is capped as a weight, no token is left out.
--
--   L = 1 / (tokens of the batch) sum_i sum_t -sg(min(rho_t, epsilon_high)) A_i log pi(y_t)
--
-- sg is no gradient. `epsilon_high` is the cap itself, not the distance from 1.
--
--   > local plain = require "perilune.align.batch".plain
--   > local b = plain { lengths = { 1, 1 }, group = { 1, 1 }, reward = T{1, 0}, logps = T{-1, -2},
--   >>   old_logps = T{-1, -2} }
--   > local l = cispo { scale_rewards = "none" }
--   > l:prepare(b)
--   > print((l(b)))
--   [0.5, -1.0]
--   [Tensor f32 2]
local options = require "perilune.options"
local policy_gradient = require "perilune.align.policy_gradient"

return policy_gradient.define {
  name = "cispo",
  paper = "MiniMax 2025, arXiv:2506.13585, sec. 3.1",
  trl = "GRPOTrainer, loss_type = \"cispo\", whose epsilon_high is 0.2 unless given: a cap of 0.2",
  options = { { "epsilon_high", options.number(5.0, 0), "cap of the ratio itself" } },
  term = function(t, o)
    local ratio = t.ratio:detach()
    local value = -(ratio:clamp(nil, o.epsilon_high) * t.advantage * t.logps)
    local capped = ratio:gt(o.epsilon_high):logical_and(t.advantage:gt(0)):to "f32"
    return value, { cispo_clip_ratio = capped }
  end,
  sum = policy_gradient.over_batch,
}
