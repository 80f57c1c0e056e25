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
local options = require "perilune.options"
local tensor = require "perilune.tensor"
local tabular = require "perilune.worlds.tabular"

local spec = options.spec("worlds.bandit", {
  { "answers", 8, "number of answers", least = 2 },
  { "rewards", options.optional "table", "list of rewards, instead of random ones" },
  { "reference", options.optional "table", "list of probabilities of the reference, instead of random ones" },
  tabular.options,
})

local function row(list, count, what)
  if #list ~= count then error(("worlds.bandit: %d %s for %d answers"):format(#list, what, count), 3) end
  return tensor({ list }, "f64")
end

return function(given)
  local o = spec:fill(given)
  local reward = o.rewards and row(o.rewards, o.answers, "rewards")
    or tabular.normal(o.seed, "worlds/reward", { 1, o.answers }) * o.scale
  local logits = o.reference and row(o.reference, o.answers, "probabilities"):log()
    or tabular.normal(o.seed, "worlds/reference", { 1, o.answers }) * o.spread
  return tabular.of("bandit", o, reward, logits)
end
