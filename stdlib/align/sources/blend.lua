--- A mixture of sources by weight: within every batch, or one source a batch.
--
--   align.sources.blend { of = { offline, online }, weights = { 0.7, 0.3 } }
--
-- With `by = "unit"` every source gives its batch, and the first pairs (or groups, or rows) of each are taken
-- by weight, `batch` in all; the columns are those that all have. Labels that are not taken are lost: give
-- each source the batch that is taken of it. With `by = "batch"` the source of each step is drawn by weight,
-- and the others are not asked. All get the step of the run.
--
-- Errors: there are no sources; the weights are not one a source, negative or all 0; a source has fewer units
-- than are taken of it; one gives pairs and another none.
--
--   > local a, b = { name = "a", batch = print }, { name = "b", batch = print }
--   > blend { of = { a, b }, weights = { 3, 1 } }.name
--   blend { of = { a, b }, weights = { 3, 1 } }
--   > blend { of = { a, b }, weights = { 1 } }
--   sources.blend: 1 weights for 2 sources
local options = require "perilune.options"
local system = require "perilune.system"
local batches = require "perilune.align.batch"
local source = require "perilune.align.source"

local spec = options.spec("sources.blend", {
  { "of", options.required "table", "a list of sources" },
  { "weights", options.optional "table", "a number for each of them; all the same unless given" },
  { "by", "unit", "what the weights divide: the units of every batch, or the batches",
    choices = { "unit", "batch" } },
  { "batch", options.optional "integer",
    "units of a batch, by unit; as many as the first source gives unless given", least = 1 },
  { "seed", 0, "seed of the drawing of sources, by batch" },
})

--- The weights over their sum.
local function shares_of(o)
  local weights, shares, total = o.weights or {}, {}, 0
  if o.weights and #weights ~= #o.of then
    error(("sources.blend: %d weights for %d sources"):format(#weights, #o.of), 3)
  end
  for i in ipairs(o.of) do
    local weight = o.weights and weights[i] or 1
    if type(weight) ~= "number" or not (weight >= 0 and weight < math.huge) then
      error(("sources.blend: weight %d is %s, expected a number of at least 0"):format(
        i, options.show(weight)), 3)
    end
    shares[i], total = weight, total + weight
  end
  if total == 0 then error("sources.blend: all weights are 0", 3) end
  for i, weight in ipairs(shares) do shares[i] = weight / total end
  return shares
end

--- Whole numbers that add up to `size`, each within one of its share: the cumulated shares, rounded.
local function counts_of(shares, size)
  local counts, cumulated, before = {}, 0, 0
  for i, share in ipairs(shares) do
    cumulated = cumulated + share
    local upto = i == #shares and size or math.floor(cumulated * size + 0.5)
    counts[i], before = upto - before, upto
  end
  return counts
end

--- The first `count` units of the batch of a source.
local function first_units(batch, count, part)
  local size, places = #batch:units(), {}
  if size < count then
    error(("sources.blend: %d units of '%s' are taken, and its batch has %d"):format(
      count, part.name, size), 0)
  end
  for i = 1, count do places[i] = i end
  return batch:select(places)
end

return function(given)
  local o = spec:fill(given)
  if #o.of == 0 then error("sources.blend: 'of' must be a list of sources", 2) end
  for i, part in ipairs(o.of) do source.checked(part, "sources.blend", ("of[%d]"):format(i)) end
  local shares = shares_of(o)
  local function drawn(step)
    local u, cumulated = system.uniform(o.seed, "sources/blend", step), 0
    for i, share in ipairs(shares) do
      cumulated = cumulated + share
      if u < cumulated then return i end
    end
    return #shares
  end
  local function mixed(step, ...)
    local parts, counts = {}, nil
    for i, part in ipairs(o.of) do
      local batch = (shares[i] > 0 or i == 1) and source.batch(part, step, ...)
      counts = counts or counts_of(shares, o.batch or #batch:units())
      if counts[i] > 0 then parts[#parts + 1] = first_units(batch, counts[i], part) end
    end
    return batches.concat(parts)
  end
  return source.composed(spec, o, o.of, {
    batch = function(_, step, ...)
      if o.by == "batch" then return source.batch(o.of[drawn(step)], step, ...) end
      return mixed(step, ...)
    end,
    labels = function(_, count)
      local total, asked = 0, {}
      for step = 1, o.by == "batch" and count or 0 do
        local i = drawn(step)
        asked[i] = (asked[i] or 0) + 1
      end
      for i, part in ipairs(o.of) do
        local number = o.by == "batch" and (asked[i] or 0) or shares[i] > 0 and count or 0
        local labels = number == 0 and 0 or source.labels(part, number)
        if not labels then return nil end
        total = total + labels
      end
      return total
    end,
  })
end
