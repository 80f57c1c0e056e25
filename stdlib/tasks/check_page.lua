--- The text of a calibration page, below what the task's help page says of it, and which requirements hold.
--
-- The peak is corrected for selection: the checkpoint is chosen by every other prompt and its win rate is of
-- the rest. A difference counts where it is more than two standard errors, over prompts alone.
local about = require "perilune.tasks.about"
local frontier = require "perilune.align.evaluate.frontier"
local measures = require "perilune.align.compare.measures"
local stats = require "perilune.align.evaluate.stats"
local text_table = require "perilune.align.evaluate.text_table"

--- Win rate of the odd (1) or even (0) prompts of a point.
local function half(point, which)
  local kept = {}
  for i = 2 - which, #point.wins, 2 do kept[#kept + 1] = point.wins[i] end
  return stats.summary(kept).mean
end

--- The difference of two points on the prompts that did not choose them: { mean, se }.
local function difference(a, b)
  local list = {}
  for i = 2, #a.wins, 2 do list[#list + 1] = a.wins[i] - b.wins[i] end
  return stats.summary(list)
end

--- The peak of runs: the point chosen by odd prompts.
local function peak_of(runs)
  local best
  for _, run in ipairs(runs) do
    for _, point in ipairs(run.points) do
      if not best or half(point, 1) > half(best, 1) then best = point end
    end
  end
  return best
end

--- The best point of the runs whose KL is so much larger than a KL that a fall shows, or nil.
local function beyond(runs, kl)
  local best
  for _, run in ipairs(runs) do
    for _, point in ipairs(run.points) do
      local is_beyond = point.kl >= measures.beyond * kl
      if is_beyond and (not best or half(point, 1) > half(best, 1)) then best = point end
    end
  end
  return best
end

