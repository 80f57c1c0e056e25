--- Does offline training reach its optimum exactly where data cover all answers, and only there?
--
-- Tang et al. 2024, arXiv:2405.08448, app. H: with full support offline IPO has the optimum
-- pi_ref exp(p(y > mu) / beta), better than the writer mu; the paper's data did not give it. Xu et al. 2024,
-- arXiv:2404.10719, table 1: without support the optimum is another one.
--
-- Tables of logits, 4 prompts with 8 answers: every expectation is a sum, nothing is drawn, and a repetition
-- is a world of its own. The support of the data is all answers, half and a quarter of them.
--
--   perilune scripts/paper/lit4_support.lua [--outer-seeds 12] [--quick]
--
-- Cost: 4 runs a repetition, whatever the task; 1 s of processor time at --smoke.
-- Measured: at the default size (5 worlds, 2026-11-28) with full support the optimum is reached to 0.000 nats
-- and the policy beats the writer by 0.137 [0.104, 0.170]; with data on half of the answers it ends 0.227
-- [0.159, 0.296] nats further away, and on a quarter it no longer beats its writer: -0.028 [-0.132, 0.075].
local paper = require "perilune.paper"
local of_world = require "perilune.align.experiment.world"
local losses = require "perilune.align.loss"
local worlds = require "perilune.worlds"

local beta <const>, supports <const> = 0.2, { { "all", 1 }, { "half", 0.5 }, { "a quarter", 0.25 } }

local function world_of(outer, share)
  return worlds.tabular { prompts = 4, answers = 8, seed = outer, support = share, support_seed = outer }
end

--- The stage of a repetition; points also have the distance from the optimum of full support, in nats, and by
-- how much the policy beats the writer of each support.
local function stage_of(_, outer)
  local world = world_of(outer, 1)
  local stage, best = of_world.stage(world, { seed = outer }), world:optimum { of = "ipo", beta = beta }
  local measure = stage.measure
  function stage.measure(policy, step)
    local point = measure(policy, step)
    point.distance = world:kl(policy, best)
    for _, one in ipairs(supports) do
      point["over " .. one[1]] = world:win_rate(policy, world_of(outer, one[2]):data()) - 0.5
    end
    return point
  end
  return stage
end

paper.figure {
  name = "lit4_support", arguments = arg,
  question = "Does offline training reach its optimum exactly where data cover all answers, and only there?",
  found = "In theory yes, one step better than the writer; in the paper's runs the step was not seen.",
  options = { { "instruments", "none", "what runs measure besides win rate and KL",
    choices = { "none", "default", "all" } } },
  stage = stage_of,
  variants = function(_, o)
    local loss = losses.ipo { beta = beta }
    local how = { { lr = 0.05, beta = beta, loss = loss, offline = loss, name = "lr 0.05, beta 0.2",
      steps = o.size == "smoke" and 6 or 480 } }
    local list = { { label = "online", settings = how, source = function(_, run)
      return world_of(run.outer, 1):population { writer = "policy" }
    end } }
    for _, one in ipairs(supports) do
      list[#list + 1] = { label = one[1], settings = how, source = function(_, run)
        return world_of(run.outer, one[2]):population()
      end }
    end
    return list
  end,
  claims = function(claims)
    local function at_end(label, name, field, more)
      return claims.value(("%s, data on %s of the answers, at the end"):format(name, label),
        function(_, sides)
          local values = {}
          for i, runs in ipairs(sides(label)) do values[i] = runs[1][#runs[1]][field] end
          return values
        end, more)
    end
    local function distance(point) return point.distance end
    return {
      at_end("all", "distance from the optimum", "distance", { expect = "equal", margin = 0.01, unit = "nats",
        paper = "With full support the optimum is reached." }),
      claims.at_end("half", "all", "distance from the optimum", distance, { margin = 0.01, unit = "nats",
        paper = "Without it, it is not." }),
      claims.at_end("a quarter", "half", "distance from the optimum", distance,
        { margin = 0.01, unit = "nats", name = "less support, larger distance" }),
      at_end("all", "win rate over the writer, less 1/2", "over all",
        { paper = "With full support the policy beats the writer." }),
      at_end("a quarter", "win rate over the writer, less 1/2", "over a quarter",
        { name = "the same with data on a quarter of the answers" }),
      claims.at_end("online", "a quarter", "win rate over the start", function(point) return point.win end,
        { paper = "Online needs no coverage (Xu et al.)." }),
    }
  end,
}
