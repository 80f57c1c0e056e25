--- The size of the policy: the variants of `fig10_scale` and `oq2_gap_vs_size`.
--
-- Tang et al. 2024, arXiv:2405.08448, sec. 5.5, figs. 10, 11 and 14.
local limits = require "perilune.options.limits"
local options = require "perilune.options"
local separated = require "perilune.options.separated"
local stages = require "perilune.paper.stages"

local scale = {}

--- The option `steps` of the scripts on sizes: fewer than the task's, as in the paper.
scale.steps = { "steps", 480, "optimiser steps of each run",
  least = 1, most = limits.steps, smoke = 6, quick = 200 }

--- The sizes that the options ask for, in the order of `paper.stages`. Errors: there is no such size, or one
-- is there twice; a pretrained model is given, which has one.
local function sizes_of(o)
  if (o.model or "") ~= "" then
    error("model: this figure trains starts of several sizes, it takes no pretrained model", 0)
  end
  local wanted, list, known = {}, {}, {}
  for name in separated(o.sizes) do
    if wanted[name] then error(("sizes has %s twice: '%s'"):format(name, o.sizes), 0) end
    wanted[name] = true
  end
  for _, size in ipairs(stages.sizes) do
    known[#known + 1] = size[1]
    if wanted[size[1]] then list[#list + 1] = size end
    wanted[size[1]] = nil
  end
  local unknown = next(wanted)
  if unknown then
    error(("sizes: there is no '%s'; %s"):format(unknown, options.suggest(unknown, known)), 0)
  end
  return list
end

--- The variants of each size of `o.sizes`, names of `paper.stages` separated by commas: online, offline, and
-- with `shuffled` the data of the online run in another order. `make` is that of `paper.variants`. Errors:
-- there is no such size, or one is there twice.
--
--   > local scale, stages = require "perilune.paper.scale", require "perilune.paper.stages"
--   > local function new() return {} end
--   > local made = { online = new, offline_one = new, replay = new }
--   > local list = scale.variants(made, { sizes = "small,tiny" })
--   > #list, list[1].label, list[4].label
--   4	online tiny	offline small
--   > scale.variants(made, { sizes = "tiny" }, true)[3].label
--   shuffled tiny
function scale.variants(make, o, shuffled)
  local list = {}
  for _, size in ipairs(sizes_of(o)) do
    local stage = stages.sized(size[2])
    for _, side in ipairs { "online", "offline", shuffled and "shuffled" or nil } do
      local variant = side == "online" and make.online() or side == "offline" and make.offline_one()
        or make.replay("all", "online " .. size[1])
      variant.label, variant.stage = ("%s %s"):format(side, size[1]), stage
      variant.run, variant.panel = variant.label, size[1]
      list[#list + 1] = variant
    end
  end
  return list
end

--- The names of the sizes that the options ask for, in the order of size.
--
--   > table.concat(scale.names { sizes = "small,tiny" }, " ")
--   tiny small
--   > scale.names { sizes = "tiny,tiny" }
--   sizes has tiny twice: 'tiny,tiny'
function scale.names(o)
  local names = {}
  for i, size in ipairs(sizes_of(o)) do names[i] = size[1] end
  return names
end

return options.strict("paper.scale", scale)
