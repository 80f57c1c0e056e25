--- The sides of a comparison: runs and lists of points as { label, by_seed }, checked.
local options = require "perilune.options"

local sides = {}

local function is_finite(value) return type(value) == "number" and value - value == 0 end

-- Rounding of a win rate that is a mean of outcomes.
local slack <const> = 1e-9

--- Whether a value is a win rate or an outcome, a number from 0 to 1.
--
--   > local sides = require "perilune.align.compare.sides"
--   > sides.is_win(0.5), sides.is_win(50), sides.is_win(0 / 0), sides.is_win "x"
--   true	false	false	false
function sides.is_win(value) return type(value) == "number" and value >= -slack and value <= 1 + slack end

local function check_points(points, where, refuse)
  if type(points) ~= "table" or #points == 0 then refuse("%s has no points", where) end
  for i, point in ipairs(points) do
    for _, key in ipairs { "step", "kl", "win" } do
      local value = type(point) == "table" and point[key]
      if not is_finite(value) then
        local message <const> =
          "point %d of %s has %s = %s, expected a finite number: evaluate with align.evaluate.measure"
        refuse(message, i, where, key, options.show(value))
      end
      if key == "win" and not sides.is_win(value) then
        refuse("point %d of %s has win = %s, expected a number from 0 to 1", i, where, value)
      end
    end
    if i > 1 and point.step <= points[i - 1].step then
      refuse("point %d of %s has step %g after %g, expected the order of steps", i, where, point.step,
        points[i - 1].step)
    end
    if type(point.wins) ~= "table" or #point.wins < 2 then
      refuse("point %d of %s needs the outcomes `wins` of at least two prompts", i, where)
    end
    local sum = 0.0
    for w = 1, #point.wins do
      local value = point.wins[w]
      if not sides.is_win(value) then
        refuse("point %d of %s has %s as outcome %d of `wins`, expected a number from 0 to 1", i, where,
          options.show(value), w)
      end
      sum = sum + value
    end
    if math.abs(sum / #point.wins - point.win) > 1e-3 then
      refuse("point %d of %s has win = %g and outcomes `wins` whose mean is %g", i, where, point.win,
        sum / #point.wins)
    end
  end
end

--- The lists of points of a list of runs.
local function points_of(runs, where, refuse)
  if type(runs) ~= "table" then refuse("%s is %s, expected a list of runs", where, options.show(runs)) end
  if #runs == 0 then refuse("%s has no runs", where) end
  local list = {}
  for r, run in ipairs(runs) do
    if type(run) ~= "table" then
      refuse("run %d of %s is %s, expected a run or a list of points", r, where, options.show(run))
    end
    list[r] = run.points or run
    check_points(list[r], ("run %d of %s"):format(r, where), refuse)
  end
  return list
end

--- The number of the repetition that a seed is of; nil where it is not given.
local function outer_of(runs, where, refuse)
  if runs.outer == nil then return nil end
  local outer = type(runs.outer) == "number" and math.tointeger(runs.outer)
  if not outer then
    refuse("%s has outer = %s, expected a whole number", where, options.show(runs.outer))
  end
  return outer
end

--- Label and seeds of an argument: a run of align.train, { label =, points = }, { label =, runs = } with a
-- run a seed, or { label =, by_seed = } with a list of pooled runs a seed.
local function read(entry, i, refuse)
  if type(entry) ~= "table" then refuse("side %d is %s, expected a run", i, options.show(entry)) end
  local label = rawget(entry, "label") or ("run %d"):format(i)
  if type(label) ~= "string" then
    refuse("side %d has label = %s, expected a text", i, options.show(label))
  end
  local by_seed = {}
  local of_seeds = entry.by_seed or entry.runs or { entry }
  if type(of_seeds) ~= "table" then
    refuse("'%s' has %s = %s, expected a list", label, entry.by_seed and "by_seed" or "runs",
      options.show(of_seeds))
  end
  for s, runs in ipairs(of_seeds) do
    local where = ("seed %d of '%s'"):format(s, label)
    by_seed[s] = points_of(entry.by_seed and runs or { runs }, where, refuse)
    if entry.by_seed then by_seed[s].outer = outer_of(runs, where, refuse) end
  end
  if #by_seed == 0 then refuse("'%s' has no runs", label) end
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

--- The sides of a list of arguments; errors begin with `where`, "align.compare" unless given. Errors: there
-- are fewer than `least`, 2 unless given; a side has no runs, or a point no step, kl, win or wins; `outer` is
-- no whole number; two sides have one label.
--
--   > local sides = require "perilune.align.compare.sides"
--   > sides.read({ { label = "online", by_seed = { {} } } }, 1)
--   align.compare: seed 1 of 'online' has no runs
--   > sides.read({}, 1, "align.claims")
--   align.claims: expected at least one side, got 0
function sides.read(given, least, where)
  local function refuse(message, ...) error((where or "align.compare") .. ": " .. message:format(...), 0) end
  if type(given) ~= "table" then refuse("expected a list of sides, got %s", options.show(given)) end
  local list, seen = {}, {}
  for i, entry in ipairs(given) do
    list[i] = read(entry, i, refuse)
    local label = list[i].label
    if seen[label] then
      refuse("sides %d and %d are both called '%s': give { label =, points = run.points }", seen[label], i,
        label)
    end
    seen[label] = i
    divide(list[i].by_seed)
  end
  local wanted = least == 1 and "one side" or "two runs"
  if #list < (least or 2) then refuse("expected at least %s, got %d", wanted, #list) end
  return list
end

return options.strict("align.compare.sides", sides)
