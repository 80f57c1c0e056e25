--- Two responses to each prompt, drawn and ordered by a judge into a batch of pairs.
local options = require "perilune.options"
local system = require "perilune.system"
local batches = require "perilune.align.batch"
local filled = require "perilune.align.filled"
local judges = require "perilune.align.judge"
local penalty = require "perilune.align.penalty"
local sampling = require "perilune.align.sampling"

local ordered = {}

--- The options of sources that ask a judge about fresh responses.
ordered.options = options.spec("align.ordered", {
  { "judge", options.required "table|function",
    "of align.judge, or a function(prompt, a, b) that returns 1, 0, 0.5, true or false" },
  penalty.options,
  sampling.options,
})

--- The filled options of a source whose spec has `ordered.options`, and the judge that they describe.
function ordered.filled(spec, given)
  local o = spec:fill(sampling.given(given), 2)
  o.judge = judges.as_judge(o.judge)
  return o, penalty.judge(o.judge, o, spec.name)
end

--- A batch of pairs from two Rows with the same prompts. A tie prefers the first where `coin(i)` is below
-- 1/2. `facts` are the columns of the rows: entries of the first, then of the second. Where the judge has
-- faults, the column `true_label` is what the one without them says: 1, 0 or 1/2 for a tie.
function ordered.pairs(judge, first, second, coin, facts)
  local n, preferred = #first, judges.ask(judge, first, second, facts.step and facts.step[1])
  local places = {}
  for i = 1, n do
    local wins = preferred[i] > 0.5 or preferred[i] == 0.5 and coin(i) < 0.5
    places[i], places[n + i] = wins and i or n + i, wins and n + i or i
  end
  local columns = { rows = first:concat(second):select(places), pairs = true }
  local function add(name, column)
    columns[name] = {}
    for row, place in ipairs(places) do columns[name][row] = column[place] end
  end
  for name, column in pairs(facts) do add(name, column) end
  if judge.truth then add("true_label", judges.true_labels(judge, first, second)) end
  return batches.new(columns)
end

--- A batch of pairs as `ordered.pairs`, with the columns `step`, `checkpoint` and `writer` of `origin`.
function ordered.of_rows(judge, first, second, coin, origin)
  local n = #first
  local writer = filled(n, origin.writers[1])
  table.move(filled(n, origin.writers[2]), 1, n, n + 1, writer)
  return ordered.pairs(judge, first, second, coin, {
    step = filled(2 * n, origin.step), checkpoint = filled(2 * n, origin.checkpoint or ""), writer = writer,
  })
end

--- A coin for the ties of a step, one for each of its pairs.
function ordered.coin(seed, step, size)
  return function(i) return system.uniform(seed, "pairs/ties", step * size + i) end
end

--- The rows at every second place from `first` on.
local function every_second(rows, first)
  local places = {}
  for i = first, #rows, 2 do places[#places + 1] = i end
  return rows:select(places)
end

local function name_of(writer, policy)
  if writer == policy then return "policy" end
  return type(writer) == "table" and (rawget(writer, "kind") or rawget(writer, "name")) or "other"
end

--- Draws one response of `a` and one of `b` to each prompt and orders them by the judge. `o` says how they
-- are drawn; `origin` has `step`, `checkpoint` and optionally `writers`, names of a and b in place of their
-- own.
function ordered.draw(policy, a, b, prompts, o, judge, origin)
  local first, second, coin
  if a == b then
    -- A prompt is read once. The first of two responses of one policy is as good as a coin.
    local rows = sampling.draw(a, policy, prompts, o, "first", origin.step, 2)
    first, second = every_second(rows, 1), every_second(rows, 2)
    coin = function() return 0 end
  else
    first = sampling.draw(a, policy, prompts, o, "first", origin.step, 1)
    second = sampling.draw(b, policy, prompts, o, "second", origin.step, 1)
    coin = ordered.coin(o.seed, origin.step, #prompts)
  end
  local named = origin.writers or {}
  local writers = { named[1] or name_of(a, policy), named[2] or name_of(b, policy) }
  return ordered.of_rows(judge, first, second, coin,
    { step = origin.step, checkpoint = origin.checkpoint, writers = writers })
end

return ordered
