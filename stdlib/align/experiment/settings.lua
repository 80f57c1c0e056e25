--- The settings of a variant: all combinations of learning rates and betas, each with its loss.
local attempt = require "perilune.attempt"
local losses = require "perilune.align.loss"
local options = require "perilune.options"
local separated = require "perilune.options.separated"

local settings = {}

--- Whether an f32 holds a number as one that is neither 0 nor infinite.
local function fits(number)
  local held = ("f"):unpack(("f"):pack(number))
  return held > 0 and held < math.huge
end

--- A number as a text that reads back as the same number: `short`, which is six digits unless given, or 17
-- digits where it does not. Names and keys of runs are made of it, so that two numbers have two.
--
--   > local settings = require "perilune.align.experiment.settings"
--   > settings.text(3e-4), settings.text(1 / 3), settings.text(0.1, "0.10")
--   0.0003	0.33333333333333331	0.10
function settings.text(number, short)
  short = short or ("%g"):format(number)
  return tonumber(short) == number and short or ("%.17g"):format(number)
end

--- The value of an option as text, of two numbers two.
--
--   > local settings = require "perilune.align.experiment.settings"
--   > settings.text_of(0.1), settings.text_of(true)
--   0.1	true
function settings.text_of(value)
  return type(value) == "number" and settings.text(value, tostring(value)) or tostring(value)
end

--- The numbers in a text such as "1e-4,3e-4". Errors: a part is no number, or one that is not above 0 or not
-- within f32, or is there twice.
--
--   > local settings = require "perilune.align.experiment.settings"
--   > settings.numbers("lr", "1e-4,3e-4")[2]
--   0.0003
--   > settings.numbers("lr", "1e-4,x")
--   lr takes numbers above 0 that f32 can hold, separated by commas, not '1e-4,x'
function settings.numbers(name, text)
  local list, seen = {}, {}
  for part in separated(tostring(text)) do
    local number = tonumber(part)
    if not (number and fits(number)) then
      error(("%s takes numbers above 0 that f32 can hold, separated by commas, not '%s'"):format(
        name, text), 0)
    elseif seen[number] then
      error(("%s has %s twice: '%s'"):format(name, part, text), 0)
    end
    seen[number] = true
    list[#list + 1] = number
  end
  return list
end

--- The loss that makers of settings call, by its name. Errors: there is none.
--
--   > settings.loss("ipo").name
--   ipo
--   > settings.loss "ipoo"
--   there is no loss 'ipoo'; did you mean 'ipo'?
function settings.loss(name)
  local ok, make = attempt.call(function() return losses[name] end)
  if ok and losses.is_definition(make) then return make end
  error(("there is no loss '%s'; %s"):format(name, options.suggest(name, losses.names())), 0)
end

--- The options of the loss among those of a script: `o["loss.norm"]` is its option `norm`.
local function loss_options(o)
  local given = {}
  for name, value in pairs(o) do
    local own = name:match "^loss%.(.+)$"
    if own then given[own] = value end
  end
  return given
end

--- The loss that stands for a loss offline, with the same beta: the loss itself, or another one where it has
-- no offline form.
--
--   > settings.offline(require "perilune.align.loss".ipo {}, nil).name
--   ipo
function settings.offline(loss, beta)
  local name = loss.definition.offline
  if not name or name == "" then return loss end
  local make = settings.loss(name)
  return make { beta = make.spec.by_name.beta and beta or nil }
end

--- The settings of the options `o`, each { lr, beta, loss, offline, name }. A loss without `beta`, or one
-- whose beta is fixed by `loss.beta`, has one setting a rate; `beta = ""` takes that of the loss, and 0.05
-- for ipo; `lr = ""` takes 3e-4. Errors: there is no such loss; an option of it is unknown or out of range;
-- a rate or beta is no number above 0; `beta` and `loss.beta` are both given.
--
--   > settings.list({ loss = "ipo", lr = "1e-4,3e-4", beta = "0.05" })[2].name
--   lr 0.0003, beta 0.05
--   > settings.list({ loss = "ipo", lr = "1e-4", beta = "", ["loss.beta"] = 0.2 })[1].loss.options.beta
--   0.2
--   > settings.list({ loss = "ipo", lr = "1e-4", beta = "0.05", ["loss.beta"] = 0.2 })
--   --beta 0.05 and --loss.beta 0.2 are both given: one of them is enough
function settings.list(o)
  local make, given = settings.loss(o.loss), loss_options(o)
  if given.beta ~= nil and o.beta ~= "" then
    error(("--beta %s and --loss.beta %s are both given: one of them is enough"):format(
      o.beta, given.beta), 0)
  end
  local text = o.beta == "" and o.loss == "ipo" and "0.05" or o.beta
  local takes_beta = make.spec.by_name.beta ~= nil and given.beta == nil and text ~= ""
  local list = {}
  for _, beta in ipairs(takes_beta and settings.numbers("beta", text) or { false }) do
    for _, lr in ipairs(settings.numbers("lr", o.lr == "" and "3e-4" or o.lr)) do
      local all = { beta = beta or nil }
      for key, value in pairs(given) do all[key] = value end
      local loss = make(all)
      list[#list + 1] = {
        lr = lr, beta = all.beta, loss = loss, offline = settings.offline(loss, all.beta),
        name = "lr " .. settings.text(lr) .. (beta and ", beta " .. settings.text(beta) or ""),
      }
    end
  end
  return list
end

return options.strict("align.experiment.settings", settings)