local function by_label(found, label)
  local list = {}
  for _, run in ipairs(found.runs) do
    if run.label == label then list[#list + 1] = run end
  end
  return list
end

--- What one side does: its peak, and the fall from there to `last`.
local function side(found, label, last)
  local runs = by_label(found, label)
  local peak = peak_of(runs)
  local rise, finish = difference(peak, found.start), last(runs, peak)
  local fall = finish and difference(peak, finish)
  return { peak = peak, rise = rise, finish = finish, fall = fall, rises = rise.mean > 2 * rise.se,
    falls = fall ~= nil and fall.mean > 2 * fall.se }
end

local function last_point(runs) return runs[1].points[#runs[1].points] end

local function described(one)
  local words = ("peak %.2f at %.1f nats (step %d), %+.2f from the start"):format(
    half(one.peak, 0), one.peak.kl, one.peak.step, one.rise.mean)
  local none <const> = "%s; no measurement at %g times that KL"
  if not one.finish then return none:format(words, measures.beyond) end
  return words .. ("; %.2f at %.1f nats, a fall of %.2f (se %.2f)"):format(
    half(one.finish, 0), one.finish.kl, one.fall.mean, one.fall.se)
end

local function shown(value, format) return value and format:format(value) or "-" end

local function curve(run)
  local rows = {}
  for _, p in ipairs(run.points) do
    rows[#rows + 1] = { tostring(p.step), ("%.1f"):format(p.kl), ("%.2f"):format(p.win),
      shown(p.proxy_win, "%.2f"), shown(p.proxy_accuracy, "%.2f"), ("%.1f"):format(p.length),
      ("%.2f"):format(p.unfinished),
      shown(p.parts and p.parts.errors, "%.2f"), shown(p.parts and p.parts.content, "%.2f") }
  end
  return text_table(
    { "step", "KL", "win", "proxy's win", "proxy right", "length", "unfinished", "errors", "content" }, rows)
end

local function at_kls(found)
  local rows = {}
  for _, kl in ipairs { 1, 2, 4, 6, 8, 10, 15, 20 } do
    local row, any = { tostring(kl) }, false
    for _, label in ipairs { "online", "online by gold", "offline" } do
      local runs = {}
      for i, run in ipairs(by_label(found, label)) do runs[i] = run.points end
      local win = frontier.best_at_kl(runs, kl)
      any, row[#row + 1] = any or win ~= nil, shown(win, "%.2f")
    end
    if any then rows[#rows + 1] = row end
  end
  return text_table({ "KL", "online", "online by gold", "offline, pooled" }, rows)
end

--- The mean of a part of responses. One that is of some prompts alone (`task.shares`), such as refusals of
-- safe requests, is the mean over those.
local function part_of(task, parts, name)
  local among = (task.shares or {})[name]
  local value = parts and parts[name]
  if not (value and among) then return value end
  return parts[among] > 0 and value / parts[among] or nil
end

--- What gold sees at the start, at the peaks and at the ends: the cause of a rise or a fall.
local function parts_table(found, sides)
  local columns, header, names, rows = { found.start }, { "part", "start" }, {}, {}
  for _, one in ipairs(sides) do
    header[#header + 1], columns[#columns + 1] = one[1] .. ", peak", one[2].peak
    if one[2].finish then header[#header + 1], columns[#columns + 1] = one[1] .. ", later", one[2].finish end
  end
  for name in pairs(found.start.parts or {}) do names[#names + 1] = name end
  if #names == 0 then return "" end
  table.sort(names)
  for _, name in ipairs(names) do
    local row = { name }
    for i, point in ipairs(columns) do row[i + 1] = shown(part_of(found.task, point.parts, name), "%.2f") end
    rows[#rows + 1] = row
  end
  return text_table(header, rows)
end

--- The mean of the proxy's accuracy over the last third of the online points.
local function late_accuracy(run)
  local list, first = {}, #run.points - math.max(1, #run.points // 3) + 1
  for i = first, #run.points do list[#list + 1] = run.points[i].proxy_accuracy end
  return stats.summary(list).mean
end

return function(found)
  local online = side(found, "online", last_point)
  local offline = side(found, "offline", function(runs, peak) return beyond(runs, peak.kl) end)
  local gold = side(found, "online by gold", last_point)
  local best, proxy, late = found.best_of_start, found.proxy.mean, late_accuracy(by_label(found, "online")[1])
  local se = math.sqrt(0.25 / found.options.prompts)
  local list = {
    { "gain", best.mean > 0.5 + 2 * best.se,
      ("best of %d, by gold, wins %.2f against the start and %.2f against the golden policy"):format(
        found.options.best_of, best.mean, found.best_of_golden.mean) },
    { "proxy", proxy >= 0.7 and proxy <= 0.9,
      ("the proxy is right on %.1f %% of %d pairs of the start (70 to 90 wanted)"):format(
        100 * proxy, found.proxy.count) },
    { "exploited", proxy - late > 2 * se,
      ("the proxy is right on %.1f %% late in the online run"):format(100 * late) },
    { "online_rises", online.rises, "online: " .. described(online) },
    { "online_falls", online.falls, "  the same, to its last step" },
    { "offline_rises", offline.rises, "offline, pooled: " .. described(offline) },
    { "offline_falls", offline.falls,
      ("  the same, to the best at %g times the KL and beyond"):format(measures.beyond) },
    { "gold_holds", not gold.falls, "online by gold does not fall: " .. described(gold) },
  }
  local lines, holds = { about(found.task) }, {}
  if lines[1] then lines[2] = "" end
  local function add(...) lines[#lines + 1] = (...):format(select(2, ...)) end
  local cost = found.task.cost and ("cost %s, "):format(found.task.cost) or ""
  add("Calibration of %s: %sseed %d, %d steps", found.task.name, cost, found.options.seed, found.steps)
  for _, item in ipairs(list) do
    holds[item[1]] = item[2]
    lines[#lines + 1] = (item[2] and "yes  " or "no   ") .. item[3]
  end
  for _, c in ipairs(found.cycles or {}) do
    add("note: majorities of all raters go in a circle on %.1f %% of %d triples of %s, those of the raters "
      .. "asked on %.1f %%; those asked decide as all do on %.1f %% of pairs.",
      100 * c.cycles, c.count, c.of, 100 * c.asked_cycles, 100 * c.agreement)
  end
  for _, note in ipairs(found.notes) do lines[#lines + 1] = "note: " .. note end
  lines[#lines + 1] = "\n" .. at_kls(found)
  lines[#lines + 1] = parts_table(found,
    { { "online", online }, { "online by gold", gold }, { "offline", offline } })
  if found.costs then lines[#lines + 1] = found.costs.text end
  for _, run in ipairs(found.runs) do
    lines[#lines + 1] = ("%s, beta %g, lr %g"):format(run.label, run.beta, run.lr)
    lines[#lines + 1] = curve(run)
  end
  return holds, table.concat(lines, "\n")
end
