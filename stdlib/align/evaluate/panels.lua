--- The figures of a report: win rate against KL, with at most six sides each.
--
-- Of more sides there are several figures, panels, under one caption. Each has the first side as its
-- reference and some of the others. Sides that name the same `panel`, a text, are in a figure of that name.
local frontier = require "perilune.align.evaluate.frontier"
local options = require "perilune.options"
local plot = require "perilune.plot"
local system = require "perilune.system"

local panels = {}

-- Curves beside that of the first side.
local most <const> = 5

--- The other sides by the panel that they name, in the order of the first of each: a list of lists.
local function groups_of(sides)
  local groups, by_name = {}, {}
  for i = 2, #sides do
    local name = sides[i].panel or ""
    local group = by_name[name]
    if not group then
      group = { name = name ~= "" and name or nil }
      by_name[name], groups[#groups + 1] = group, group
    end
    group[#group + 1] = sides[i]
  end
  return groups
end

--- The panels of sides, a list of { name, sides }; a panel has a `name` where its sides have one. More than
-- five others are divided as evenly as can be.
--
--   > local panels = require "perilune.align.evaluate.panels"
--   > local sides = {}
--   > for i = 1, 8 do sides[i] = { label = ("side %d"):format(i) } end
--   > local made = panels.of(sides)
--   > #made, #made[1].sides, #made[2].sides, made[2].sides[1].label, made[2].sides[2].label
--   2	4	5	side 1	side 5
--   > sides[2].panel = "small"
--   > made = panels.of(sides)
--   > made[1].name, #made[1].sides, #made
--   small	2	3
function panels.of(sides)
  local list = {}
  for _, group in ipairs(groups_of(sides)) do
    local parts = (#group + most - 1) // most
    for part = 1, parts do
      local from, to = (part - 1) * #group // parts + 1, part * #group // parts
      list[#list + 1] = { name = group.name, sides = table.move(group, from, to, 2, { sides[1] }) }
    end
  end
  return #list > 0 and list or { { sides = { sides[1] } } }
end

--- The seeds of a side without the start of each run, which has no place on a log axis.
local function without_start(by_seed)
  local seeds = {}
  for s, runs in ipairs(by_seed) do
    seeds[s] = { outer = runs.outer }
    for r, run in ipairs(runs) do
      seeds[s][r] = table.move(run, run[1].step == 0 and 2 or 1, #run, 1, {})
    end
  end
  return seeds
end

--- The ends of an axis that has all KLs above 0, of all panels; nil where there is none.
local function limits_of(sides)
  local low, high = math.huge, 0
  for _, side in ipairs(sides) do
    frontier.each_point(side.by_seed, function(point)
      if point.kl > 0 then low, high = math.min(low, point.kl), math.max(high, point.kl) end
    end)
  end
  return high > 0 and { low / 1.2, high * 1.2 } or nil
end

-- The sides that most reports have look alike in all of them; the others take what is left, in their order.
local known <const> = { online = 1, offline = 2, ["online by gold"] = 3 }
local looks_of <const> = {
  { "blue", "circle" }, { "vermillion", "square" }, { "green", "triangle" }, { "purple", "diamond" },
  { "orange", "triangle down" }, { "sky", "plus" }, { "black", "cross" }, { "yellow", "star" },
}

--- The number of the colour and marker of each side, by its label.
--
--   > local looks = panels.looks { { label = "online" }, { label = "shuffled" }, { label = "offline" } }
--   > looks.online, looks.shuffled, looks.offline
--   1	4	2
function panels.looks(sides)
  local looks, others, first = {}, 0, 4
  for _, side in ipairs(sides) do
    looks[side.label] = known[side.label]
    if not looks[side.label] then
      looks[side.label] = first + others % (#looks_of - first + 1)
      others = others + 1
    end
  end
  return looks
end

--- The mean win rate of the start over the seeds of a side; nil where its runs have no such point.
local function start_of(by_seed)
  local sum, count = 0.0, 0
  for _, runs in ipairs(by_seed) do
    local first = runs[1] and runs[1][1]
    if first and first.step == 0 then sum, count = sum + first.win, count + 1 end
  end
  return count > 0 and sum / count or nil
end

--- A figure of `plot.frontier` for each panel, on the paper's axis, log KL. `settings` are those of the
-- figures; the name of a panel, or its number, follows the title. A horizontal line is the start's win rate.
--
--   > local function point(step, kl) return { step = step, kl = kl, win = 0.5 } end
--   > local side = { label = "online", by_seed = { { { point(1, 1), point(2, 3) } } } }
--   > #panels.figures({ side }, { title = "one" })
--   1
function panels.figures(sides, settings)
  local figures, xlim, looks = {}, limits_of(sides), panels.looks(sides)
  local list, start = panels.of(sides), start_of(sides[1].by_seed)
  for p, panel in ipairs(list) do
    local given = { xscale = "log", xlim = xlim }
    for name, value in pairs(settings) do given[name] = value end
    local name = panel.name or #list > 1 and ("%d of %d"):format(p, #list)
    if name and settings.title then given.title = ("%s: %s"):format(settings.title, name) end
    for i, side in ipairs(panel.sides) do
      local color, marker = table.unpack(looks_of[looks[side.label]])
      given[i] = {
        label = side.label, by_seed = without_start(side.by_seed), color = color, marker = marker,
      }
    end
    figures[p] = plot.frontier(given)
    if start then figures[p]:hline { y = start, label = "start", color = "gray", style = "dotted" } end
  end
  return figures
end

--- Adds figures to a page, one after the other under one caption.
--
--   > local page = { figure = function(_, figure, caption) print(figure, caption) end }
--   > panels.add(page, { "first", "second" }, "Both.")
--   first	nil
--   second	Both.
function panels.add(page, figures, caption)
  for i, figure in ipairs(figures) do page:figure(figure, i == #figures and caption or nil) end
end

--- The file of a panel: `frontier.svg`, `frontier_2.svg` and so on.
local function path_of(folder, name, i)
  return ("%s/%s%s.svg"):format(folder, name, i > 1 and ("_%d"):format(i) or "")
end

--- Writes figures into a folder under a name: `frontier.svg`, `frontier_2.svg` and so on. Those of an earlier
-- report that has more of them would be read as of this one, and are removed.
--
--   > local folder = os.tmpname() .. ".panels"
--   > require "perilune.system".make_folder(folder)
--   > local points = { { step = 1, kl = 1, win = 0.5 }, { step = 2, kl = 3, win = 0.6 } }
--   > local figures = panels.figures({ { label = "online", by_seed = { { points } } } }, {})
--   > panels.save(figures, folder, "frontier")
--   > #panels.read(folder, "frontier"), #panels.read(folder, "proxy")
--   1	0
function panels.save(figures, folder, name)
  for i, figure in ipairs(figures) do figure:save(path_of(folder, name, i)) end
  local i = #figures + 1
  while os.remove(path_of(folder, name, i)) do i = i + 1 end
end

--- The text of a file that holds an SVG; nil and what is wrong with it.
local function svg_of(path)
  local file <close>, problem = io.open(path, "rb")
  if not file then return nil, problem end
  local text, why = file:read "a"
  if not text then return nil, ("%s: %s"):format(path, why) end
  if not text:find("<svg", 1, true) or not text:find "</svg>%s*$" then
    return nil, path .. " is no whole SVG"
  end
  return text
end

--- The texts of the figures that `panels.save` wrote, a list; and what is wrong with one of them, which is
-- left out.
--
--   > select(2, panels.read("/no/such/folder", "frontier"))
--   nil
function panels.read(folder, name)
  local texts, damaged, i = {}, nil, 1
  while system.exists(path_of(folder, name, i)) do
    local text, problem = svg_of(path_of(folder, name, i))
    texts[#texts + 1], damaged, i = text, damaged or problem, i + 1
  end
  return texts, damaged
end

return options.strict("align.evaluate.panels", panels)
