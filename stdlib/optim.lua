--- Optimizers, learning rates, gradient clipping, and one step of training.
--
--   local adam = optim.adamw(model, { lr = 3e-4 })            -- also optim.sgd, optim.lion, optim.adafactor
--   local rate = optim.schedule { lr = 3e-4, steps = 400, warmup = 20, decay = "cosine" }
--   for step = 1, 400 do
--     local loss, norm = optim.step(adam, loss_of(model), { rate = rate(step), max_grad_norm = 1.0 })
--   end
--
-- Parameters are a Model, or a list of Models and Tensors: `optim.adamw { policy, value_head }`. Those that
-- do not require a gradient are skipped.
local attempt = require "perilune.attempt"
local mpi = require "perilune.native.mpi"
local native = require "perilune.native.optim"
local options = require "perilune.options"
local tensor = require "perilune.tensor"

local optim = {}
for name, value in pairs(native) do optim[name] = value end

--- How the rate of a run changes after the warm-up.
optim.decays = { "constant", "linear", "cosine" }

--- The options of every function that trains.
optim.options = options.spec("optim.options", {
  { "optimizer", "adamw", "update rule", choices = { "adamw", "sgd", "lion", "adafactor" } },
  { "lr", 3e-4, "learning rate after the warm-up", least = 0 },
  { "warmup", 0, "steps of linear rise of the rate", least = 0 },
  { "decay", "constant", "decay of the rate after the warm-up", choices = optim.decays },
  { "floor", 0.0, "what the rate decays to, as a fraction of lr", least = 0, most = 1 },
  { "beta1", options.optional "number", "decay of the mean of gradients; by default the optimizer's own",
    least = 0, below = 1 },
  { "beta2", options.optional "number", "decay of the mean of squares (lion: of the momentum); likewise",
    least = 0, below = 1 },
  { "momentum", options.optional "number", "of sgd", least = 0 },
  { "moments", options.optional "string", "what adamw's moments are stored in: \"bf16\", half the memory, or "
    .. "\"f32\", which it is by default; see optim.adamw", choices = { "f32", "bf16" } },
  { "weight_decay", 0.0, "times the rate, the fraction of each weight subtracted in a step", least = 0 },
  { "max_grad_norm", 1.0, "gradients are scaled to at most this norm; 0 does not clip", least = 0 },
  { "gradient_checkpointing", false, "each layer of a Model keeps only its input and is computed again in "
    .. "the backward pass: less memory, a longer step, the same bits" },
})

local specific = {
  adamw = { beta1 = true, beta2 = true, moments = true }, sgd = { momentum = true },
  lion = { beta1 = true, beta2 = true },
  adafactor = {},
}

--- The optimizer that filled `optim.options` describe.
--
--   > local w = require "perilune.tensor"({ 1 }, { requires_grad = true })
--   > optim.from_options({ w }, optim.options:fill { optimizer = "sgd", momentum = 0.9 })
--   [Optimizer sgd: 1 parameters, 0 steps]
--   > optim.from_options({ w }, optim.options:fill { optimizer = "sgd", beta1 = 0.9 })
--   optim: sgd has no option 'beta1'
function optim.from_options(parameters, o)
  local given = { lr = o.lr, weight_decay = o.weight_decay }
  for _, name in ipairs { "beta1", "beta2", "momentum", "moments" } do
    if o[name] ~= nil and not specific[o.optimizer][name] then
      error(("optim: %s has no option '%s'"):format(o.optimizer, name), 0)
    end
    given[name] = o[name]
  end
  return native[o.optimizer](parameters, given)
end

--- The learning rate of each step of a run of `steps` steps, as a function, from filled `optim.options`.
--
--   > optim.rates(optim.options:fill { lr = 1, decay = "linear" }, 4)(2)
--   0.75
function optim.rates(o, steps)
  return native.schedule { lr = o.lr, warmup = o.warmup, decay = o.decay, floor = o.floor, steps = steps }
end

local function is_finite(x) return x - x == 0 end

--- Where numbers that are not finite come from, as the end of a message: the first parameter that has one, or
-- the operation that gave the first. For that the loss is computed again, operation by operation; not where
-- processes do so together, which would wait for each other.
local function cause(optimizer, again)
  local found = optimizer:exception()
  if not found and again and mpi.size() == 1 then
    optimizer:zero_grad()
    local ok, problem = attempt.call(tensor.detect_anomaly, again, true)
    if not ok then found = type(problem) == "userdata" and problem.message or tostring(problem) end
  end
  return found and ": " .. found or ""
end

--- Computes the gradients of one step and clips them; returns the loss and the norm before clipping.
--
-- `loss` is a Tensor of one element, or a function that runs backward itself, once for each part of a batch,
-- and returns the loss as a number. `max_grad_norm` is nil or 0 for no clipping. `again` computes a loss that
-- is given as a Tensor anew, with its backward pass: by it an error names the operation.
--
-- Errors: the loss or the norm is not finite; the weights are unchanged then. The message names the parameter
-- or the operation that this comes from.
--
--   > local w = require "perilune.tensor"({ 3 }, { requires_grad = true })
--   > optim.gradients(optim.sgd { w }, (w * w):sum(), 1)
--   9.0	6.0
--   > optim.gradients(optim.sgd { w }, (w / 0):sum())
--   step 1: loss inf, gradient norm inf: the step is not applied
--   > optim.gradients(optim.sgd { w }, function()
--   >>   local loss = (w / 0):sum()
--   >>   loss:backward()
--   >>   return loss:item()
--   >> end)
--   step 1: loss inf, gradient norm inf: the step is not applied: div gave inf at [1] (1 of 1 elements)
function optim.gradients(optimizer, loss, max_grad_norm, again)
  optimizer:zero_grad()
  local value
  if type(loss) == "function" then
    value, again = loss(), loss
  else
    loss:backward()
  end
  local clips = max_grad_norm and max_grad_norm > 0
  local norm = native.clip_grad_norm(optimizer, clips and max_grad_norm or nil)
  value = value or loss:item()
  if not (is_finite(value) and is_finite(norm)) then
    error(("step %d: loss %s, gradient norm %s: the step is not applied%s"):format(
      optimizer:steps() + 1, options.number_text(value), options.number_text(norm),
      cause(optimizer, again)), 0)
  end
  return value, norm
end

local step_options = options.spec("optim.step", {
  { "rate", options.optional "number", "learning rate of this step; by default the optimizer's", least = 0 },
  { "max_grad_norm", 0.0, "gradients are scaled to at most this norm; 0 does not clip", least = 0 },
})

--- One step of training: zero_grad, backward, clip, step. Returns the loss and the gradient norm before
-- clipping, both numbers. `loss` is as for optim.gradients.
--
-- Errors: the loss or a gradient is not finite (the step is not applied); a weight is not finite after it.
--
--   > local w = require "perilune.tensor"({ 3 }, { requires_grad = true })
--   > local sgd = optim.sgd { w }
--   > optim.step(sgd, (w * w):sum(), { rate = 0.25 })
--   9.0	6.0
--   > w:item()
--   1.5
function optim.step(optimizer, loss, given)
  local o = step_options:fill(given)
  local value, norm = optim.gradients(optimizer, loss, o.max_grad_norm)
  optimizer:step { lr = o.rate }
  return value, norm
end

return options.strict("optim", optim)
