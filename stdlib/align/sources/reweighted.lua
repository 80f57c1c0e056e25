--- The batches of another source, with a weight for every pair: its loss is multiplied by it.
--
--   align.sources.reweighted { of = online, weight = function(pair) return 0.9 ^ (pair.age or 0) end }
--
-- `weight` is called as `keep` of `sources.filter` and gives a number of at least 0. With `normalise` the
-- weights are divided by their mean over the batch, so the rate of training stays. A weight that `of` has
-- set is multiplied.
--
-- Errors: `of` is no source; a weight is negative or not finite; all weights of a batch are 0 and
-- `normalise` is set.
--
--   > reweighted { of = { name = "mine", batch = print }, weight = print, rule = "recent" }.name
--   reweighted { of = mine, rule = recent }
local options = require "perilune.options"
local tensor = require "perilune.tensor"
local source = require "perilune.align.source"
local filter = require "perilune.align.sources.filter"

local spec = options.spec("sources.reweighted", {
  { "of", options.required "table", "the source" },
  { "weight", options.required "function", "function(pair), of a row, or of a list of rows: its weight" },
  { "normalise", false, "weights are divided by their mean over the batch" },
  { "rule", "", "name of the rule in that of the source; a hash of its code unless given" },
})

return function(given)
  local o = spec:fill(given)
  source.checked(o.of, "sources.reweighted", "of")
  if o.rule == "" then o.rule = source.code(o.weight) end
  return source.composed(spec, o, { o.of }, {
    batch = function(_, step, ...)
      local batch = source.batch(o.of, step, ...)
      local view, units, weights, sum = batch:view(), batch:units(), {}, 0
      for i, unit in ipairs(units) do
        local weight = o.weight(filter.record(batch, i, unit))
        if type(weight) ~= "number" or not (weight >= 0 and weight < math.huge) then
          error(("sources.reweighted: weight %d is %s, expected a number of at least 0"):format(
            i, options.show(weight)), 0)
        end
        for _, row in ipairs(unit) do weights[row] = weight end
        sum = sum + weight
      end
      if o.normalise and sum == 0 then error("sources.reweighted: all weights of the batch are 0", 0) end
      local column = tensor(weights) * (o.normalise and #units / sum or 1)
      view:set("weight", batch.weight and batch.weight * column or column)
      return view
    end,
    labels = function(_, count) return source.labels(o.of, count) end,
    steps = o.of.steps,
  })
end
