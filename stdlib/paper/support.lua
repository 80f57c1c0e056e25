--- Data that cover a part of the answers, in worlds whose optimum is known: the variants of `support`.
--
-- Two policies: a table of logits, and one that is linear in features, whose answers share what they learn.
-- The table descends IPO, whose optimum with full support is pi_ref exp(p(y > mu) / beta) (Tang et al. 2024,
-- arXiv:2405.08448, app. H); the linear policy descends DPO, whose optimum pi_ref exp(r / beta) its features
-- can write. Every expectation is a sum, nothing is drawn.
local losses = require "perilune.align.loss"
local of_world = require "perilune.align.experiment.world"
local options = require "perilune.options"
local worlds = require "perilune.worlds"

local support = {}

-- The policies: what their labels begin with, their world, loss and optimum.
local kinds <const> = {
  { prefix = "", panel = "a table", beta = 0.2, loss = "ipo", optimum = "ipo",
    world = function(outer, share)
      return worlds.tabular { prompts = 4, answers = 8, seed = outer, support = share, support_seed = outer }
    end },
  { prefix = "linear, ", panel = "a linear policy", beta = 0.5, loss = "dpo", optimum = "reward",
    world = function(outer, share)
      return worlds.linear { answers = 8, seed = outer, support = share, support_seed = outer }
    end },
}

local shares <const> = { { "all", 1 }, { "half", 0.5 }, { "a quarter", 0.25 } }

--- The stage of a kind; points also have the distance from the optimum of full support in nats, and by how
-- much the policy beats the writer of each support.
local function stage_of_kind(kind, outer)
  local world = kind.world(outer, 1)
  local best = world:optimum { of = kind.optimum, beta = kind.beta }
  local stage = of_world.stage(world, { seed = outer })
  local measure = stage.measure
  function stage.measure(policy, step)
    local point = measure(policy, step)
    point.distance = world:kl(policy, best)
    for _, share in ipairs(shares) do
      point["over " .. share[1]] = world:win_rate(policy, kind.world(outer, share[2]):data()) - 0.5
    end
    return point
  end
  stage.start_point = stage.measure(stage.start, 0)
  stage.start_point.labels, stage.start_point.tokens = 0, 0
  return stage
end

--- `stage` of experiment.compare: the table's world of a repetition.
--
--   > local support = require "perilune.paper.support"
--   > support.stage({}, 1).start_point.distance > 0.1
--   true
function support.stage(_, outer) return stage_of_kind(kinds[1], outer) end

--- Variants for each policy: online, and offline with data on all answers, half and a quarter of them. `o`
-- are the options of the script.
--
--   > local list = support.variants(nil, { size = "smoke" })
--   > #list, list[3].label, list[7].label, list[7].settings[1].name
--   8	half	linear, half	dpo, lr 0.05, beta 0.5
function support.variants(_, o)
  local list = {}
  for i, kind in ipairs(kinds) do
    local loss, made = losses[kind.loss] { beta = kind.beta }, setmetatable({}, { __mode = "k" })
    local setting = { lr = 0.05, beta = kind.beta, loss = loss, offline = loss,
      steps = o.size == "smoke" and 6 or 480,
      name = ("%s, lr 0.05, beta %g"):format(kind.loss, kind.beta) }
    local function own_stage(stage)
      made[stage] = made[stage] or stage_of_kind(kind, stage.options.seed)
      return made[stage]
    end
    local function add(label, share, writer)
      list[#list + 1] = { label = kind.prefix .. label, settings = { setting },
        stage = i > 1 and own_stage or nil, panel = kind.panel,
        source = function(_, run) return kind.world(run.outer, share):population { writer = writer } end }
    end
    add("online", 1, "policy")
    for _, share in ipairs(shares) do add(share[1], share[2], "data") end
  end
  return list
end

return options.strict("paper.support", support)
