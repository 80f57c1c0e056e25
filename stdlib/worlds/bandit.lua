--- One prompt, and answers of one token.
--
--   p(y > y') = sigmoid(r(y) - r(y'))
--
-- Rewards and reference are random, or given: `rewards`, and `reference`, probabilities. Equal probabilities
-- and strict preferences make the best of two 2 mu(y) p(y > mu), whose KL from mu tends to log 2 - 1/2 =
-- 0.193 nats with many answers.
--
--   > local world = bandit { answers = 64, spread = 0, preference = "strict" }
--   > world:kl(world:optimum { of = "bo2" }, world.reference)
--   0.193
--   > bandit { answers = 2, rewards = { 1 } }
--   worlds.bandit: 1 rewards for 2 answers
--   > bandit { answers = 2, reference = { 1, 0 } }
--   worlds.bandit: reference must be probabilities above 0 with the sum 1, not 1 with the least 0
local options = require "perilune.options"
local tabular = require "perilune.worlds.tabular"

local spec = options.spec("worlds.bandit", {
  { "answers", 8, "number of answers", least = 2 },
  { "rewards", options.optional "table", "list of rewards, instead of random ones" },
  { "reference", options.optional "table", "list of probabilities of the reference, instead of random ones" },
  tabular.options,
})

return function(given)
  local o = spec:fill(given)
  local reward = o.rewards and tabular.row(o.rewards, o.answers, "worlds.bandit", "rewards")
    or tabular.normal(o.seed, "worlds/reward", { 1, o.answers }) * o.scale
  local logits = o.reference and tabular.log_probabilities(o.reference, o.answers, "worlds.bandit")
    or tabular.normal(o.seed, "worlds/reference", { 1, o.answers }) * o.spread
  return tabular.of("bandit", o, reward, logits)
end
