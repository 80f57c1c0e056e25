--- A sweep of two trainings by align.train, for tests. SWEEP_PAUSE is the seconds of an evaluation.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/../lua/?.lua;" .. package.path
local toy = require "toy"
local perilune = require "perilune"
local align, sweep, system = perilune.align, perilune.sweep, perilune.system

local pause = tonumber(os.getenv "SWEEP_PAUSE" or 0)
local s = sweep { name = "train", grid = { beta = { 0.1, 1 } }, quiet = true }
local runs = s:each(function(c, run)
  local reference = toy.model(c.seed)
  local trained = align.train {
    policy = reference:clone(), reference = reference, loss = align.loss.ipo { beta = c.beta }, steps = 20,
    source = align.sources.online(toy.sampling { batch = 4, seed = c.seed }), lr = 1e-2, quiet = true,
    run = run,
    evaluate_every = 1,
    evaluate = function(policy, step)
      system.sleep(pause)
      return { hash = policy:hash(), at = step }
    end,
  }
  return { hash = trained.policy:hash() }
end)
print(#runs, #runs[1].summary.hash)
