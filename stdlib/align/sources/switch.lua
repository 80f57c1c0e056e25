--- One source for the first steps and another one then: offline, then online.
--
--   align.sources.switch { before = align.sources.offline(pairs), steps = 200, after = online }
--
-- Both get the step of the run. Errors: one of them is no source; `steps` is missing.
--
--   > local a, b = { name = "a", batch = print }, { name = "b", batch = print }
--   > switch { before = a, steps = 100, after = b }.name
--   switch { before = a, steps = 100, after = b }
local options = require "perilune.options"
local source = require "perilune.align.source"

local spec = options.spec("sources.switch", {
  { "before", options.required "table", "source of the first batches" },
  { "steps", options.integer(nil, 1), "how many batches it gives" },
  { "after", options.required "table", "source of all later batches" },
})

return function(given)
  local o = spec:fill(given)
  source.checked(o.before, "sources.switch", "before")
  source.checked(o.after, "sources.switch", "after")
  if o.before.steps and o.before.steps < o.steps then
    error(("sources.switch: '%s' has batches for %d steps, fewer than %d"):format(
      o.before.name, o.before.steps, o.steps), 2)
  end
  return source.composed(spec, o, { o.before, o.after }, {
    batch = function(_, step, ...)
      return source.batch(step <= o.steps and o.before or o.after, step, ...)
    end,
    labels = function(_, count)
      local first = math.min(count, o.steps)
      local before, after = source.labels(o.before, first), source.labels(o.after, count - first)
      return before and after and before + after
    end,
    steps = o.after.steps,
  })
end
