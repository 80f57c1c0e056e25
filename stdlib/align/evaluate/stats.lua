--- Means with standard errors, sums over unequal batches, and bootstrap resampling.
local limits = require "perilune.options.limits"
local options = require "perilune.options"
local system = require "perilune.system"
local tensor = require "perilune.tensor"

local stats = {}

--- Mean, standard error and count of a list of numbers: { mean, se, count }.
--
-- `se` is the sample standard deviation over sqrt(n), and NaN for one number. Errors: the list is empty; an
-- element is missing, no number or NaN; there are infinities of both signs.
--
--   > local stats = require "perilune.align.evaluate.stats"
--   > stats.summary({ 1, 0, 1, 0 }).mean
--   0.5
--   > stats.summary({ 1, 0 / 0 }, "win rate")
--   win rate: element 2 of 2 is nan
function stats.summary(values, name)
  name = name or "stats.summary"
  if type(values) ~= "table" then error(
    ("%s: expected a list of numbers, got %s"):format(name, type(values)), 2) end
  local n, sum, squares = #values, 0.0, 0.0
  if n == 0 then error(name .. ": expected at least one number, got an empty list", 2) end
  for i = 1, n do
    local x = values[i]
    if type(x) ~= "number" then error(
      ("%s: element %d of %d is a %s, expected a number"):format(name, i, n, type(x)), 2) end
    if x ~= x then error(("%s: element %d of %d is nan"):format(name, i, n), 2) end
    sum = sum + x
  end
  if sum ~= sum then error(name .. ": infinite numbers of both signs have no mean", 2) end
  local mean = sum / n
  for _, x in ipairs(values) do squares = squares + (x - mean) ^ 2 end
  return { mean = mean, se = n > 1 and math.sqrt(squares / (n - 1) / n) or 0 / 0, count = n }
end

--- Refuses what is no list of at least one finite number in the name `name`, pointing at the caller of the
-- function `level` (1) calls above.
--
--   > stats.check({ 1, math.huge }, "exact.sign_flip")
--   exact.sign_flip: element 2 of 2 is inf, expected a finite number
function stats.check(values, name, level)
  level = (level or 1) + 2
  if type(values) ~= "table" or #values == 0 then
    error(("%s: expected a list of numbers, got %s"):format(name, options.show(values)), level)
  end
  for i = 1, #values do
    local x = values[i]
    if type(x) ~= "number" or x - x ~= 0 then
      error(("%s: element %d of %d is %s, expected a finite number"):format(name, i, #values,
        options.show(x)), level)
    end
  end
end

--- Mean and variance of a list of numbers, over their number, not one less.
--
--   > stats.moments { 1, 3 }
--   2.0	1.0
function stats.moments(values)
  local sum, squares = 0, 0
  for _, x in ipairs(values) do sum = sum + x end
  local mean = sum / #values
  for _, x in ipairs(values) do squares = squares + (x - mean) ^ 2 end
  return mean, squares / #values
end

local Sums = {}
Sums.__index = Sums

--- An empty collection of sums and counts by name: the mean over unequal batches is the sum over the count.
--
--   > local m = stats.sums()
--   > m:add("rewards/accuracies", 3, 4)
--   > m:add("rewards/accuracies", 0, 1)
--   > m:mean "rewards/accuracies"
--   0.6
function stats.sums() return setmetatable({ sums = {}, counts = {}, names = {} }, Sums) end

--- Adds a sum over `count` tokens or rows. Errors: one of them is not a number.
function Sums:add(name, sum, count)
  if type(sum) ~= "number" or type(count) ~= "number" then
    error(("stats: %s takes a sum and a count, got %s and %s"):format(
      tostring(name), type(sum), type(count)), 2)
  end
  if not self.counts[name] then
    self.sums[name], self.counts[name] = 0.0, 0
    table.insert(self.names, name)
  end
  self.sums[name], self.counts[name] = self.sums[name] + sum, self.counts[name] + count
end

--- Adds all elements of a tensor.
--
--   > local T, m = require "perilune.tensor", stats.sums()
--   > m:add_all("loss", T{1, 2, 6})
--   > m:mean "loss"
--   3.0
function Sums:add_all(name, values) self:add(name, values:sum():item(), values:numel()) end

--- Adds the sums and counts of another collection.
--
--   > local a, b = stats.sums(), stats.sums()
--   > a:add("loss", 4, 1) b:add("loss", 2, 2) a:merge(b)
--   > a:mean "loss"
--   2.0
function Sums:merge(other)
  for _, name in ipairs(other.names) do self:add(name, other.sums[name], other.counts[name]) end
