--- Figures as sums and counts, so that a mean over unequal batches is never a mean of means.
--
--   > local metrics = require "perilune.align.metrics"
--   > local m = metrics.new()
--   > m:add("rewards/accuracies", 3, 4)
--   > m:add("rewards/accuracies", 0, 1)
--   > m:mean("rewards/accuracies")
--   0.6
local metrics = {}
metrics.__index = metrics

--- An empty collection.
function metrics.new()
  return setmetatable({ sums = {}, counts = {}, names = {} }, metrics)
end

--- Adds a sum over `count` tokens or pairs; both must be numbers.
function metrics:add(name, sum, count)
  if type(sum) ~= "number" or type(count) ~= "number" then
    error(("metrics: %s takes a sum and a count, got %s and %s"):format(tostring(name), type(sum), type(count)), 2)
  end
  if not self.counts[name] then
    self.sums[name], self.counts[name] = 0.0, 0
    table.insert(self.names, name)
  end
  self.sums[name] = self.sums[name] + sum
  self.counts[name] = self.counts[name] + count
end

--- Adds every element of a tensor: its sum, and how many there are.
--
--   > local T, m = require "perilune.tensor", metrics.new()
--   > m:add_all("loss", T{1, 2, 6})
--   > m:mean "loss"
--   3.0
function metrics:add_all(name, values)
  self:add(name, values:sum():item(), values:numel())
end

--- Adds what another collection holds.
--
--   > local a, b = metrics.new(), metrics.new()
--   > a:add("loss", 4, 1) b:add("loss", 2, 2) a:merge(b)
--   > a:mean "loss"
--   2.0
function metrics:merge(other)
  for _, name in ipairs(other.names) do self:add(name, other.sums[name], other.counts[name]) end
end

--- Sum over count, or nil where nothing was counted.
function metrics:mean(name)
  local count = self.counts[name]
  if not count or count == 0 then return nil end
  return self.sums[name] / count
end

--- A plain table of means by name.
--
--   > local m = metrics.new()
--   > m:add("loss", 4, 2)
--   > m:means().loss
--   2.0
function metrics:means()
  local means = {}
  for _, name in ipairs(self.names) do means[name] = self:mean(name) end
  return means
end

--- Mean, standard error (of independent terms) and count of a list of numbers.
--
--   > local metrics = require "perilune.align.metrics"
--   > metrics.summary({ 1, 0, 1, 0 }).mean
--   0.5
function metrics.summary(values)
  local n, sum, squares = #values, 0.0, 0.0
  for _, x in ipairs(values) do sum = sum + x end
  local mean = sum / n
  for _, x in ipairs(values) do squares = squares + (x - mean) ^ 2 end
  return { mean = mean, se = n > 1 and math.sqrt(squares / (n - 1) / n) or 0 / 0, count = n }
end

return require "perilune.options".strict("align.metrics", metrics)
