--- Every loss: a run that is saved within a batch of several steps goes on with the same bits.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local toy = require "toy"
local lu = require "luaunit"
local align = require "perilune.align"

local reference = toy.model(5)
local dataset = align.sources.sample(reference, toy.sampling { count = 20, seed = 9, quiet = true })

--- What a source of the library needs besides the options that a loss names.
local given = {
  online = toy.sampling(), best_worst = toy.sampling(),
  groups = { prompts = toy.prompts, max_new_tokens = 6, stop = { 1 } },
  best_of = { prompts = toy.prompts, max_new_tokens = 6, stop = { 1 } },
  hybrid = { pairs = dataset, max_new_tokens = 6, stop = { 1 } },
}
for _, name in ipairs { "groups", "best_of" } do
  given[name].reward = function(_, response) return toy.sevens(response) end
end

local function source_of(loss)
  local o = toy.with(given[loss.source.name], { batch = 4, seed = 3 })
  for name, value in pairs(loss.source) do
    if name ~= "name" then o[name] = value end
  end
  return align.sources[loss.source.name](o)
end

local function train(loss, steps)
  return align.train {
    policy = reference:clone(), reference = reference, source = source_of(loss), loss = loss, steps = steps,
    epochs = 2, mini_batches = loss.splits and 2 or 1, shuffle_mini_batches = true, lr = 1e-2, quiet = true,
    instruments = false,
  }
end

TestEveryLoss = {}

for _, name in ipairs(align.loss.names()) do
  TestEveryLoss[("test_%s_goes_on_within_a_batch"):format(name)] = function()
    local loss, path = align.loss[name] {}, os.tmpname()
    os.remove(path)
    -- Step 3 is within the first batch of four steps, or of the second one of two.
    train(loss, 3):save(path)
    local run = align.runs.load(path, {
      source = source_of(loss), loss = align.loss[name] {}, reference = reference, quiet = true,
    })
    lu.assertEquals(run.step, 3)
    lu.assertNotNil(run.current)
    run:resume(5)
    os.execute(("rm -rf '%s'"):format(path))
    local whole = train(loss, 5)
    lu.assertEquals(run.policy:hash(), whole.policy:hash())
    lu.assertEquals(run.states, whole.states)
  end
end

os.exit(lu.LuaUnit.run())
