--- The size of the policy: variants, claims and the figure of `fig10_scale`.
--
-- Tang et al. 2024, arXiv:2405.08448, sec. 5.5, figs. 10, 11 and 14.
local interval = require "perilune.align.claims.interval"
local measures = require "perilune.align.compare.measures"
local options = require "perilune.options"
local plot = require "perilune.plot"
local stages = require "perilune.paper.stages"

local scale = {}

--- The option `steps` of the scripts on sizes: fewer than the task's, as in the paper.
scale.steps = { "steps", 480, "optimiser steps of each run", least = 1, smoke = 6, quick = 240 }

--- The sizes that the options ask for, in the order of `paper.stages`. Errors: there is no such size; a
-- pretrained model is given, which has one.
local function sizes_of(o)
  if (o.model or "") ~= "" then
    error("model: this figure trains starts of several sizes, it takes no pretrained model", 0)
  end
  local wanted, list, known = {}, {}, {}
  for name in o.sizes:gmatch "[^,]+" do wanted[name] = true end
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

--- An online and an offline variant of each size of `o.sizes`, names of `paper.stages` separated by commas;
-- `make` is that of `paper.variants`. Errors: there is no such size.
--
--   > local scale, stages = require "perilune.paper.scale", require "perilune.paper.stages"
--   > local made = { online = function() return {} end, offline_one = function() return {} end }
--   > local list = scale.variants(made, { sizes = "small,tiny" })
--   > #list, list[1].label, list[4].label
--   4	online tiny	offline small
function scale.variants(make, o)
  local list = {}
  for _, size in ipairs(sizes_of(o)) do
    local stage = stages.sized(size[2])
    for _, side in ipairs { "online", "offline" } do
      local variant = side == "online" and make.online() or make.offline_one()
      variant.label, variant.stage = ("%s %s"):format(side, size[1]), stage
      variant.run = variant.label
      list[#list + 1] = variant
    end
  end
  return list
end

--- What `after` of the experiment finds in a job: the parameters of each of its policies, by label.
--
--   > local toy = { num_parameters = function() return 8 end }
--   > scale.after(nil, { done = { ["online tiny"] = { policy = toy } } })["online tiny"]
--   8
function scale.after(_, run)
  local found = {}
  for label, trained in pairs(run.done) do found[label] = trained.policy:num_parameters() end
  return found
end

--- The names of the sizes that the options ask for, in the order of size.
--
--   > table.concat(scale.names { sizes = "small,tiny" }, " ")
--   tiny small
function scale.names(o)
  local names = {}
  for i, size in ipairs(sizes_of(o)) do names[i] = size[1] end
  return names
end

--- The parameters of a side's policy, as the jobs found them.
--
--   > scale.parameters({ { found = { ["online tiny"] = 8 } } }, "online tiny")
--   8
function scale.parameters(findings, label)
  for _, one in ipairs(findings) do
    if one.found[label] then return one.found[label] end
  end
end

local best = measures.quantile(0.9)
local function best_of(runs) return best(runs, function(point) return point.win end) end

--- The gap of best possible performance at a size, by the number of the repetition.
--
--   > local function seeds(win) return { { { { step = 1, kl = 1, win = win } }, outer = 2 } } end
--   > local by = { ["online tiny"] = seeds(0.5), ["offline tiny"] = seeds(0.25) }
--   > scale.gaps(function(label) return by[label] end, "tiny")[2]
--   0.25
function scale.gaps(sides, size)
  local found = {}
  for _, pair in ipairs(interval.pairs(sides("online " .. size), sides("offline " .. size))) do
    local of = found[pair.outer] or { outer = pair.outer }
    found[pair.outer], of[#of + 1] = of, pair
  end
  for outer, of in pairs(found) do
    found[outer] = interval.by_repetition(of, function(pair)
      local a, b = best_of(pair[1]), best_of(pair[2])
      return a and b and a - b or nil
    end)[1]
  end
  return found
end

--- The claims of `fig10_scale`: the gap at each size, and the peaks of the largest and the smallest size.
-- `make` is align.claims.
--
--   > #scale.claims(require "perilune.align.claims", { sizes = "tiny,large" })
--   4
function scale.claims(make, o)
  local sizes, list = scale.names(o), {}
  for i, size in ipairs(sizes) do
    list[i] = make.quantile("online " .. size, "offline " .. size, {
      name = ("the gap of best possible performance, %s"):format(size),
      paper = i == #sizes and "The gap stays at the largest size." or nil,
    })
  end
  for _, side in ipairs(#sizes > 1 and { "online ", "offline " } or {}) do
    list[#list + 1] = make.peak(side .. sizes[#sizes], side .. sizes[1],
      { paper = side == "online " and "Larger policies have higher peaks." or nil })
  end
  return list
end

--- Adds the figure of best possible performance against the size to a page (figs. 11 and 14). `sides` and
-- `findings` are those of experiment.compare.
--
--   > local sides, counts = {}, {}
--   > for i, label in ipairs { "online tiny", "offline tiny", "online small", "offline small" } do
--   >>   local win, count = ({ 0.5, 0.3, 0.6, 0.2 })[i], i < 3 and 1000 or 4000
--   >>   sides[i] = { label = label, by_seed = { { { { step = 1, kl = 1, win = win } }, outer = 1 } } }
--   >>   counts[label] = count
--   >> end
--   > local page = { figure = function() end, table = function(_, t) print(t.rows[2][2], t.rows[2][5]) end }
--   > scale.section(page, sides, { { found = counts } })
--   4000	0.333
function scale.section(page, sides, findings)
  local best_by, curves, rows = {}, { online = { x = {}, y = {} }, offline = { x = {}, y = {} } }, {}
  for _, side in ipairs(sides) do
    local name, size = side.label:match "^(%a+) (.+)$"
    local found, count = interval.of_values(interval.by_repetition(side.by_seed, best_of)),
      scale.parameters(findings, side.label)
    table.insert(curves[name].x, math.log(count, 2))
    table.insert(curves[name].y, found.mean)
    best_by[side.label] = found.mean
    if name == "offline" then
      local online = best_by["online " .. size]
      rows[#rows + 1] = { size, count, ("%.3f"):format(online), ("%.3f"):format(found.mean),
        online > 0 and ("%.3f"):format(found.mean / online) or "-" }
    end
  end
  local figure = plot.figure {
    title = "Best possible performance", xlabel = "log2 of parameters", ylabel = "90 % quantile of win rates",
  }
  for _, name in ipairs { "online", "offline" } do
    figure:line { x = curves[name].x, y = curves[name].y, label = name, marker = "circle" }
  end
  page:figure(figure, "Means over repetitions.")
  page:table { header = { "size", "parameters", "online", "offline", "offline / online" }, rows = rows,
    caption = "The 90 % quantile of the win rates of all checkpoints, means over repetitions." }
end

return options.strict("paper.scale", scale)
