--- Data that are renewed every s steps: variants, claims and the answer of `oq3_refresh`.
local claims = require "perilune.align.claims"
local frontier = require "perilune.align.evaluate.frontier"
local options = require "perilune.options"
local plot = require "perilune.plot"
local variants = require "perilune.paper.variants"

local refresh = {}

--- The numbers of steps of the options, "never" last. Errors: one is none.
local function list_of(o)
  local list = {}
  for text in o.every:gmatch "[^,]+" do
    local every = text == "never" and text or math.tointeger(tonumber(text))
    if not every or every ~= "never" and every < 1 then
      local expected <const> = "every takes whole numbers from 1 and \"never\", separated by commas, not '%s'"
      error(expected:format(o.every), 0)
    end
    list[#list + 1] = every
  end
  return list
end

function refresh.variants(make, o)
  local list = {}
  for i, every in ipairs(list_of(o)) do list[i] = make.refreshed(every) end
  return list
end

--- How far renewal every s steps is from renewal every step: at the peak, and at equal KL.
function refresh.claims(make, o)
  local every, list = list_of(o), {}
  for i = 2, #every do
    local first, label = variants.renewed(every[1]), variants.renewed(every[i])
    local is_rare = every[i] == "never"
    local expect = is_rare and "above" or "equal"
    list[#list + 1] = make.peak(first, label, { expect = expect,
      paper = is_rare and "Without renewal it is offline, which is below." or nil })
    list[#list + 1] = make.on_average(first, label, { expect = expect })
  end
  return list
end

--- Adds how old the data are in nats, by the renewal: the instrument ledger/staleness of all checkpoints.
function refresh.section(page, sides)
  local names, ages = {}, {}
  local field = claims.instrument "ledger/staleness"
  for _, side in ipairs(sides) do
    local sum, count = 0.0, 0
    frontier.each_point(side.by_seed, function(point)
      local age = field(point)
      if age then sum, count = sum + age, count + 1 end
    end)
    if count > 0 then names[#names + 1], ages[#ages + 1] = side.label, sum / count end
  end
  if #names == 0 then return end
  page:figure(plot.bars { values = ages, labels = names, title = "Age of the data", ylabel = "nats" },
    "KL of the policy from the one that wrote the batch, mean over checkpoints and repetitions.")
end

return options.strict("paper.refresh", refresh)
