--- The settings of a variant: all combinations of learning rates and betas, each with its loss.
local losses = require "perilune.align.loss"
local options = require "perilune.options"

local settings = {}

--- The numbers in a text such as "1e-4,3e-4". Errors: a part is no number, or one that is not above 0, or
-- is there twice.
--
--   > local settings = require "perilune.align.experiment.settings"
--   > settings.numbers("lr", "1e-4,3e-4")[2]
--   0.0003
--   > settings.numbers("lr", "1e-4,x")
--   lr takes numbers above 0, separated by commas, not '1e-4,x'
function settings.numbers(name, text)
  local list, seen = {}, {}
  for part in (tostring(text) .. ","):gmatch "(.-)," do
    local number = tonumber(part)
    if not (number and number > 0 and number < math.huge) then
      error(("%s takes numbers above 0, separated by commas, not '%s'"):format(name, text), 0)
    elseif seen[number] then
      error(("%s has %s twice: '%s'"):format(name, part, text), 0)
    end
    seen[number] = true
    list[#list + 1] = number
  end
  return list
end

--- Name and options of a loss as the command line gives them.
--
--   > local name, given = settings.loss "ipo,norm=mean"
--   > name .. " " .. given.norm
--   ipo mean
function settings.loss(text)
  local name, given = text:match "^([^,]*)", {}
  for part in text:sub(#name + 1):gmatch ",([^,]*)" do
    local key, value = part:match "^([%w_]+)=(.+)$"
    if not key then error(("loss: expected option=value after '%s', got '%s'"):format(name, part), 0) end
    if value == "true" or value == "false" then given[key] = value == "true" else given[key] = tonumber(
      value) or value end
  end
  return name, given
end

--- The settings of the options `o`, each { lr, beta, loss, name }. A loss without `beta` has one setting a
-- rate. Errors: there is no such loss; an option of it is unknown or out of range; a rate or beta is no
-- number above 0.
--
--   > settings.list({ loss = "ipo", lr = "1e-4,3e-4", beta = "0.05" })[2].name
--   lr 0.0003, beta 0.05
function settings.list(o)
  local name, given = settings.loss(o.loss)
  local ok, make = pcall(function() return losses[name] end)
  if not ok or type(make) ~= "table" or not make.spec then
    error(("there is no loss '%s'; %s"):format(name, options.suggest(name, losses.names())), 0)
  end
  local takes_beta = make.spec.by_name.beta ~= nil and given.beta == nil
  local list = {}
  for _, beta in ipairs(takes_beta and settings.numbers("beta", o.beta) or { false }) do
    for _, lr in ipairs(settings.numbers("lr", o.lr)) do
      local all = { beta = beta or nil }
      for key, value in pairs(given) do all[key] = value end
      list[#list + 1] = {
        lr = lr, beta = all.beta, loss = make(all),
        name = ("lr %g"):format(lr) .. (beta and (", beta %g"):format(beta) or ""),
      }
    end
  end
  return list
end

return options.strict("align.experiment.settings", settings)
