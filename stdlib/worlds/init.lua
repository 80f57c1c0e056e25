--- Worlds: problems so small that the optimum of every method is known exactly.
--
-- A world has prompts x, a list of answers y, a reference policy pi_ref(y|x) and preferences p(y > y'|x).
-- Answers are token ids: a table of logits is a policy there (`?align.policy`), and so is a Model. All
-- figures are sums over all answers, in float64, no estimates:
--
--   pi*        world:optimum { of = "ipo", beta = 0.1 }, see `?worlds.exact.optimum`
--   p(y > mu)  world:against(policy), [prompts, answers]
--   KL         world:kl(p, q), nats
--   win rate   world:win_rate(p, q)
--   gradient   world:gradient(loss, policy, world:population { writer = "policy" })
--
-- A world is the `task` of sources and evaluation: it has the limits of an answer.
--
--   align.sources.online { task = world, prompts = world.prompts, judge = world:judge {}, batch = 1 }
--
-- `world:check { loss = ..., source = ... }` trains and prints the distance to the optimum by step. The
-- option `support` is the share of the answers that data covers.
--
--   > local world = worlds.bandit { answers = 8, seed = 1 }
--   > local ipo = world:optimum { of = "ipo", beta = 0.5 }
--   > world:win_rate(ipo, world.reference) > 0.5, world:kl(ipo, world.reference) > 0
--   true	true
--
-- The worlds are `bandit`, `tabular`, `strings`, `linear` and `cyclic`; `worlds.world` makes one of tensors.
local folder = require "perilune.folder"
local options = require "perilune.options"

return options.strict("worlds", {}, folder.modules(), function(name)
  return require("perilune.worlds." .. name)
end)
