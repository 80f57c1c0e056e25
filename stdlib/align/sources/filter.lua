--- What a rule keeps of the batches of another source.
--
--   align.sources.filter { of = online, keep = function(pair) return #pair.chosen ~= #pair.rejected end }
--
-- `keep` is called with every pair as a plain table, or with every row where the batch has no pairs; where it
-- has groups, with a list of the rows of each: `keep = filter.rewards_differ` leaves groups out whose rewards
-- are all equal (dynamic sampling, Yu et al. 2025, arXiv:2503.14476, eq. 11). A batch of which nothing is
-- kept stays whole with weights 0, so the step has no gradient. Labels are counted before the filter.
--
-- Errors: `of` is no source; `keep` is no function.
--
--   > filter { of = { name = "mine", batch = print }, keep = print, rule = "short" }.name
--   filter { of = mine, rule = short }
local options = require "perilune.options"
local source = require "perilune.align.source"

local spec = options.spec("sources.filter", {
  { "of", options.required "table", "the source" },
  { "keep", options.required "function", "function(pair), of a row, or of a list of rows: true to keep it" },
  { "rule", "", "name of the rule in that of the source; a hash of its code unless given" },
})

local filter = {}

--- Whether the rows of a group have different rewards.
--
--   > local filter = require "perilune.align.sources.filter"
--   > filter.rewards_differ { { reward = 1 }, { reward = 0 } }
--   true
--   > filter.rewards_differ { { reward = 1 }, { reward = 1 } }
--   false
--   > type(filter.record)
--   function
function filter.rewards_differ(rows)
  for _, row in ipairs(rows) do
    if row.reward ~= rows[1].reward then return true end
  end
  return false
end

--- What `keep` and `weight` read of a unit: the record of a pair or a row, or a list of those of a group.
function filter.record(batch, number, unit)
  if batch:has_pairs() or not batch.group then return batch:record(number) end
  local rows = {}
  for i, row in ipairs(unit) do rows[i] = batch:record(row) end
  return rows
end

return setmetatable(filter, { __call = function(_, given)
  local o = spec:fill(given)
  source.checked(o.of, "sources.filter", "of")
  if o.rule == "" then o.rule = source.code(o.keep) end
  return source.composed(spec, o, { o.of }, {
    batch = function(_, step, ...)
      local batch, places = source.batch(o.of, step, ...), {}
      for i, unit in ipairs(batch:units()) do
        if o.keep(filter.record(batch, i, unit)) then places[#places + 1] = i end
      end
      if #places > 0 then return batch:select(places) end
      local nothing = batch:view()
      local weights = {}
      for i = 1, #batch.rows do weights[i] = 0 end
      nothing:set("weight", weights)
      return nothing
    end,
    labels = function(_, count) return source.labels(o.of, count) end,
    steps = o.of.steps,
  })
end })
