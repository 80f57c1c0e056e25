--- How right judges and policies are on the stream of an online run.
--
-- Tang et al. 2024, arXiv:2405.08448, sec. 5.3.1 and fig. 6.
local findings = require "perilune.paper.reading.findings"
local judges = require "perilune.align.judge"
local options = require "perilune.options"
local plot = require "perilune.plot"
local policies = require "perilune.align.policy"
local tensor = require "perilune.tensor"

local stream = {}

--- Who is preferred by a judge, or by a policy read as a classifier: numbers above 0 for the first.
local function preferences(who, reference, first, second)
  if not policies.is(who) then
    local list = {}
    for i, p in ipairs(judges.ask(judges.as_judge(who), first, second)) do list[i] = p - 0.5 end
    return list
  end
  return tensor.no_grad(function()
    return (who:logps(first) - reference:logps(first)) - (who:logps(second) - reference:logps(second))
  end):totable()
end

--- The share of pairs on which two lists of preferences agree; a tie of either counts 1/2.
local function agreement(a, b)
  local sum = 0.0
  for i, x in ipairs(a) do
    local product = x * b[i]
    sum = sum + (product > 0 and 1 or product < 0 and 0 or 0.5)
  end
  return sum / #a
end

--- At most `wanted` pairs of a stream up to a step, the batches before it included.
local function some_pairs(batches_of, step, wanted)
  local first, second = {}, {}
  for i = step, 1, -1 do
    local batch = batches_of[i]
    local a, b = batch:pair_rows(1, math.min(wanted, #batch))
    first[#first + 1], second[#second + 1] = a, b
    wanted = wanted - #a
    if wanted <= 0 then break end
  end
  if #first == 1 then return first[1], second[1] end
  return first[1]:concat(table.unpack(first, 2)), second[1]:concat(table.unpack(second, 2))
end

--- The accuracy of each of `judged`, a table of judges and policies by name, on pairs of the stream of a run
-- that was recorded: { steps = {...}, [name] = {...} }, at `places` evenly spaced steps, of at most `pairs`
-- pairs each: those of the step's batch and, where it has fewer, of the batches before it. Gold orders them;
-- a policy prefers by its log-probabilities over those of `stage.start`, a tie counts 1/2.
--
--   > local of_pairs = require "perilune.align.batch".of_pairs
--   > local run = { stream = { of_pairs { { prompt = { 0 }, chosen = { 1, 1 }, rejected = { 2 } } },
--   >>   of_pairs { { prompt = { 0 }, chosen = { 3, 3 }, rejected = { 2 } } } } }
--   > local function longer(_, a, b) return #a > #b end
--   > local function larger(_, a, b) return a[1] > b[1] end
--   > local stage, o = { gold = longer }, { places = 2, pairs = 8 }
--   > local found = require "perilune.paper.reading.stream".accuracies(stage, run, { larger = larger }, o)
--   > table.concat(found.steps, " "), table.concat(found.larger, " ")
--   1 2	0.0 0.5
function stream.accuracies(stage, run, judged, o)
  local found = { steps = {} }
  local names = {}
  for name in pairs(judged) do
    names[#names + 1], found[name] = name, {}
  end
  table.sort(names)
  for place = 1, o.places do
    local step = math.max(1, place * #run.stream // o.places)
    if found.steps[#found.steps] ~= step then
      local first, second = some_pairs(run.stream, step, o.pairs)
      local gold = preferences(stage.gold, stage.start, first, second)
      found.steps[#found.steps + 1] = step
      for _, name in ipairs(names) do
        local list = found[name]
        list[#list + 1] = agreement(preferences(judged[name], stage.start, first, second), gold)
      end
    end
  end
  return found
end

local function mean(list, from, to)
  local sum = 0.0
  for i = from, to do sum = sum + list[i] end
  return sum / (to - from + 1)
end

--- The mean accuracy of `a` over the stream less that of `b`, one number a repetition.
--
--   > local stream = require "perilune.paper.reading.stream"
--   > local found = { { outer = 1, found = { a = { 0.9, 0.7 }, b = { 0.5, 0.5 } } } }
--   > ("%.1f"):format(stream.difference(found, "a", "b")[1])
--   0.3
function stream.difference(list, a, b)
  return findings.values(list, function(found)
    return mean(found[a], 1, #found[a]) - mean(found[b], 1, #found[b])
  end)
end

--- The accuracy of `name` in the last third of the stream less that in the first, one number a repetition.
--
--   > stream.change({ { outer = 1, found = { a = { 0.9, 0.7, 0.5 } } } }, "a")[1]
--   -0.4
function stream.change(list, name)
  return findings.values(list, function(found)
    local shares = found[name]
    local third = math.max(1, #shares // 3)
    return mean(shares, #shares - third + 1, #shares) - mean(shares, 1, third)
  end)
end

--- Adds the figure of the findings to a page: accuracy on the stream by step, means over repetitions. `list`
-- is what `stream.accuracies` found in each job, of the same steps: proxy, online, offline and online by gold
-- where they are there.
--
--   > local found = { steps = { 1, 2 }, proxy = { 0.9, 0.7 }, offline = { 0.5, 0.5 } }
--   > local page = { figure = function(_, figure, caption) print(caption, #figure:svg() > 0) end }
--   > stream.section(page, nil, { { outer = 1, found = found } })
--   Pairs of the stream, ordered by gold; policies are read as classifiers.	true
function stream.section(page, _, list)
  local figure = plot.figure {
    title = "Accuracy on the online stream", xlabel = "step", ylabel = "agreement with gold",
  }
  for _, name in ipairs { "proxy", "online", "offline", "online by gold" } do
    local x = list[1].found.steps
    if list[1].found[name] then
      local y = findings.means(list, #x, function(found) return found[name] end)
      figure:line { x = x, y = y, label = name, marker = "circle" }
    end
  end
  page:figure(figure, "Pairs of the stream, ordered by gold; policies are read as classifiers.")
end

return options.strict("paper.reading.stream", stream)