end

--- Sum over count, or nil where nothing was added.
function Sums:mean(name)
  local count = self.counts[name]
  if not count or count == 0 then return nil end
  return self.sums[name] / count
end

--- A table of all means by name.
--
--   > local m = stats.sums()
--   > m:add("loss", 4, 2)
--   > m:means().loss
--   2.0
function Sums:means()
  local means = {}
  for _, name in ipairs(self.names) do means[name] = self:mean(name) end
  return means
end

--- All sums and counts by name, as plain data: { [name] = { sum =, count = } }.
--
--   > local m = stats.sums()
--   > m:add("loss", 4, 2)
--   > m:list().loss.count
--   2
function Sums:list()
  local list = {}
  for _, name in ipairs(self.names) do list[name] = { sum = self.sums[name], count = self.counts[name] } end
  return list
end

local spec = options.spec("stats.resampling", {
  { "prompts", options.integer(nil, 1, limits.rows), "prompts of a resample, and to choose from" },
  { "clusters", 1, "seeds of a resample", least = 1, most = limits.rows },
  { "draws", 300, "resamples", least = 1 },
  { "seed", 0, "seed of the draws" },
})

local Resampling = {}
Resampling.__index = Resampling

--- Bootstrap resamples, drawn once and used for every figure of a report: `draws` resamples of `prompts`
-- prompts and of `clusters` seeds, both with replacement (Efron and Tibshirani 1993, ch. 13).
--
-- `resampling.uniforms[d]` has a uniform number in [0, 1) for each cluster of draw d: the choice of one of
-- the clusters that are there. A fixed `seed` gives fixed draws. Errors: `prompts` is missing, an option is
-- unknown or out of range.
--
--   > local r = stats.resampling { prompts = 2, clusters = 1, draws = 3 }
--   > r:means({ 1, 1 })[3]
--   1.0
--   > stats.resampling { prompts = 0 }
--   stats.resampling: option 'prompts' must be a whole number from 1 to 16777216, not 0
function stats.resampling(given)
  local o = spec:fill(given)
  local prompts, clusters, draws, seed = o.prompts, o.clusters, o.draws, o.seed
  local weights, lists = {}, {}
  for draw = 1, draws do
    local row, list = {}, {}
    for i = 1, prompts do row[i] = 0 end
    for i = 1, prompts do
      local chosen = 1 + math.floor(system.uniform(seed, "bootstrap/prompts", draw << 24 | i) * prompts)
      row[chosen] = row[chosen] + 1
    end
    for i = 1, clusters do list[i] = system.uniform(seed, "bootstrap/seeds", draw << 24 | i) end
    weights[draw], lists[draw] = row, list
  end
  return setmetatable({
    weights = tensor(weights, "f64"), uniforms = lists, draws = draws, prompts = prompts,
    cache = setmetatable({}, { __mode = "k" }),
  }, Resampling)
end

--- The mean of `values`, one number a prompt, in every draw: a list of `draws` numbers. Computed once for
-- each list.
function Resampling:means(values)
  local means = self.cache[values]
  if not means then
    if #values ~= self.prompts then
      error(("stats.resampling: %d values for %d prompts"):format(#values, self.prompts), 2)
    end
    means = (self.weights:matmul(tensor(values, "f64")) / self.prompts):totable()
    self.cache[values] = means
  end
  return means
end

--- As many draws of as many seeds, over half as many prompts: those of figures on one half of the prompts.
-- Errors: there is one prompt.
--
--   > stats.resampling({ prompts = 5, clusters = 1, draws = 3 }):halved().prompts
--   2
function Resampling:halved()
  if self.prompts < 2 then error("stats.resampling: halved() needs two prompts or more, there is 1", 2) end
  return stats.resampling { prompts = self.prompts // 2, clusters = #self.uniforms[1], draws = self.draws }
end

--- The ends of the central interval of a list of numbers that holds `share` of them (percentile method).
--
--   > (stats.percentiles({ 3, 1, 2, 5, 4 }, 0.6))
--   1
function stats.percentiles(values, share)
  local sorted = table.move(values, 1, #values, 1, {})
  table.sort(sorted)
  local function at(p) return sorted[math.max(1, math.min(#sorted, math.floor(p * #sorted + 0.5)))] end
  return at((1 - share) / 2), at((1 + share) / 2)
end

return options.strict("align.evaluate.stats", stats)
