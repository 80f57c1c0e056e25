--- What an active source prefers to have labelled: a number for each of n pairs, the largest first.
--
-- `pool` has `rows` (k responses to each prompt, one after another; the first two are the pair), `count` = k,
-- `reference`, `policy`, `coin(i)`, `ensemble`, and `scores`, of each scorer of it a list, one number a row.
-- Each rule is a function(pool) and says what it `needs`.
local moments = require "perilune.align.evaluate.stats".moments
local tensor = require "perilune.tensor"

local acquisition = {}

local function sigmoid(x) return 1 / (1 + math.exp(-x)) end

--- log pi(y|x) of each row under the policy, at temperature 1.
local function logps(pool) return pool.rows:sums(pool.rows:column "logps"):totable() end

--- A number of each pair from the places of its first response: f(first).
local function each(pool, f)
  local values = {}
  for first = 1, #pool.rows, pool.count do values[#values + 1] = f(first) end
  return values
end

acquisition.rules = {}
acquisition.needs = { certainty = "reference", uncertainty = "reference", apl = "reference",
  disagreement = "ensemble", thompson = "ensemble" }

--- In any order.
function acquisition.rules.random(pool)
  return each(pool, function(first) return pool.coin(first) end)
end

--- Predictive entropy of the policy on a prompt: - 1/k sum log pi(y_i | x). Muldrew et al. 2024,
-- arXiv:2402.08114.
function acquisition.rules.entropy(pool)
  local values = logps(pool)
  return each(pool, function(first)
    local sum = 0
    for place = first, first + pool.count - 1 do sum = sum - values[place] end
    return sum / pool.count
  end)
end

--- Certainty of the implicit preference model: | log-ratio(y_1) - log-ratio(y_2) |, the margin of the rewards
-- over beta. Ibid.: what is certain and wrong has the largest gradient.
function acquisition.rules.certainty(pool)
  local own = logps(pool)
  local reference = tensor.no_grad(function() return (pool.reference:logps(pool.rows)) end):totable()
  return each(pool, function(i) return math.abs(own[i] - reference[i] - own[i + 1] + reference[i + 1]) end)
end

--- The smallest implicit margin first: the pairs that the policy cannot order.
function acquisition.rules.uncertainty(pool)
  local values = acquisition.rules.certainty(pool)
  for i, x in ipairs(values) do values[i] = -x end
  return values
end

--- Entropy, then certainty: the half of the pool with the larger entropy, ordered by certainty. Ibid., the
-- combination that the paper trains with.
function acquisition.rules.apl(pool)
  local entropy, certainty = acquisition.rules.entropy(pool), acquisition.rules.certainty(pool)
  local half = acquisition.largest(entropy, math.max(#entropy // 2, pool.least))
  local values = {}
  for i = 1, #entropy do values[i] = -math.huge end
  for _, i in ipairs(half) do values[i] = certainty[i] end
  return values
end

--- Variance over the ensemble of sigmoid(r(y_1) - r(y_2)), or what `judge.ensemble` says: the pairs about
-- which it disagrees most.
function acquisition.rules.disagreement(pool)
  if not pool.scores then
    local first = each(pool, function(place) return place end)
    local second = each(pool, function(place) return place + 1 end)
    return pool.ensemble:disagreement(pool.rows:select(first), pool.rows:select(second))
  end
  return each(pool, function(first) return acquisition.spread(pool.scores, first, first + 1) end)
end

--- Variance over the scorers of the probability that response a is preferred to b.
--
--   > local acquisition = require "perilune.align.acquisition"
--   > acquisition.spread({ { 0, 0 }, { 1e3, 0 } }, 1, 2)
--   0.0625
function acquisition.spread(scores, a, b)
  local values = {}
  for i, score in ipairs(scores) do values[i] = sigmoid(score[a] - score[b]) end
  local _, variance = moments(values)
  return variance
end

--- The places of the `count` largest values, in ascending order; of equal values the first.
--
--   > local acquisition = require "perilune.align.acquisition"
--   > table.concat(acquisition.largest({ 1, 5, 3, 5 }, 3), " ")
--   2 3 4
function acquisition.largest(values, count)
  local order, found = {}, {}
  for i = 1, #values do order[i] = i end
  table.sort(order, function(a, b)
    if values[a] ~= values[b] then return values[a] > values[b] end
    return a < b
  end)
  for i = 1, count do found[i] = order[i] end
  table.sort(found)
  return found
end

return acquisition
