--- How much of the answers data must cover, in worlds whose optimum is known, for `lit4_support`.
--
-- Two policies: a table of logits, and one that is linear in features, whose answers share what they learn.
-- The table descends IPO, whose optimum with full support is pi_ref exp(p(y > mu) / beta) (Tang et al. 2024,
-- arXiv:2405.08448, app. H); the linear policy descends DPO, whose optimum pi_ref exp(r / beta) its features
-- can write. Every expectation is a sum, nothing is drawn.
local bootstrap = require "perilune.align.evaluate.bootstrap"
local frontier = require "perilune.align.evaluate.frontier"
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

--- The claims of `lit4_support`; `make` is align.claims.
--
--   > #support.claims(require "perilune.align.claims")
--   9
function support.claims(make)
  local function at_end(label, name, field, given)
    return make.value(("%s, data on %s of the answers, at the end"):format(name, label),
      function(_, sides)
        return bootstrap.by_repetition(sides(label), function(runs) return runs[1][#runs[1]][field] end)
      end, given)
  end
  local function distance(point) return point.distance end
  local function further(first, second, given)
    given.margin, given.unit = 0.01, "nats"
    return make.at_end(first, second, "distance from the optimum", distance, given)
  end
  return {
    at_end("all", "distance from the optimum", "distance", { expect = "equal", margin = 0.01, unit = "nats",
      paper = "With full support the optimum is reached." }),
    further("half", "all", { paper = "Without it, it is not." }),
    further("a quarter", "half", { name = "less support, larger distance" }),
    at_end("all", "win rate over the writer, less 1/2", "over all",
      { paper = "With full support the policy beats the writer." }),
    at_end("a quarter", "win rate over the writer, less 1/2", "over a quarter",
      { name = "the same with data on a quarter of the answers" }),
    make.at_end("online", "a quarter", "win rate over the start", function(point) return point.win end,
      { paper = "Online needs no coverage (Xu et al.)." }),
    at_end("linear, all", "distance from the optimum", "distance", { expect = "equal", margin = 0.01,
      unit = "nats", name = "a linear policy reaches its optimum with full support" }),
    further("linear, a quarter", "linear, all", { name = "a linear policy with a quarter less with all" }),
    make.value("what data on half of the answers cost the table less what they cost the linear policy",
      function(_, sides)
        local pairs_of = frontier.paired(sides "half", sides "all", sides "linear, half", sides "linear, all")
        return bootstrap.by_repetition(pairs_of, function(four)
          local last = {}
          for i = 1, 4 do last[i] = four[i][1][#four[i][1]].distance end
          return (last[1] - last[2]) - (last[3] - last[4])
        end)
      end, { margin = 0.01, unit = "nats" }),
  }
end

return options.strict("paper.support", support)
