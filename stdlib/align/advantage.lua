--- Advantages: rewards less a baseline, over groups of responses to one prompt, or token by token.
--
-- Everything here is arithmetic on numbers without gradient, in double precision. A missing reward is NaN.
local options = require "perilune.options"
local tensor = require "perilune.tensor"

local advantage = {}

-- What TRL adds to a deviation before it divides.
local floor = 1e-4
local nan <const> = 0 / 0

--- The entry `scale_rewards` with a default.
function advantage.scale(default)
  return { "scale_rewards", default,
    "what an advantage is divided by: the deviation of its group, that of the batch, or nothing",
    choices = { "group", "batch", "none" } }
end

--- The options of losses that standardise rewards, under TRL's names.
advantage.options = options.spec("align.advantage", {
  advantage.scale "group",
  { "reward_weights", options.optional "table", "weight of each reward function; 1 each unless given" },
  { "multi_objective_aggregation", "sum_then_normalize",
    "whether rewards of several functions are added before they are standardised or after",
    choices = { "sum_then_normalize", "normalize_then_sum" } },
})

--- Mean and unbiased deviation (n - 1) of numbers, without the missing ones. The deviation of one is 0.
--
--   > print(advantage.moments { 1, 3, 0/0 })
--   2.0	1.4142135623731
function advantage.moments(numbers)
  local sum, count, squares = 0, 0, 0
  for _, x in ipairs(numbers) do
    if x == x then sum, count = sum + x, count + 1 end
  end
  if count == 0 then return nan, nan end
  for _, x in ipairs(numbers) do
    if x == x then squares = squares + (x - sum / count) ^ 2 end
  end
  return sum / count, count > 1 and (squares / (count - 1)) ^ 0.5 or 0.0
end

--- Numbers less the mean of their group, over the deviation of the group, of all, or over 1. `units` lists
-- the places of each group.
--
--   > table.concat(advantage.standardised({ 1, 3, 5 }, { { 1, 2, 3 } }, "none"), " ")
--   -2.0 0.0 2.0
function advantage.standardised(numbers, units, scale)
  local result = {}
  local _, deviation = advantage.moments(numbers)
  for _, unit in ipairs(units) do
    local own = {}
    for i, place in ipairs(unit) do own[i] = numbers[place] end
    local mean, own_deviation = advantage.moments(own)
    local divisor = scale == "none" and 1 or (scale == "group" and own_deviation or deviation) + floor
    for i, place in ipairs(unit) do result[place] = (own[i] - mean) / divisor end
  end
  return result
end

--- The rewards of one function from the column `rewards`, a list of numbers a row.
local function rewards_of(column, k)
  local own = {}
  for row, given in ipairs(column) do own[row] = given[k] end
  return own
end

--- The weighted sum of lists of numbers: what is missing counts nothing; NaN where nothing is there.
local function weighted(lists, weights, count)
  local total = {}
  for row = 1, count do
    local sum, known = 0, false
    for k, list in ipairs(lists) do
      if list[row] == list[row] then sum, known = sum + (weights and weights[k] or 1) * list[row], true end
    end
    total[row] = known and sum or nan
  end
  return total
end

