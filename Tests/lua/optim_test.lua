--- perilune.optim: parameters, steps, state, schedules. The formulas are tested in Tests/OptimTests.
package.path = (arg[0]:match "^(.*)/[^/]*$" or ".") .. "/?.lua;" .. package.path
local lu = require "luaunit"
local support = require "support"
local toy = require "toy"
local optim = require "perilune.optim"
local tensor = require "perilune.tensor"

local makers = {
  function(p) return optim.adamw(p, { lr = 0.1, weight_decay = 0.1 }) end,
  function(p) return optim.sgd(p, { lr = 0.1, momentum = 0.9, nesterov = true }) end,
  function(p) return optim.sgd(p, { lr = 0.1 }) end,
  function(p) return optim.lion(p, { lr = 0.1 }) end,
  function(p) return optim.adafactor(p, { lr = 0.1 }) end,
}

local function leaf(values) return tensor(values, { requires_grad = true }) end

TestParameters = {}

function TestParameters.test_models_and_tensors_are_given_together()
  local model, head = toy.model(1), leaf { 1, 2 }
  local count = #model:parameters()
  lu.assertEquals(#optim.adamw(model):parameters(), count)
  lu.assertEquals(#optim.adamw({ model, head }):parameters(), count + 1)
  lu.assertEquals(#optim.adamw({ model, head, head, model }):parameters(), count + 1)
end

function TestParameters.test_what_cannot_be_trained_is_refused()
  local w = leaf { 1, 2 }
  lu.assertStrContains(support.message(optim.adamw, { w * 2 }),
    "parameter 1 (2) is computed from other tensors; an optimizer trains leaves only")
  lu.assertStrContains(support.message(optim.sgd, {}), "no parameters to train")
  lu.assertStrContains(support.message(optim.lion, { tensor.ones(2) }),
    "no parameters to train: none of the 1 tensors requires a gradient")
  for wanted, call in pairs {
    ["expected a Model or a list of Models and Tensors"] = function() optim.adafactor(w) end,
    ["element 2 is a number, expected a Tensor or a Model"] = function() optim.adamw { w, 3 } end,
    ["unknown option 'rl'; did you mean 'lr'?"] = function() optim.adamw({ w }, { rl = 1 }) end,
    ["option 'beta1': expected a number of at least 0 and below 1, got 1"] = function()
      optim.adamw({ w }, { beta1 = 1 })
    end,
    ["nesterov needs a momentum above 0"] = function() optim.sgd({ w }, { nesterov = true }) end,
  } do
    lu.assertStrContains(support.message(call), wanted)
  end
end

function TestParameters.test_a_frozen_tensor_does_not_move()
  local w, frozen = leaf { 1, 2 }, tensor { 3, 4 }
  local adam = optim.adamw({ frozen, w }, { weight_decay = 0.5 })
  optim.step(adam, (w * frozen):sum())
  lu.assertEquals(frozen:totable(), { 3, 4 })
  lu.assertNotEquals(w:totable(), { 1, 2 })
end

TestSteps = {}

function TestSteps.test_a_step_returns_the_loss_and_the_norm_before_clipping()
  local w = leaf { 3, 4 }
  local loss, norm = optim.step(optim.sgd { w }, (w * w):sum() / 2, { rate = 0.5, max_grad_norm = 1 })
  lu.assertEquals({ loss, norm }, { 12.5, 5 })
  support.close(w[1]:item(), 3 - 0.5 * 0.6, 1e-6)
end

function TestSteps.test_a_loss_may_accumulate_its_gradients_itself()
  local w = leaf { 3 }
  local function parts()
    local total = 0
    for part = 1, 4 do
      local loss = (w * part):sum() / 4
      loss:backward()
      total = total + loss:item()
    end
    return total
  end
  local loss, norm = optim.step(optim.sgd { w }, parts, { rate = 1 })
  lu.assertEquals({ loss, norm, w:item() }, { 7.5, 2.5, 0.5 })
end

function TestSteps.test_what_is_not_finite_is_refused_before_the_step()
  local w = leaf { 1, 2 }
  local sgd = optim.sgd { w }
  lu.assertEquals(support.message(optim.step, sgd, (w / 0):sum()),
    "step 1: loss inf, gradient norm inf: the step is not applied")
  lu.assertEquals(support.message(optim.step, sgd, (w * (0 / 0)):sum()),
    "step 1: loss nan, gradient norm nan: the step is not applied")
  lu.assertEquals({ w:totable(), sgd:steps() }, { { 1, 2 }, 0 })
end

function TestSteps.test_what_is_not_finite_is_named()
  local w = leaf { 1, 2 }
  local sgd = optim.sgd { w }
  local function backward(loss)
    loss:backward()
    return loss:item()
  end
  lu.assertEquals(support.message(optim.step, sgd, function() return backward((w - 2):log():sum()) end),
    "step 1: loss nan, gradient norm inf: the step is not applied: "
      .. "log gave nan at [1] (1 of 2 elements)")
  lu.assertEquals(support.message(optim.step, sgd, function() return backward((w - 1):sqrt():sum()) end),
    "step 1: loss 1.0, gradient norm inf: the step is not applied: "
      .. "the gradient of argument 1 of sqrt is inf at [1] (1 of 2 elements)")
  local bad = tensor { 1, 0 / 0 }
  lu.assertStrContains(support.message(optim.step, sgd, function() return backward((w * bad):sum()) end),
    "argument 2 of mul is nan at [2] (1 of 2 elements)")
  local models = require "perilune.models"
  local model = models.transformer { style = "gpt2", vocab = 4, dim = 4, layers = 1, heads = 1,
    max_length = 8, seed = 1 }
  local tensors, names = model:parameters()
  tensor.no_grad(function() tensors[2]:fill_(1 / 0) end)
  local adam = optim.adamw(model)
  lu.assertStrContains(adam:exception(), ("parameter 2 (%s, "):format(names[2]))
  local loss = model:logps(models.rows({ { 1 } }, { { 2 } })):sum()
  lu.assertStrContains(support.message(optim.step, adam, loss),
    ("the step is not applied: parameter 2 (%s, "):format(names[2]))
end

function TestSteps.test_weights_that_are_not_finite_after_the_step_are_an_error()
  local w = leaf { 1, 2 }
  local message = support.message(optim.step, optim.sgd { w }, w:sum(), { rate = 1e300 })
  lu.assertStrContains(message, "step 1: parameter 1 (2) holds nan or inf after the update with lr 1e+300")
end

--- 1e19 sqrt 128 = 1.1313708498984761e20 (Python 3.11).
function TestSteps.test_the_norm_of_large_gradients_does_not_overflow()
  local w = tensor.zeros({ 128 }, { requires_grad = true })
  local loss = (w * 1e19):sum()
  loss:backward()
  support.close(optim.clip_grad_norm({ w }, 1) / 1.1313708498984761e20, 1, 1e-6)
  support.close(optim.clip_grad_norm { w }, 1, 1e-5)
end

TestState = {}

local function run(optimizer, w, from, to)
  for step = from, to do
    optim.step(optimizer, ((w - step) * (w - step)):sum())
  end
end

function TestState.test_a_restored_state_gives_the_same_bits_for_every_optimizer()
  for _, make in ipairs(makers) do
    local w = leaf { { 1, 2, 3 }, { 4, 5, 6 } }
    local optimizer = make { w }
    run(optimizer, w, 1, 3)
    local state, weights, path = optimizer:state(), w:totable(), os.tmpname()
    optimizer:save(path)
    run(optimizer, w, 4, 6)
    for _, restore in ipairs { function(o) o:restore(state) end, function(o) o:load(path) end } do
      local again = leaf(weights)
      local other = make { again }
      restore(other)
      lu.assertEquals(other:steps(), 3)
      run(other, again, 4, 6)
      lu.assertEquals(again:totable(), w:totable(), optimizer:name())
    end
    os.remove(path)
  end
end

function TestState.test_a_state_of_something_else_is_refused()
  local w = leaf { 1, 2 }
  local adam, path = optim.adamw { w }, os.tmpname()
  lu.assertStrContains(support.message(adam.restore, adam, optim.lion({ w }):state()),
    "a state of lion cannot restore an optimizer of kind adamw")
  lu.assertStrContains(support.message(adam.restore, adam, optim.adamw({ leaf { 1 } }):state()),
    "tensor 'exp_avg.1' of the state is f32 1, expected f32 2")
  lu.assertStrContains(support.message(adam.restore, adam, {}), "a state of nothing")
  toy.model(1):save(path)
  lu.assertStrContains(support.message(adam.load, adam, path), "not the state of an optimizer")
  adam:save(path)
  local file = assert(io.open(path, "rb"))
  local bytes = file:read "a"
  file:close()
  local system = require "perilune.system"
  system.write_file(path, bytes:sub(1, -2) .. "\1")
  lu.assertStrContains(support.message(adam.load, adam, path), "the file is damaged")
  system.write_file(path, bytes:sub(1, -5))
  lu.assertStrContains(support.message(adam.load, adam, path), path)
  os.remove(path)
end

TestSchedules = {}

--- (N - k + 1) / N, as transformers' get_linear_schedule_with_warmup (Tests/Golden/optim.json).
function TestSchedules.test_a_linear_decay_falls_by_one_part_a_step()
  local rate = optim.schedule { lr = 1, steps = 4, decay = "linear" }
  lu.assertEquals({ rate(1), rate(2), rate(3), rate(4), rate(5) }, { 1, 0.75, 0.5, 0.25, 0 })
  for _, decay in ipairs { "constant", "linear", "cosine" } do
    lu.assertEquals(optim.schedule { lr = 1, steps = 1, decay = decay }(1), 1)
  end
end

function TestSchedules.test_a_decay_without_its_end_is_refused()
  local function refusal(o) return support.message(optim.schedule, o) end
  lu.assertStrContains(refusal { lr = 1, decay = "cosine" },
    "option 'steps' is missing; a cosine decay ends at step 'steps'")
  lu.assertStrContains(refusal { decay = "cosine" },
    "option 'lr' is missing; expected a number of at least 0")
  lu.assertStrContains(refusal { lr = 1, decay = "half" }, "expected one of")
end

os.exit(lu.LuaUnit.run())
