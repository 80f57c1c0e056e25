--- A replay buffer: part of every batch is drawn from the batches that another source gave before.
--
--   align.sources.buffer { of = align.sources.online { ... }, age = 8, share = 0.5 }
--
-- A batch has as many pairs (or groups, or rows) as that of `of`: `share` of them are older ones, drawn
-- without replacement from the batches of the last `age` steps, the others are fresh. All fresh ones are kept
-- for later, also those that older ones replace. As long as the buffer has too few, more are fresh. The
-- column `age` is the number of steps since a pair was drawn, and the age of its writer then. Share 0 is the
-- source itself; a share of 1 trains on what was drawn at least one step before.
--
-- The buffer is saved with the run. Errors: `of` is no source; an option is missing, unknown or out of range.
--
--   > buffer { of = { name = "mine", batch = print }, age = 4 }.name
--   buffer { of = mine, age = 4 }
local options = require "perilune.options"
local system = require "perilune.system"
local tensor = require "perilune.tensor"
local batches = require "perilune.align.batch"
local memory = require "perilune.align.memory"
local source = require "perilune.align.source"

local spec = options.spec("sources.buffer", {
  { "of", options.required "table", "the source of fresh batches" },
  { "age", 16, "steps for which a batch is kept", least = 1 },
  { "share", 0.5, "part of a batch that is taken from the buffer", least = 0, most = 1 },
  { "seed", 0, "seed of what is taken" },
})

--- The first `count` numbers of a permutation of 1..total, as a list of lists: those of each batch.
local function taken(found, count, total, o, step)
  local order, places, start = system.permutation(math.max(total, 1), o.seed, "sources/buffer", step), {}, 0
  local chosen = {}
  for i = 1, count do chosen[order[i]] = true end
  for i, batch in ipairs(found) do
    places[i] = {}
    for unit = 1, #batch:units() do
      if chosen[start + unit] then table.insert(places[i], unit) end
    end
    start = start + #batch:units()
  end
  return places
end

--- A part of a batch with the column `age`: `steps` more than it had.
local function aged(batch, places, steps)
  local part = batch:select(places)
  local before = part.columns.age
  part:set("age", before and before + steps or tensor.full({ #part.rows }, steps))
  return part
end

return function(given)
  local o = spec:fill(given)
  source.checked(o.of, "sources.buffer", "of")
  local kept = memory()
  return source.composed(spec, o, { o.of }, {
    batch = function(_, step, ...)
      local fresh = source.batch(o.of, step, ...)
      local found, steps = kept:between(step - o.age, step - 1)
      local total, size = 0, #fresh:units()
      for _, batch in ipairs(found) do total = total + #batch:units() end
      local count = math.min(math.floor(o.share * size + 0.5), total)
      local places, parts = {}, {}
      for i = 1, size - count do places[i] = i end
      if #places > 0 then parts[1] = aged(fresh, places, 0) end
      for i, of_batch in ipairs(taken(found, count, total, o, step)) do
        if #of_batch > 0 then parts[#parts + 1] = aged(found[i], of_batch, step - steps[i]) end
      end
      kept:put(step, fresh, step - o.age)
      return batches.concat(parts)
    end,
    labels = function(_, count) return source.labels(o.of, count) end,
    steps = o.of.steps,
    state = function() return kept:state() end,
    restore = function(_, data) kept:restore(data) end,
  })
end
