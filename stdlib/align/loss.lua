--- Losses on pairs, and how to write one.
--
-- A loss gets a pair of batches: sums of token log-probabilities `chosen`, `rejected` under the policy and
-- `ref_chosen`, `ref_rejected` under the reference (each [n]), and `chosen_lengths`, `rejected_lengths` in tokens.
-- It returns one number a pair, so that the mean is the caller's, and figures worth logging.
--
--   > local loss = require "perilune.align.loss"
--   > loss.ipo { beta = 0.5 }.name
--   ipo
local options = require "perilune.options"

local loss = {}

local norms = { sum = true, mean = true }

--- log pi(y|x) - log pi_ref(y|x) of the chosen and of the rejected answers, each [n].
--
-- `norm = "sum"` sums over the tokens of an answer, as the papers do; `"mean"` divides by their number, as TRL's
-- offline trainer does for ipo.
function loss.log_ratios(pair, norm)
  if not norms[norm] then error(("norm must be \"sum\" or \"mean\", got %s"):format(tostring(norm)), 3) end
  local chosen = pair.chosen - pair.ref_chosen
  local rejected = pair.rejected - pair.ref_rejected
  if norm == "mean" then return chosen / pair.chosen_lengths, rejected / pair.rejected_lengths end
  return chosen, rejected
end

--- rho = the log-ratio of the chosen answer less that of the rejected one, [n].
function loss.margin(pair, norm)
  local chosen, rejected = loss.log_ratios(pair, norm)
  return chosen - rejected
end

--- Makes a loss from a function: a name, defaults and `loss(pair, options)`.
--
-- The result is called with options and gives the loss for `align.train`. Every loss takes `norm`.
--
--   > local half = loss.define { name = "half", defaults = { beta = 1 }, loss = function(pair, o) return o.beta * loss.margin(pair, o.norm) end }
--   > half { beta = 2 }.options.beta
--   2
function loss.define(spec)
  local defaults = { norm = "sum" }
  for name, value in pairs(spec.defaults or {}) do defaults[name] = value end
  local definition = { name = spec.name, defaults = defaults, loss = spec.loss, needs_reference = spec.needs_reference ~= false }
  return setmetatable(definition, {
    __call = function(_, given)
      if type(given) == "table" and given.chosen and given.rejected then
        error(("loss.%s: got a pair before its options: call it first, as in loss = %s {}"):format(spec.name, spec.name), 2)
      end
      local o = options.fill(defaults, given or {}, "loss." .. spec.name)
      if not norms[o.norm] then error(("loss.%s: norm must be \"sum\" or \"mean\", got %s"):format(spec.name, tostring(o.norm)), 2) end
      if spec.check then spec.check(o) end
      local bound = { name = spec.name, options = o, needs_reference = definition.needs_reference }
      return setmetatable(bound, { __call = function(_, pair) return spec.loss(pair, o) end })
    end,
  })
end

--- Refuses a beta that regularises nothing.
function loss.check_beta(name)
  return function(o)
    if type(o.beta) ~= "number" or not (o.beta > 0) then
      error(("loss.%s: beta must be a positive number, got %s"):format(name, tostring(o.beta)), 4)
    end
  end
end

local known = { "ipo", "dpo", "slic", "bo2" }

return options.strict("align.loss", loss, known, function(name) return require("perilune.align.loss." .. name) end)
