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

--- The variants of each size of `o.sizes`, names of `paper.stages` separated by commas: online, offline, and
-- with `shuffled` the data of the online run in another order. `make` is that of `paper.variants`. Errors:
-- there is no such size.
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

--- The claims of `fig10_scale`: the gap at each size to offline and to shuffled data, and the peaks of the
-- largest and the smallest size. `make` is align.claims.
--
--   > #scale.claims(require "perilune.align.claims", { sizes = "tiny,large" })
--   6
function scale.claims(make, o)
  local sizes, list = scale.names(o), {}
  for i, size in ipairs(sizes) do
    list[#list + 1] = make.quantile("online " .. size, "offline " .. size, {
      name = ("the gap of best possible performance, %s"):format(size),
      paper = i == #sizes and "The gap stays at the largest size." or nil,
    })
    list[#list + 1] = make.quantile("online " .. size, "shuffled " .. size,
      { name = ("the gap to the online run's data in another order, %s"):format(size) })
  end
  for _, side in ipairs(#sizes > 1 and { "online ", "offline " } or {}) do
    list[#list + 1] = make.peak(side .. sizes[#sizes], side .. sizes[1],
      { paper = side == "online " and "Larger policies have higher peaks." or nil })
  end
  return list
end

--- The names of the sides of a size, in the order of their columns.
local kinds <const> = { "online", "offline", "shuffled" }

--- The figures of a page: best possible performance by size, absolute and relative to online's.
local function figures(page, curves)
  local absolute = plot.figure { title = "Best possible performance", xlabel = "log2 of parameters",
    ylabel = "90 % quantile of win rates" }
  local relative = plot.figure { title = "Best possible performance relative to online",
    xlabel = "log2 of parameters", ylabel = "share of online's 90 % quantile" }
  for _, kind in ipairs(kinds) do
    local curve = curves[kind]
    absolute:line { x = curve.x, y = curve.y, label = kind, marker = "circle" }
    relative:line { x = curve.share_x, y = curve.share, label = kind, marker = "circle" }
  end
  page:figure(absolute, "Means over repetitions, as in the paper's figure 14.")
  page:figure(relative, "The same, online's own being 1, as in the paper's figure 11.")
end

--- Adds the figures of best possible performance against the size to a page (figs. 11 and 14). `sides` and
-- `findings` are those of experiment.compare.
--
--   > local sides, counts = {}, {}
--   > for i, label in ipairs { "online tiny", "offline tiny", "shuffled tiny" } do
--   >>   local win = ({ 0.5, 0.3, 0.4 })[i]
--   >>   sides[i] = { label = label, by_seed = { { { { step = 1, kl = 1, win = win } }, outer = 1 } } }
--   >>   counts[label] = 1000
--   >> end
--   > local page = { figure = function() end }
--   > function page:table(made) print(table.concat(made.rows[1], " ")) end
--   > scale.section(page, sides, { { found = counts } })
--   tiny 1000 0.500 0.300 0.400 0.600 0.800
function scale.section(page, sides, findings)
  local best_by, sizes, curves, rows = {}, {}, {}, {}
  for _, kind in ipairs(kinds) do curves[kind] = { x = {}, y = {}, share_x = {}, share = {} } end
  for _, side in ipairs(sides) do
    local kind, size = side.label:match "^(%a+) (.+)$"
    if kind == "online" then sizes[#sizes + 1] = size end
    best_by[side.label] = interval.of_values(interval.by_repetition(side.by_seed, best_of)).mean
  end
  for i, size in ipairs(sizes) do
    local count = scale.parameters(findings, "online " .. size)
    local online, row, shares = best_by["online " .. size], { size, count }, {}
    for _, kind in ipairs(kinds) do
      local curve, best_here = curves[kind], best_by[("%s %s"):format(kind, size)]
      local share = online > 0 and best_here / online or nil  -- a share of nothing is none
      curve.x[i], curve.y[i] = math.log(count, 2), best_here
      table.insert(curve.share_x, share and curve.x[i])
      table.insert(curve.share, share)
      row[#row + 1] = ("%.3f"):format(best_here)
      if kind ~= "online" then shares[#shares + 1] = share and ("%.3f"):format(share) or "-" end
    end
    rows[i] = table.move(shares, 1, #shares, #row + 1, row)
  end
  figures(page, curves)
  page:table {
    header = { "size", "parameters", "online", "offline", "shuffled", "offline / online",
      "shuffled / online" },
    rows = rows, caption = "The 90 % quantile of the win rates of all checkpoints, means over repetitions.",
  }
end

return options.strict("paper.scale", scale)
