--- Every loss in the trainer: saved within a batch, divided into pieces, with weights of 1, and checkpointed.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local support = require "support"
local toy = require "toy"
local lu = require "luaunit"
local align = require "perilune.align"
local tensor = require "perilune.tensor"

local reference = toy.model(5)

local function source_of(loss) return toy.source_of(loss, { batch = 8, seed = 3 }) end

--- A policy that differs from the reference, so that no term of a loss vanishes.
local policy = reference:clone()
tensor.no_grad(function()
  for i, weights in ipairs(policy:parameters()) do
    weights:copy_(weights + 0.02 * tensor.randn(weights:size(), { seed = i }))
  end
end)

--- The logged row of one step.
local function step(loss, more)
  return align.train(toy.with({
    policy = policy:clone(), reference = reference, source = source_of(loss), loss = loss, steps = 1,
    optimizer = "sgd", quiet = true, instruments = false,
  }, more)).log[1]
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

for _, name in ipairs(align.loss.names()) do
  TestEveryLoss[("test_%s_with_gradient_checkpointing_has_the_same_bits"):format(name)] = function()
    local function trained(start, on)
      local loss = align.loss[name] {}
      local run = align.train {
        policy = start:clone(), reference = reference, source = source_of(loss), loss = loss, steps = 2,
        lr = 1e-2, gradient_accumulation_steps = loss.splits and 2 or 1, gradient_checkpointing = on,
        quiet = true, instruments = false,
      }
      return { run.policy:hash(), run.log }
    end
    for _, start in ipairs { policy, reference:lora { r = 2, targets = "all-linear" } } do
      lu.assertEquals(trained(start, true), trained(start, false))
    end
  end
end

for _, name in ipairs(align.loss.names()) do
  local loss = align.loss[name] {}
  local whole = step(loss)
  TestEveryLoss[("test_%s_with_weights_of_1_is_the_same_step"):format(name)] = function()
    local source = align.sources.reweighted { of = source_of(loss), weight = function() return 1 end }
    local row = step(loss, { source = source })
    lu.assertEquals({ row.loss, row.grad_norm }, { whole.loss, whole.grad_norm })
  end
  TestEveryLoss[("test_%s_in_8_pieces_is_the_same_step"):format(name)] = function()
    if not loss.splits then
      local message = support.message(step, loss, { gradient_accumulation_steps = 8 })
      return lu.assertStrContains(message, "of a batch is no mean over its parts")
    end
    for _, pieces in ipairs { 3, 8 } do
      local row = step(loss, { gradient_accumulation_steps = pieces })
      support.close(row.loss, whole.loss, 1e-5)
      support.close(row.grad_norm / whole.grad_norm, 1, 1e-4)
    end
  end
end

os.exit(lu.LuaUnit.run())
