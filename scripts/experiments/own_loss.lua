--- A loss and a judge of one's own: is a saturating loss less greedy than IPO, for a brief judge?
--
--   perilune scripts/experiments/own_loss.lua [--beta 0.1] [--task stories --data FILE]
local align = require("perilune").align
local limits = require "perilune.options.limits"
local experiment, loss = align.experiment, align.loss

local o = experiment.parse(arg, "own_loss.lua: a loss and a judge written in the script", {
  { "steps", 180, "optimiser steps of each run", least = 1, most = limits.steps, smoke = 6 },
  { "outer_seeds", 1, "repetitions of the whole pipeline", least = 1, most = limits.repetitions },
  { "out", "out/own_loss", "folder of the report", folder = true, smoke = "out/own_loss_smoke" },
})

-- A loss: 1 - tanh(beta rho). Flat on both sides, so that neither a hopeless nor a settled pair pulls.
local saturating = loss.define {
  name = "saturating",
  options = { { "beta", 0.1, "steepness", above = 0 } },
  loss = function(pair, given) return 1 - (given.beta * loss.margin(pair, given.norm)):tanh() end,
}

-- A judge: gold's choice, unless one response is half as long again as the other.
local function brief(stage)
  return {
    name = "gold, but brief",
    prefer = function(_, first, second)
      local preferred, a, b = stage.gold:prefer(first, second), first:lengths(), second:lengths()
      for i in ipairs(preferred) do
        local x, y = a[i]:item(), b[i]:item()
        if x > 1.5 * y then preferred[i] = 0 elseif y > 1.5 * x then preferred[i] = 1 end
      end
      return preferred
    end,
  }
end

local function online(stage, run) return stage:online(run, { judge = brief(stage) }) end

experiment.compare {
  title = ("%s and a loss of one's own on %s"):format(o.loss:upper(), o.task),
  options = o, judge = brief,
  variants = {
    { label = o.loss, source = online },
    { label = "saturating", source = online, loss = function(s) return saturating { beta = s.beta } end },
  },
}
