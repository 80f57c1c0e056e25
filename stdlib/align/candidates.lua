--- Several responses to each prompt, of which two are chosen to make a pair.
local batches = require "perilune.align.batch"
local filled = require "perilune.align.filled"
local judges = require "perilune.align.judge"

local candidates = {}

--- The place of the first of the largest of `score(place)` for places first..last, but not `without`.
--
--   > local candidates = require "perilune.align.candidates"
--   > candidates.best(math.abs, -5, 5), candidates.best(math.abs, -5, 5, -5)
--   -5	5
function candidates.best(score, first, last, without)
  local best, most
  for place = first, last do
    local value = place ~= without and score(place)
    if value and (not most or value > most) then best, most = place, value end
  end
  return best
end

--- A number for each of Rows, `count` responses to each prompt one after another: the judge's scores or, of a
-- judge without scores, the share of the others of its prompt that a response is preferred to. `step` is that
-- of the source, see `judge.ask`.
--
--   > local rows = require "perilune.models".rows
--   > local three = rows({ { 1 }, { 1 }, { 1 } }, { { 2 }, { 4 }, { 3 } })
--   > local judge = require "perilune.align.judge"
--   > local larger = judge.from_function("larger", function(_, a, b) return a[1] > b[1] end)
--   > local candidates = require "perilune.align.candidates"
--   > table.concat(candidates.scores(larger, three, 3), " ")
--   0.0 1.0 0.5
function candidates.scores(judge, rows, count, step)
  if type(judge.score) == "function" then return judges.scores(judge, rows) end
  local first, second, scores = {}, {}, {}
  for start = 1, #rows, count do
    for a = start, start + count - 2 do
      for b = a + 1, start + count - 1 do first[#first + 1], second[#second + 1] = a, b end
    end
  end
  for i = 1, #rows do scores[i] = 0.0 end
  for i, p in ipairs(judges.ask(judge, rows:select(first), rows:select(second), step)) do
    local a, b = first[i], second[i]
    scores[a], scores[b] = scores[a] + p / (count - 1), scores[b] + (1 - p) / (count - 1)
  end
  return scores
end

--- How many labels the scores of one prompt use.
function candidates.labels(judge, count)
  return type(judge.score) == "function" and count or count * (count - 1) // 2
end

--- The batch of pairs whose chosen and rejected responses are at these places of Rows. `columns` have lists
-- with an entry for each of Rows; `facts` are values that all rows share. Where the judge has faults, the
-- column `true_label` is as in `ordered.pairs`.
function candidates.pairs(judge, rows, chosen, rejected, columns, facts)
  local n, places = #chosen, {}
  table.move(chosen, 1, n, 1, places)
  table.move(rejected, 1, n, n + 1, places)
  local given = { rows = rows:select(places), pairs = true }
  for name, column in pairs(columns) do
    given[name] = {}
    for row, place in ipairs(places) do given[name][row] = column[place] end
  end
  for name, value in pairs(facts) do given[name] = filled(2 * n, value) end
  if judge.truth then
    given.true_label = judges.true_labels(judge, rows:select(chosen), rows:select(rejected))
  end
  return batches.new(given)
end

--- The responses at these places of Rows, one for each pair, as a column of a batch of pairs.
function candidates.twice(rows, places)
  local column, n = {}, #places
  for i, place in ipairs(places) do column[i], column[n + i] = rows:response(place), rows:response(place) end
  return column
end

--- Statistical rejection sampling: `count` of the places first..last, in the order of their acceptance.
--
--   accept y with probability exp((r(y) - max r) / beta), the maximum over those that are left
--
-- Candidates are gone through in order, again and again; `uniform()` gives the next number of [0, 1). What is
-- accepted follows p(y) exp(r(y) / beta) as the candidates grow in number. Liu et al. 2024, arXiv:2309.06657,
-- algorithm 1. A small beta takes the best, a large one any.
--
--   > local candidates = require "perilune.align.candidates"
--   > local function half() return 0.5 end
--   > table.concat(candidates.accepted({ 1, 3, 2 }, 1, 3, 2, 0.01, half), " ")
--   2 3
--   > table.concat(candidates.accepted({ 1, 3, 2 }, 1, 3, 2, 1e9, half), " ")
--   1 2
function candidates.accepted(scores, first, last, count, beta, uniform)
  local left, found = {}, {}
  for place = first, last do left[#left + 1] = place end
  while #found < count do
    local most, rest = -math.huge, {}
    for _, place in ipairs(left) do most = math.max(most, scores[place]) end
    for _, place in ipairs(left) do
      -- The best is accepted also where its score is infinite.
      local chance = scores[place] == most and 1 or math.exp((scores[place] - most) / beta)
      if #found < count and uniform() < chance then
        found[#found + 1] = place
      else
        rest[#rest + 1] = place
      end
    end
    left = rest
  end
  return found
end

return candidates
