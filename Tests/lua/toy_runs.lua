--- Runs on the toy task that several test files begin with.
local align = require("perilune").align
local toy = require "toy"

local runs = { reference = toy.model(5) }

--- The sampling of the runs, with `more` over it.
function runs.drawn(more) return toy.sampling(toy.with({ batch = 8, seed = 3 }, more)) end

--- Trains a copy of the reference; `more` over the settings that all runs share.
function runs.train(more)
  return align.train(toy.with({
    policy = runs.reference:clone(), reference = runs.reference, source = align.sources.online(runs.drawn()),
    loss = align.loss.ipo { beta = 0.1 },
    steps = 10, lr = 1e-2, record = true, quiet = true,
  }, more))
end

runs.online = runs.train()
runs.dataset = align.sources.sample(runs.reference, toy.sampling { count = 20, seed = 9, quiet = true })

return runs
