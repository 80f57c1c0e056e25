--- Batches of a fixed list of pairs, in a new order each epoch.
--
--   align.sources.offline(pairs, { batch = 32, seed = 1 })
--
-- `pairs` is a list of tables with `prompt`, `chosen` and `rejected`, lists of token ids, or a batch of
-- pairs. It is packed once; what a reference says of it is stored with it, so give the same source to several
-- runs.
--
-- Errors: a pair is none, or does not fit the model (before the first step); there are fewer pairs than a
-- batch.
--
--   > local one = { prompt = { 1 }, chosen = { 2 }, rejected = { 3 } }
--   > offline({ one, one }, { batch = 2 }):batch(1)[2].chosen[1]
--   2
--   > offline({}, { batch = 2 })
--   0 prompts or pairs do not fill a batch of 2
--   > offline({ one, { prompt = { 1 }, chosen = { 2 } } }, { batch = 2 })
--   sources.offline: pair 2 has no list of token ids 'rejected'
local options = require "perilune.options"
local batches = require "perilune.align.batch"
local source = require "perilune.align.source"

local spec = options.spec("sources.offline", {
  { "batch", 32, "pairs of a batch", least = 1 },
  { "seed", 0, "seed of the order" },
})

return function(pairs_given, given)
  local o = spec:fill(given)
  local dataset = batches.of_pairs(pairs_given, "sources.offline")
  return source.of_dataset(spec, o, dataset, "pairs/offline")
end
