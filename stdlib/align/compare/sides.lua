--- The sides of a comparison: runs and lists of points as { label, by_seed }, checked.
local options = require "perilune.options"

local sides = {}

local function complaint(message, ...) return "align.compare: " .. message:format(...) end

local function is_finite(value) return type(value) == "number" and value - value == 0 end

local function check_points(points, where)
  if type(points) ~= "table" or #points == 0 then error(complaint("%s has no points", where), 0) end
  for i, point in ipairs(points) do
    for _, key in ipairs { "step", "kl", "win" } do
      local value = type(point) == "table" and point[key]
      if not is_finite(value) then
        local message <const> =
          "point %d of %s has %s = %s, expected a finite number: evaluate with align.evaluate.measure"
        error(complaint(message, i, where, key, options.show(value)), 0)
      end
    end
    if type(point.wins) ~= "table" or #point.wins < 2 then
      error(complaint("point %d of %s needs the outcomes `wins` of at least two prompts", i, where), 0)
    end
    for w, value in ipairs(point.wins) do
      if not is_finite(value) then
        error(complaint("point %d of %s has %s as outcome %d of `wins`, expected a finite number", i, where,
          options.show(value), w), 0)
      end
    end
  end
end

--- Label and seeds of an argument: a run of align.train, { label =, points = }, { label =, runs = } with a
-- run a seed, or { label =, by_seed = } with a list of pooled runs a seed.
local function read(entry, i)
  if type(entry) ~= "table" then
    error(complaint("side %d is %s, expected a run", i, options.show(entry)), 0)
  end
  local label = rawget(entry, "label") or ("run %d"):format(i)
  local by_seed = {}
  if entry.by_seed then
    for s, runs in ipairs(entry.by_seed) do
      by_seed[s] = { outer = runs.outer }
      for r, run in ipairs(runs) do by_seed[s][r] = run.points or run end
    end
  else
    for s, run in ipairs(entry.runs or { entry }) do by_seed[s] = { run.points or run } end
  end
  if #by_seed == 0 then error(complaint("'%s' has no runs", label), 0) end
  for s, runs in ipairs(by_seed) do
    for r, points in ipairs(runs) do
      check_points(points, ("run %d of seed %d of '%s'"):format(r, s, label))
    end
  end
  return { label = label, by_seed = by_seed, given = entry }
end

--- Adds to every point its outcomes on every second prompt: `halves`, two points of their own. Of an odd
-- number of prompts the last is left out.
local function divide(by_seed)
  for _, runs in ipairs(by_seed) do
    for r, points in ipairs(runs) do
      runs[r] = {}
      for p, point in ipairs(points) do
        local halves = { { wins = {} }, { wins = {} } }
        for i = 1, #point.wins // 2 * 2 do table.insert(halves[(i - 1) % 2 + 1].wins, point.wins[i]) end
        for _, half in ipairs(halves) do
          local sum = 0.0
          for _, x in ipairs(half.wins) do sum = sum + x end
          half.win = sum / #half.wins
        end
        runs[r][p] = setmetatable({ halves = halves }, { __index = point })
      end
    end
  end
end

--- The sides of a list of arguments. Errors: there are fewer than `least` (2); a side has no points, or a
-- point no step, kl, win and wins; two sides have one label.
function sides.read(given, least)
  local list, seen = {}, {}
  for i, entry in ipairs(given) do
    list[i] = read(entry, i)
    local label = list[i].label
    if seen[label] then
      error(complaint("sides %d and %d are both called '%s': give { label =, points = run.points }",
        seen[label], i, label), 0)
    end
    seen[label] = i
    divide(list[i].by_seed)
  end
  if #list < (least or 2) then error(complaint("expected at least two runs, got %d", #list), 0) end
  return list
end

return options.strict("align.compare.sides", sides)