--- The rewards of each function, a list of numbers a row: those of the column `rewards`, or `reward` alone.
local function lists_of(batch)
  local column, most, lists = batch.rewards, 0, {}
  if not column then return { batch.reward:totable() } end
  for _, given in ipairs(column) do most = math.max(most, #given) end
  for k = 1, most do lists[k] = rewards_of(column, k) end
  return lists
end

--- The reward of each row as a list, the sum over the functions by weight; and the lists of the functions.
function advantage.rewards(batch, weights)
  local lists = lists_of(batch)
  if weights and #weights ~= #lists then
    error(("reward_weights has %d numbers for %d reward functions"):format(#weights, #lists), 0)
  end
  return weighted(lists, weights, #lists[1]), lists
end

--- Refuses groups that all have one response: there is nothing to compare its reward with.
function advantage.check_groups(units, where)
  for _, unit in ipairs(units) do
    if #unit > 1 then return end
  end
  error(where .. ": a group of one response has no advantage: draw several to each prompt", 0)
end

--- The numbers 1 to n: the places of one group of all rows.
function advantage.places(n)
  local all = {}
  for row = 1, n do all[row] = row end
  return all
end

--- The reward of each row less beta log(pi_old / pi_ref) of its response, as a list; `o` may have
-- `reward_weights` and `reward_clip_range`, which applies before the KL.
function advantage.with_kl(batch, o, beta)
  local rewards, range = advantage.rewards(batch, o.reward_weights), o.reward_clip_range
  local kl = beta > 0 and batch:sums(batch.old_logps - batch.ref_logps):totable()
  for row, reward in ipairs(rewards) do
    if range then reward = math.max(range[1], math.min(range[2], reward)) end
    rewards[row] = reward - (kl and beta * kl[row] or 0)
  end
  return rewards
end

--- Refuses a range that is no list of two numbers in order.
function advantage.check_range(where, name, range)
  if range and not (type(range[1]) == "number" and type(range[2]) == "number" and range[1] <= range[2]) then
    error(("%s: option '%s' must be a list of two numbers, the least and the most"):format(where, name), 0)
  end
end

--- The advantage of each row of a batch within its group, a tensor [n]; `o` has `advantage.options`. A row
-- without a reward has 0.
--
--   A_i = (R_i - mean of the group) / (deviation + 1e-4)
--
-- With "normalize_then_sum" the rewards of each function are standardised in their group, added by weight,
-- and the sums standardised over the batch (GDPO, Liu et al. 2026, arXiv:2601.05242).
function advantage.of_groups(batch, o)
  local units = batch:units()
  local rewards, lists = advantage.rewards(batch, o.reward_weights)
  local result
  if o.multi_objective_aggregation == "normalize_then_sum" then
    for k, list in ipairs(lists) do lists[k] = advantage.standardised(list, units, "group") end
    local sums = weighted(lists, o.reward_weights, #rewards)
    result = advantage.standardised(sums, { advantage.places(#rewards) }, "batch")
  else
    result = advantage.standardised(rewards, units, o.scale_rewards)
  end
  for row, a in ipairs(result) do result[row] = a == a and a or 0.0 end
  return tensor(result, batch.reward:dtype())
end

--- Each number less the mean of the others of its group: the baseline of RLOO. A response alone has 0.
--
--   > table.concat(advantage.leave_one_out({ 1, 3, 5 }, { { 1, 2, 3 } }), " ")
--   -3.0 0.0 3.0
function advantage.leave_one_out(numbers, units)
  local result = {}
  for _, unit in ipairs(units) do
    local sum, others = 0, #unit - 1
    for _, place in ipairs(unit) do sum = sum + numbers[place] end
    for _, place in ipairs(unit) do
      result[place] = others > 0 and numbers[place] - (sum - numbers[place]) / others or 0.0
    end
  end
  return result
end

--- Generalised advantages of one response, from rewards and values of its tokens, and the returns, advantage
-- and value: two lists. Schulman et al. 2015, arXiv:1506.02438; the value after the last is 0.
--
--   > table.concat(advantage.generalised({ 0, 0, 1 }, { 0.2, 0.3, 0.5 }, 1, 0.95), " ")
--   0.74125 0.675 0.5
function advantage.generalised(rewards, values, gamma, lambda)
  local found, returns, last, after = {}, {}, 0, 0
  for i = #rewards, 1, -1 do
    last = rewards[i] + gamma * after - values[i] + gamma * lambda * last
    found[i], returns[i], after = last, last + values[i], values[i]
  end
  return found, returns
end

--- A list of numbers with mean 0 and variance 1 (unbiased, plus 1e-8); with `keeps_mean` the mean stays.
function advantage.whitened(numbers, keeps_mean)
  local mean, deviation = advantage.moments(numbers)
  local scale, result = (deviation ^ 2 + 1e-8) ^ -0.5, {}
  for i, x in ipairs(numbers) do result[i] = (x - mean) * scale + (keeps_mean and mean or 0) end
  return result
end

return advantage
