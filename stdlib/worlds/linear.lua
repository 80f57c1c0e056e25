--- One prompt, answers of one token, and a policy that is linear in features.
--
--   pi_theta(y) proportional to pi_ref(y) exp(phi(y) theta),   r(y) = phi(y) w,   w ~ N(0, scale^2)
--
-- The optimum of reward maximisation is theta = w / beta. Features are random, N(0, 1), or given; so are
-- rewards and reference. What an answer gains, answers with like features gain, whether data covers them or
-- not, which no table shows. The counterexample of Xu et al. 2024, arXiv:2404.10719, table 1, needs such a
-- policy.
--
--   > local world = linear { answers = 3, features = { { 0 }, { -1 }, { 2 } }, rewards = { 1, 0, 0 } }
--   > world.reference
--   [Policy vocab 3, 1 parameters]
--   > linear { answers = 2, features = { { 1 } } }
--   worlds.linear: features must be one list of numbers an answer, 2 in all
local attempt = require "perilune.attempt"
local options = require "perilune.options"
local policies = require "perilune.align.policy"
local tabular = require "perilune.worlds.tabular"
local tensor = require "perilune.tensor"
local world = require "perilune.worlds.world"

local spec = options.spec("worlds.linear", {
  { "answers", 8, "number of answers", least = 2 },
  { "dim", 3, "random features of an answer", least = 1 },
  { "features", options.optional "table", "a list of numbers for each answer, instead of random ones" },
  { "rewards", options.optional "table", "list of rewards, instead of linear ones" },
  { "reference", options.optional "table", "list of probabilities of the reference, instead of random ones" },
  tabular.options,
})

local function matrix(list, count)
  local ok, made = attempt.call(tensor, list, "f64")
  if ok and made:dim() == 2 and made:size(1) == count then return made end
  error(("worlds.linear: features must be one list of numbers an answer, %d in all"):format(count), 3)
end

return function(given)
  local o = spec:fill(given)
  local features = o.features and matrix(o.features, o.answers)
    or tabular.normal(o.seed, "worlds/features", { o.answers, o.dim })
  local dim, answers = features:size(2), {}
  local weights = tabular.normal(o.seed, "worlds/reward", { dim, 1 }) * o.scale
  local reward = o.rewards and tabular.row(o.rewards, o.answers, "worlds.linear", "rewards")
    or features:matmul(weights):transpose(1, 2)
  local start = o.reference and tabular.log_probabilities(o.reference, o.answers, "worlds.linear")
    or tabular.normal(o.seed, "worlds/reference", { 1, o.answers }) * o.spread
  for y = 1, o.answers do answers[y] = { y - 1 } end
  return world {
    name = "linear", prompts = { { 0 } }, answers = answers, max_response = 1, reward = reward,
    preference = tabular.preference(o.preference, reward), support = o.support, support_seed = o.support_seed,
    reference = policies.define {
      vocab = o.answers, dim = 1, parameters = { theta = tensor.zeros({ dim, 1 }, "f64") },
      logits = function(contexts, p)
        return (start + features:matmul(p.theta):transpose(1, 2)):expand { #contexts, o.answers }
      end,
      hidden = function(contexts) return tensor.ones({ #contexts, 1 }, "f64") end,
      knows = function(context) return #context == 1 and context[1] == 0 end,
    },
  }
end
