--- What `after` of an experiment found in its jobs, a list of { outer, seed, setting, found }, as numbers.
local bootstrap = require "perilune.align.evaluate.bootstrap"
local options = require "perilune.options"

local findings = {}

--- The mean of `value(found)` in each repetition, whose seeds are averaged: a list.
--
--   > local findings = require "perilune.paper.reading.findings"
--   > local list = { { outer = 1, found = { kl = 2 } }, { outer = 1, found = { kl = 4 } } }
--   > findings.values(list, function(found) return found.kl end)[1]
--   3.0
function findings.values(list, value)
  return bootstrap.by_repetition(list, function(one) return value(one.found) end)
end

--- The mean over all findings of each element of the list `list_of(found)`, for the first `count`.
--
--   > local list = { { found = { y = { 1, 5 } } }, { found = { y = { 3, 5 } } } }
--   > table.concat(findings.means(list, 2, function(found) return found.y end), " ")
--   2.0 5.0
function findings.means(list, count, list_of)
  local means = {}
  for i = 1, count do
    local sum = 0.0
    for _, one in ipairs(list) do sum = sum + list_of(one.found)[i] end
    means[i] = sum / #list
  end
  return means
end

return options.strict("paper.reading.findings", findings)
