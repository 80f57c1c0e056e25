--- REINFORCE leave-one-out: the baseline of a response is the mean reward of the others to its prompt.
--
--   L_i = -min(rho_i A_i, clip(rho_i, 1 - epsilon, 1 + epsilon_high) A_i),   rho_i = pi(y_i) / pi_old(y_i)
--   A_i = R_i - mean of R_j over j != i,   R_i = reward - beta log(pi_old(y_i) / pi_ref(y_i))
--
-- The ratio and its clip are TRL's: the paper has one update a batch, where the ratio is 1.
--
--   > local plain = require "perilune.align.batch".plain
--   > local b = plain { lengths = { 1, 1 }, group = { 1, 1 }, reward = T{1, 0}, logps = T{-1, -2},
--   >>   old_logps = T{-1, -2} }
--   > local l = rloo { beta = 0 }
--   > l:prepare(b)
--   > print((l(b)))
--   [-1, 1]
--   [Tensor f32 2]
local loss = require "perilune.align.loss"
local advantage = require "perilune.align.advantage"
local policy_gradient = require "perilune.align.policy_gradient"
local options = require "perilune.options"
local tensor = require "perilune.tensor"

return loss.define {
  name = "rloo",
  paper = "Ahmadian et al. 2024, arXiv:2402.14740, eq. 7",
  trl = "RLOOTrainer, with 2 responses a prompt unless given",
  per = "row",
  source = { name = "groups", responses = 4 },
  options = {
    { "beta", 0.05, "weight of the KL from the reference in the reward; 0 reads no reference", least = 0 },
    policy_gradient.clipping:only { "epsilon", "epsilon_high" },
    advantage.options:only { "reward_weights" },
    { "normalize_advantages", false, "standardise the advantages over the batch" },
    { "reward_clip_range", options.optional "table", "least and most reward, before the KL" },
  },
  check = function(o) advantage.check_range("loss.rloo", "reward_clip_range", o.reward_clip_range) end,
  reads = { "logps", "old_logps", "advantage" },
  prepare_reads = function(o)
    return o.beta > 0 and { "group", "reward", "old_logps", "ref_logps" } or { "group", "reward" }
  end,
  prepare = function(batch, o)
    local rewards = advantage.with_kl(batch, o, o.beta)
    advantage.check_groups(batch:units(), "loss.rloo")
    local found = advantage.leave_one_out(rewards, batch:units())
    if o.normalize_advantages then
      found = advantage.standardised(found, { advantage.places(#found) }, "batch")
    end
    batch.advantage = tensor(found, batch.reward:dtype())
  end,
  loss = function(batch, o)
    local ratio = loss.shared.exp(batch:sums(batch.logps - batch.old_logps))
    return policy_gradient.clipped({ ratio = ratio, advantage = batch.advantage }, o)
  end,
}
