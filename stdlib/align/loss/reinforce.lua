--- REINFORCE with a baseline, on whole responses.
--
--   L_i = -A_i log pi(y_i),   A_i = R_i - b,   R_i = reward - beta log(pi_old(y_i) / pi_ref(y_i))
--
-- b is the mean reward of all earlier batches (`baseline = "moving"`), of this batch, of the response's group
-- without it ("group", which is RLOO), or 0.
--
--   > local plain = require "perilune.align.batch".plain
--   > local b = plain { lengths = { 1, 1 }, reward = T{1, 0}, logps = T{-1, -2} }
--   > local l = reinforce { baseline = "batch", beta = 0 }
--   > l:prepare(b)
--   > print(l(b))
--   [0.5, -1.0]
--   [Tensor f32 2]
local loss = require "perilune.align.loss"
local advantage = require "perilune.align.advantage"
local tensor = require "perilune.tensor"

--- Rewards less the mean of the rewards before this batch; the first batch has its own mean.
local function less_moving(rewards, state)
  local sum = 0
  for _, reward in ipairs(rewards) do sum = sum + reward end
  local mean = state.count > 0 and state.sum / state.count or sum / #rewards
  state.sum, state.count = state.sum + sum, state.count + #rewards
  local found = {}
  for row, reward in ipairs(rewards) do found[row] = reward - mean end
  return found
end

return loss.define {
  name = "reinforce",
  paper = "Williams 1992, Machine Learning 8; Ahmadian et al. 2024, arXiv:2402.14740",
  trl = "",
  per = "row",
  source = { name = "groups", responses = 1 },
  options = {
    { "beta", 0.05, "weight of the KL from the reference in the reward; 0 reads no reference", least = 0 },
    { "baseline", "moving", "mean reward of earlier batches, of the batch, of the others of the group, or 0",
      choices = { "moving", "batch", "group", "none" } },
    advantage.options:only { "reward_weights" },
  },
  reads = { "logps", "advantage" },
  state = function() return { sum = 0.0, count = 0 } end,
  prepare_reads = function(o)
    local reads = { "reward" }
    if o.baseline == "group" then reads[2] = "group" end
    if o.beta > 0 then table.move({ "old_logps", "ref_logps" }, 1, 2, #reads + 1, reads) end
    return reads
  end,
  prepare = function(batch, o, models)
    local found = advantage.with_kl(batch, o, o.beta)
    if o.baseline == "moving" then
      found = less_moving(found, models.state)
    elseif o.baseline == "group" then
      found = advantage.leave_one_out(found, batch:units())
    elseif o.baseline == "batch" then
      found = advantage.standardised(found, { advantage.places(#found) }, "none")
    end
    batch.advantage = tensor(found, batch.reward:dtype())
  end,
  loss = function(batch) return -(batch.advantage * batch:sums "logps") end,
}
